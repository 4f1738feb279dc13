package email

import (
	"strings"
	"testing"
)

func TestCheckHeaderValue(t *testing.T) {
	for _, ok := range []string{"", "plain", "tab\there", "Zoë 🎉", "%0d%0aBcc: x", strings.Repeat("x", MaxHeaderValue)} {
		if err := CheckHeaderValue(ok); err != nil {
			t.Errorf("%.40q refused: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"a\rb", "a\nb", "a\r\n b", "a\x00", "a\x1b", "a\x0b", "a\x7f",
		"a\u0085b", "a\u2028b", "a\u2029b", "a\u009bb", "\xff", "\xed\xa0\x80", strings.Repeat("x", MaxHeaderValue+1),
	} {
		if CheckHeaderValue(bad) == nil {
			t.Errorf("%.40q accepted", bad)
		}
	}
}

func TestCheckHeaderName(t *testing.T) {
	for _, ok := range []string{"X-Foo", "List-Unsubscribe", "In-Reply-To", "References", "Auto-Submitted", "X_1!"} {
		if err := CheckHeaderName(ok); err != nil {
			t.Errorf("%q refused: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", "X Foo", "X=Foo", "X-Foo:", "X-Foo\r\nBcc", "Xé", "X\t", "\x00", strings.Repeat("X", 65),
		"From", "to", "CC", "bcc", "Subject", "Date", "Message-Id", "Reply-To", "Sender", "Return-Path", "Received",
		"DKIM-Signature", "ARC-Seal", "Authentication-Results", "Content-Type", "content-id", "MIME-Version",
		"X-Gatepost-Id", "x-gatepost-foo", "Resent-Bcc",
	} {
		if CheckHeaderName(bad) == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestCheckFileName(t *testing.T) {
	for _, ok := range []string{"a.pdf", "naïve 🎉.pdf", `say "hi"; b.txt`, "...", strings.Repeat("x", 255)} {
		if err := CheckFileName(ok); err != nil {
			t.Errorf("%.40q refused: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "a/b", `a\b`, "a\r\nb", "a\x00", "=?utf-8?q?a?=", " a", "a ",
		"\xff", "a\u2028", strings.Repeat("x", 256),
	} {
		if CheckFileName(bad) == nil {
			t.Errorf("%.40q accepted", bad)
		}
	}
}

func TestReadHeader(t *testing.T) {
	h, err := ReadHeader(strings.NewReader("Subject: a\r\n b\r\nX: 1\r\nx: 2\r\n\r\nTo: body\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if h.Value("subject") != "a b" || strings.Join(h.Values("X"), ",") != "1,2" || h.Value("To") != "" {
		t.Fatalf("got %+v", h)
	}
	for name, bad := range map[string]string{
		"too many bytes":  "X: " + strings.Repeat("a\r\n ", MaxHeaderBytes/4) + "\r\n\r\n",
		"too many fields": strings.Repeat("X: a\r\n", MaxHeaderFields+1) + "\r\n",
		"no colon":        "Subject a\r\n\r\n",
		"blank first":     " Subject: a\r\n\r\n",
		"empty fold":      "Subject: a\r\n \r\n b\r\n\r\n",
		"not UTF-8":       "Subject: \xff\r\n\r\n",
	} {
		if _, err := ReadHeader(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
