package gmail_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

const draftID = "msg_01jd2q0000e0080g40r40m30e2"

// draftMail is a message with gatepost's mark.
func draftMail(to string, size int) email.Bytes {
	return email.Bytes("From: ada@acme.example\r\nTo: " + to + "\r\nSubject: s\r\n" + email.HeaderID + ": " + draftID + "\r\n\r\n" +
		strings.Repeat("hello\r\n", 1+size/7))
}

func openDrafts(t *testing.T, w *sandbox.World, config string, scopes ...string) provider.Drafter {
	t.Helper()
	d, ok := openScoped(t, w, "ada@acme.example", config, scopes...).(provider.Drafter)
	if !ok {
		t.Fatal("the account does not send by drafts")
	}
	return d
}

// A draft of any size is made, known by its mark, sent once, and gone.
func TestDraftIsMadeAndSentOnce(t *testing.T) {
	w := providertest.StartWorld(t)
	for _, size := range []int{10, 3 << 20, 6 << 20} {
		d := openDrafts(t, w, `{"draft_fence": true, "may_look": false}`, gmail.ScopeDraft)
		env := email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example", "hidden@world.example"}}
		id, err := d.CreateDraft(t.Context(), env, draftMail("ann@world.example", size))
		if err != nil {
			t.Fatal(err)
		}
		if all, err := d.Drafts(t.Context(), nil); err != nil || all[id] != draftID {
			t.Errorf("drafts: %v, %v", all, err)
		}
		if there, err := d.HasDraft(t.Context(), id); err != nil || !there {
			t.Errorf("before it is sent: %t, %v", there, err)
		}
		before := strings.Count(readLedger(t, w), draftID)
		receipt, err := d.SendDraft(t.Context(), env, id)
		if err != nil || receipt.ProviderID == "" || len(receipt.Recipients) != 2 {
			t.Fatalf("%+v, %v", receipt, err)
		}
		if there, err := d.HasDraft(t.Context(), id); err != nil || there {
			t.Errorf("after it was sent: %t, %v", there, err)
		}
		_, err = d.SendDraft(t.Context(), env, id)
		var e *provider.Error
		if !errors.As(err, &e) || e.Class != provider.Unknown || e.Cause != provider.CauseDraftGone {
			t.Errorf("sent again: %v", err)
		}
		if n := strings.Count(readLedger(t, w), draftID) - before; n != 1 {
			t.Errorf("%d bytes: %d copies", size, n)
		}
	}
}

// What goes wrong when a draft is made leaves the message unsent, never unknown.
func TestDraftThatIsNotMadeIsNotUnknown(t *testing.T) {
	w := providertest.StartWorld(t)
	d := openDrafts(t, w, `{"draft_fence": true}`, gmail.ScopeDraft, gmail.ScopeLook)
	to := "fault.draft_error_after-once@world.example"
	env := email.Envelope{From: "ada@acme.example", Recipients: []string{to}}
	_, err := d.CreateDraft(t.Context(), env, draftMail(to, 10))
	var e *provider.Error
	if !errors.As(err, &e) || e.Class != provider.Retry {
		t.Errorf("made, and yet an error: %v", err)
	}
	all, err := d.Drafts(t.Context(), nil)
	if err != nil || len(all) != 1 {
		t.Fatalf("what was left behind: %v, %v", all, err)
	}
	for id := range all {
		if err := errors.Join(d.DeleteDraft(t.Context(), id), d.DeleteDraft(t.Context(), id)); err != nil {
			t.Errorf("delete it twice: %v", err)
		}
	}
	if all, err = d.Drafts(t.Context(), all); err != nil || len(all) != 0 {
		t.Errorf("after that: %v, %v", slices.Collect(maps.Keys(all)), err)
	}
	gone := "fault.draft_gone@world.example"
	env.Recipients = []string{gone}
	id, err := d.CreateDraft(t.Context(), env, draftMail(gone, 10))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = d.SendDraft(t.Context(), env, id); !errors.As(err, &e) || e.Cause != provider.CauseDraftGone {
		t.Errorf("a draft that disappeared: %v", err)
	}
	if strings.Contains(readLedger(t, w), draftID) {
		t.Error("something was sent")
	}
}

