package email

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"
	"time"
)

func TestIDMatchesTheTypeIDSpecification(t *testing.T) {
	// A pair of the specification's valid.json.
	u, err := ParseID("prefix", "prefix_01h455vb4pex5vsknk084sn02q")
	want := [16]byte{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57}
	if err != nil || u != want {
		t.Fatalf("%x %v", u, err)
	}
	if s := "prefix_" + encode(want); s != "prefix_01h455vb4pex5vsknk084sn02q" {
		t.Fatal(s)
	}
}

func TestNewIDSortsByTimeAndIsUUIDv7(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	last := ""
	for i := range 100 {
		id, err := NewID(PrefixMessage, now.Add(time.Duration(i)*time.Millisecond), random)
		if err != nil || id <= last {
			t.Fatalf("%s after %s: %v", id, last, err)
		}
		u, err := ParseID(PrefixMessage, id)
		if err != nil || u[6]>>4 != 7 || u[8]>>6 != 2 {
			t.Fatalf("%s: %x %v", id, u, err)
		}
		last = id
	}
}

func TestNewIDNeedsRandomBytes(t *testing.T) {
	if _, err := NewID(PrefixEvent, time.Now(), bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}

func TestParseIDRefuses(t *testing.T) {
	good := "01h455vb4pex5vsknk084sn02q"
	for _, s := range []string{
		"", good, "msg" + good, "evt_" + good, "msg_" + good[1:], "msg_" + good + "0",
		"msg_8" + good[1:], "msg_" + strings.ToUpper(good), "msg_" + strings.Replace(good, "h", "u", 1), " msg_" + good,
	} {
		if _, err := ParseID(PrefixMessage, s); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
