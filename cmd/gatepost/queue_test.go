package main

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
	"testing"

	"gatepost/client"
)

// Anything but a yes is a no.
func TestOrderIsAskedFor(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "yes": true, "\n": false, "no\n": false, "": false, "yess\n": false} {
		var out bytes.Buffer
		r := &remote{printer: &printer{out: &out, err: &out}}
		o := &ordering{verb: verbs()[4]}
		err := o.answered(r, bufio.NewReader(strings.NewReader(answer)), client.QueueOrdered{Messages: 2})
		if (err == nil) != want || !strings.Contains(out.String(), "2 messages would be canceled") {
			t.Errorf("%q: %v\n%s", answer, err, &out)
		}
	}
}

// Tab offers what the flags of queue take.
func TestCompletionOfQueue(t *testing.T) {
	_, f := sandboxed(t)
	vars := map[string]string{"GATEPOST_URL": f.APIURL, "GATEPOST_KEY": f.APIKey}
	for line, want := range map[string]string{
		"queue --lane": "bulk", "queue pause --account": f.Accounts[0].Address, "queue move --to": f.Accounts[0].Address,
		"queue hold --type": "otp", "queue cancel --state": "held", "queue --state": "unknown",
	} {
		code, out, errs := command(vars, append([]string{"__complete"}, append(strings.Fields(line), "")...)...)
		if !slices.Contains(strings.Split(out, "\n"), want) || code != exitOK {
			t.Errorf("%s: code %d: %s%s", line, code, out, errs)
		}
	}
}