// Delivered, and yet an error: unknown; the draft is gone, and Sent shows the copy.
func TestDraftDeliveredButError(t *testing.T) {
	w := providertest.StartWorld(t)
	d := openDrafts(t, w, `{"draft_fence": true}`, gmail.ScopeDraft, gmail.ScopeLook)
	for _, c := range []struct {
		to    string
		there bool
	}{{"fault.error_after@world.example", false}, {"fault.cut_after@world.example", false}, {"fault.cut_before@world.example", true}} {
		env := email.Envelope{From: "ada@acme.example", Recipients: []string{c.to}}
		id, err := d.CreateDraft(t.Context(), env, draftMail(c.to, 10))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.SendDraft(t.Context(), env, id)
		var e *provider.Error
		if !errors.As(err, &e) || e.Class != provider.Unknown {
			t.Errorf("%s: %v", c.to, err)
		}
		if there, err := d.HasDraft(t.Context(), id); err != nil || there != c.there {
			t.Errorf("%s: the draft is there: %t, %v", c.to, there, err)
		}
	}
	found, err := d.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{draftID: true}, Since: time.Now()})
	if err != nil || found[draftID] == "" {
		t.Errorf("in Sent: %v, %v", found, err)
	}
}

// A delegation without gmail.compose holds the account and names the scope.
func TestDraftScopeMissing(t *testing.T) {
	w := providertest.StartWorld(t)
	d := openDrafts(t, w, `{"draft_fence": true}`, gmail.ScopeSend, gmail.ScopeLook)
	_, err := d.CreateDraft(t.Context(), email.Envelope{Recipients: []string{"ann@world.example"}}, draftMail("ann@world.example", 10))
	var e *provider.Error
	if !errors.As(err, &e) || e.Class != provider.Hold || !strings.Contains(e.Text, gmail.ScopeDraft) {
		t.Errorf("%v", err)
	}
}

// Between the guard's question and the last byte a process can stand still, and
// nobody can call its request back. Sent plainly, a message that another node has
// sent meanwhile goes twice; sent from a draft it goes once.
func TestFrozenBetweenGuardAndLastByte(t *testing.T) {
	for _, c := range []struct {
		name, config string
		copies       int
	}{{"plain", `{}`, 2}, {"by a draft", `{"draft_fence": true}`, 1}} {
		t.Run(c.name, func(t *testing.T) {
			w := providertest.StartWorld(t)
			env := email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}
			frozen := newFrozen()
			stuck := openWithScopes(t, w, providertest.Options{}, "ada@acme.example", c.config, []string{gmail.ScopeSend, gmail.ScopeLook, gmail.ScopeDraft})
			other := openWithScopes(t, w, providertest.Options{}, "ada@acme.example", c.config, []string{gmail.ScopeSend, gmail.ScopeLook, gmail.ScopeDraft})
			send := func(ctx context.Context, p provider.Provider) error {
				_, err := p.Send(ctx, env, draftMail("ann@world.example", 10))
				return err
			}
			if d, ok := other.(provider.Drafter); ok {
				id, err := d.CreateDraft(t.Context(), env, draftMail("ann@world.example", 10))
				if err != nil {
					t.Fatal(err)
				}
				send = func(ctx context.Context, p provider.Provider) error {
					_, err := p.(provider.Drafter).SendDraft(ctx, env, id)
					return err
				}
			}
			done := make(chan error, 1)
			go func() { done <- send(provider.WithGuard(context.Background(), frozen.guard), stuck) }()
			<-frozen.asked // the guard has said yes; the last bytes are still to go
			if err := send(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			close(frozen.goOn)
			err := <-done
			if n := strings.Count(readLedger(t, w), draftID); n != c.copies {
				t.Errorf("%d copies, want %d; the one who stood still was told %v", n, c.copies, err)
			}
		})
	}
}

// frozen is a process that stands still once its guard has been asked and has found
// nothing wrong.
type frozen struct {
	asked, goOn chan struct{}
	once        sync.Once
}

func newFrozen() *frozen { return &frozen{asked: make(chan struct{}), goOn: make(chan struct{})} }

func (f *frozen) guard() error {
	f.once.Do(func() { close(f.asked) })
	<-f.goOn
	return nil
}

// The setting is off unless it is asked for, and kept as it was given.
func TestDraftFenceIsASetting(t *testing.T) {
	for config, want := range map[string]bool{`{}`: false, `{"draft_fence": true}`: true, `{"draft_fence": true, "may_look": false}`: true} {
		whole, wrong := gmail.Kind().Validate(json.RawMessage(config))
		if len(wrong) > 0 || strings.Contains(string(whole), `"draft_fence":true`) != want {
			t.Errorf("%s: %s, %v", config, whole, wrong)
		}
		p := openScoped(t, providertest.StartWorld(t), "ada@acme.example", config, gmail.ScopeSend)
		if _, is := p.(provider.Drafter); is != want {
			t.Errorf("%s: sends by drafts: %t", config, is)
		}
	}
}
