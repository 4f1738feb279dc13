package faults

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"gatepost/client"
)

// While one account is flooded with mail that its provider takes slowly, mail of other
// accounts leaves at once.
func TestFloodedAccount(t *testing.T) {
	t.Parallel()
	const flood = 1000
	o := openOffice(t)
	account := o.mailbox(t, "flooded@acme.example")
	o.google.misbehave("flooded@acme.example", nil, func(*call) bool { time.Sleep(100 * time.Millisecond); return false })
	batch := client.NewBatch{}
	for range flood / 10 {
		batch.Messages = append(batch.Messages, client.NewMessage{Account: account, To: client.To("bob@example.org"), Subject: "s", Text: "t"})
	}
	for range 10 {
		if _, err := o.api.SendBatch(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	stop := o.stream(t)
	until(t, "some of the flood has left", patient, func() bool { return len(o.google.copies("flooded@acme.example")) > 150 })
	slowest, _ := stop()
	t.Logf("beside a flood of %d messages the slowest took %s", flood, slowest)
	if slowest > 2*time.Second {
		t.Errorf("mail of another account took %s", slowest)
	}
	q, err := o.api.Queue(t.Context(), client.QueueQuery{})
	if err != nil || len(q.Waiting) == 0 || q.Waiting[0].Account != account {
		t.Errorf("the queue tells of nothing that waits: %+v, %v", q, err)
	}
}

// A process that is stopped in the middle of a send, longer than the attempt may last, and then
// goes on: the outcome is looked for, and one copy has arrived.
func TestStoppedInTheMiddleOfASend(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	const address = "frozen@acme.example"
	account := o.mailbox(t, address)
	for name, f := range map[string]struct {
		how  func(*call)
		then []string
	}{
		"that is taken":     {taken(hang), found},
		"that is not taken": {hang, again},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(o.google.copies(address))
			began := make(chan struct{})
			o.google.misbehave(address, nil, once(func(c *call) { close(began); f.how(c) }))
			id := o.send(t, account, "bob@example.org")
			<-began
			if err := o.process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			time.Sleep(patience + time.Second)
			if err := o.process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			o.meets(t, id, unsure("no_answer", f.then, maybe), func() []copied { return o.google.copies(address)[before:] }, nil)
		})
	}
}

// Mail of a mailbox goes on by its pool's other account while the first one's provider is in
// trouble, and the explanation says which account took it.
func TestTroubledMemberOfAPool(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	down, up := startRelay(t, &relay{script: every("GREETING", "421 4.3.2 closing\r\n")}), startRelay(t, &relay{})
	first, second := o.through(t, "first@acme.example", down, "none"), o.through(t, "second@acme.example", up, "none")
	allowed := []string{"@acme.example"}
	for _, id := range []string{first, second} {
		if _, err := o.api.ChangeAccount(t.Context(), id, client.ChangeAccount{Senders: &allowed}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.api.CreatePool(t.Context(), client.NewPool{
		Name: "both", Strategy: "failover", Members: []client.PoolMember{{Account: first}, {Account: second}},
	}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 10 {
		made, err := o.api.Send(t.Context(), client.NewMessage{Account: "both", From: &client.Address{Address: "app@acme.example"}, To: client.To("bob@example.org"), Subject: "s", Text: "t"}, "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	for _, id := range ids {
		o.arrives(t, id)
		if x := o.explain(t, id); x.Account.Address != "second@acme.example" {
			t.Errorf("it went by %q", x.Account.Address)
		}
	}
	if n := len(up.copies()); n != len(ids) {
		t.Errorf("%d copies of %d messages", n, len(ids))
	}
	a := o.account(t, first)
	if a.Status != "resting" || a.ParkedUntil == nil || !strings.Contains(a.Reason, "in a row met trouble at its server") {
		t.Errorf("the account in trouble is %s: %s", a.Status, a.Reason)
	}
}
