package email

import (
	"bytes"
	"strings"
	"testing"
)

// madeOf is the message that a mail library would make of a subject and a text: one that
// draws something of its own each time.
func madeOf(random, subject, text string) []byte {
	return []byte(strings.ReplaceAll(strings.NewReplacer("\n", "\r\n", "RANDOM", random, "SUBJECT", subject, "TEXT", text).Replace(`Received: from app by mta; RANDOM
From: ada@acme.example
To: bob@example.com
Date: RANDOM
Message-ID: <RANDOM@acme.example>
Subject: SUBJECT
Content-Type: multipart/related;
 boundary="--==RANDOM=outer"

----==RANDOM=outer
Content-Type: multipart/alternative; boundary=RANDOM-inner

--RANDOM-inner
Content-Type: text/html

TEXT <img src="cid:RANDOM@image">
--RANDOM-inner--
----==RANDOM=outer
Content-Type: image/png
Content-ID: <RANDOM@image>

png
----==RANDOM=outer--
`), "\r\r", "\r"))
}

func TestOutline(t *testing.T) {
	one := Outline(madeOf("0123456789", "s", "t"))
	if !bytes.Equal(one, Outline(madeOf("abcdefghijklm", "s", "t"))) {
		t.Errorf("made again of the same, and told apart:\n%s\n%s", one, Outline(madeOf("abcdefghijklm", "s", "t")))
	}
	for name, other := range map[string][]byte{
		"subject": madeOf("0123456789", "S", "t"), "text": madeOf("0123456789", "s", "T"),
		"recipient": bytes.Replace(madeOf("0123456789", "s", "t"), []byte("bob"), []byte("eve"), 1),
		"image":     bytes.Replace(madeOf("0123456789", "s", "t"), []byte("\r\npng"), []byte("\r\ngif"), 1),
	} {
		if bytes.Equal(one, Outline(other)) {
			t.Errorf("another %s, and taken for the same", name)
		}
	}
	if bad := []byte("no header\r\n\r\nx"); !bytes.Equal(Outline(bad), bad) {
		t.Error("a message that is not well formed was changed")
	}
}
