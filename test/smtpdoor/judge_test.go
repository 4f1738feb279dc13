package smtpdoor

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// judge waits until a program's messages have come to the provider, each once, and compares the bytes.
func (d *door) judge(t *testing.T, p program, given []letter) {
	t.Helper()
	var taken map[string][]entry
	until(t, "all messages have come", func() bool {
		taken = d.ledger(t, p.address())
		return total(taken) >= len(given)
	})
	want := map[string]int{}
	for _, l := range given {
		want[l.to[0]]++
	}
	for _, l := range given {
		if got := taken[l.to[0]]; len(got) != want[l.to[0]] {
			t.Errorf("message %d came %d times", l.n, len(got))
			continue
		}
		for _, e := range taken[l.to[0]] {
			d.compare(t, p, l, e)
		}
		if t.Failed() {
			return // the rest is alike
		}
	}
}

func total(taken map[string][]entry) (n int) {
	for _, l := range taken {
		n += len(l)
	}
	return n
}

// compare holds a message that the provider took against the one that the program was given.
func (d *door) compare(t *testing.T, p program, given letter, e entry) {
	t.Helper()
	if diff := cmp.Diff(given.to, e.Recipients); diff != "" {
		t.Errorf("message %d, recipients:\n%s", given.n, diff)
	}
	got := d.raw(t, e.ID)
	if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != e.SHA256 {
		t.Errorf("message %d: the ledger is of other bytes", given.n)
	}
	added := slices.Clone(p.adds)
	for _, name := range []string{"Date", "Message-ID"} {
		if !hasField(given.header, name) {
			added = append(added, name)
		}
	}
	rest, ours := strip(got, append(added, "X-Gatepost-Id"))
	for _, name := range []string{"Date", "Message-ID", "X-Gatepost-Id"} {
		if n := count(ours, name); n > 1 || n == 0 && !hasField(given.header, name) {
			t.Errorf("message %d has %d fields %s", given.n, n, name)
		}
	}
	if want := string(given.text()) + p.tail; string(rest) != want {
		t.Errorf("message %d is not what was given:\n%s", given.n, cmp.Diff(want, string(rest)))
	}
}

func hasField(header, name string) bool {
	return strings.Contains("\r\n"+strings.ToLower(header), "\r\n"+strings.ToLower(name)+":")
}

func count(fields []string, name string) (n int) {
	for _, f := range fields {
		if strings.EqualFold(f, name) {
			n++
		}
	}
	return n
}

// strip takes fields out of a message, and tells which were there.
func strip(raw []byte, names []string) (rest []byte, found []string) {
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	out := false
	for line := range bytes.Lines(append(header, '\r', '\n')) {
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			if out = slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(name)) }); out {
				found = append(found, string(name))
			}
		}
		if !out {
			rest = append(rest, line...)
		}
	}
	return append(append(rest, '\r', '\n'), body...), found
}
