package control

import (
	"slices"
	"strings"
	"testing"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

const composeScope = "https://www.googleapis.com/auth/gmail.compose"

// A consent for drafts turns them on; one whose box was left, or that does not ask
// for them any more, turns them off, and mail is sent as by others.
func TestConsentForDrafts(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	all := []string{"send", "look", "draft"}
	for _, c := range []struct {
		name             string
		purposes, leave  []string
		granted, missing []string
	}{
		{"asked for and allowed", all, nil, all, nil},
		{"its box was left", all, []string{composeScope}, []string{"send", "look"}, []string{"draft"}},
		{"allowed after all", all, nil, all, nil},
		{"not asked for any more", []string{"send", "look"}, nil, []string{"send", "look"}, nil},
		{"drafts and no look", []string{"send", "draft"}, nil, []string{"send", "draft"}, nil},
	} {
		id, r := w.consent(t, NewConsent{Credential: client, Address: grace, Purposes: c.purposes}, sandbox.Decision{Account: grace, Leave: c.leave})
		made, err := w.FinishConsent(t.Context(), w.grant, id, r)
		must(t, err)
		if !slices.Equal(made.Granted, c.granted) || !slices.Equal(made.Missing, c.missing) {
			t.Errorf("%s: granted %v, missing %v", c.name, made.Granted, made.Missing)
		}
		for purpose, setting := range map[string]string{"look": "may_look", "draft": "draft_fence"} {
			if on := strings.Contains(string(made.Account.Config), `"`+setting+`":true`); on != slices.Contains(c.granted, purpose) {
				t.Errorf("%s: settings %s", c.name, made.Account.Config)
			}
		}
		proof, err := w.CheckAccount(t.Context(), w.grant, made.Account.ID)
		must(t, err)
		if !proof.OK {
			t.Errorf("%s: proof %+v", c.name, proof)
		}
	}
}

// Drafts are the Gmail API's: smtp.gmail.com has none, and the consent says so at
// its start.
func TestConsentForDraftsIsOfTheGmailAPI(t *testing.T) {
	w := startGoogle(t, store.Options{Dir: t.TempDir()})
	client := w.oauthClient(t, "installed")
	_, err := w.StartConsent(t.Context(), w.grant, NewConsent{
		Credential: client, RedirectURI: back, Transport: "gmail_smtp", Purposes: []string{"smtp", "draft"},
	})
	wantInvalid(t, err, "purposes[1]", "gmail")
}
