package control

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func relay(address string, credential email.ID, config string) NewAccount {
	return NewAccount{Address: address, Transport: "smtp", Credential: credential, Config: []byte(config)}
}

// A password goes to the server that it was given for, and to no other, whatever
// becomes of the accounts that use it.
func TestPasswordStaysWhereItWasGiven(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		ctx := t.Context()
		made, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
		must(t, err)
		a, err := w.CreateAccount(ctx, w.grant, relay("a@b.example", made.ID, `{"host": "SMTP.corp.example.", "user": "boss"}`))
		must(t, err)
		refused := func(when string) {
			t.Helper()
			for field, config := range map[string]string{
				"smtp.host": `{"host": "evil.example", "user": "boss"}`, "smtp.port": `{"host": "smtp.corp.example", "user": "boss", "port": 2525}`,
				"smtp.tls": `{"host": "smtp.corp.example", "user": "boss", "port": 587, "tls": "implicit"}`, "smtp.user": `{"host": "smtp.corp.example"}`,
			} {
				_, err := w.CreateAccount(ctx, w.grant, relay("c@d.example", made.ID, config))
				wantInvalid(t, err, field, "given for smtp.corp.example:587 starttls user boss")
				if when != "" {
					continue
				}
				_, err = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Config: []byte(config)})
				wantInvalid(t, err, field, "POST /v1/credentials")
			}
		}
		refused("")
		none := email.ID("")
		_, err = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Credential: &none, Config: []byte(`{"host": "evil.example"}`)})
		must(t, err)
		_, err = w.UpdateAccount(ctx, w.grant, a.ID, ChangeAccount{Credential: &made.ID})
		wantInvalid(t, err, "smtp.host", "given for")
		_, err = w.ReplaceCredential(ctx, w.grant, made.ID, password("correct horse"))
		must(t, err)
		refused("the secret was replaced")
		must(t, gone(w.DeleteAccount(ctx, w.grant, a.ID)))
		refused("the account is gone")
		again, err := w.CreateAccount(ctx, w.grant, relay("a@b.example", made.ID, `{"host": "smtp.corp.example", "user": "boss", "max_connections": 3}`))
		must(t, err)

		fresh, err := w.CreateCredential(ctx, w.grant, password("hunter2"))
		must(t, err)
		moved, err := w.UpdateAccount(ctx, w.grant, again.ID, ChangeAccount{Credential: &fresh.ID, Config: []byte(`{"host": "other.example"}`)})
		must(t, err)
		all, err := w.Credentials(ctx, w.grant)
		must(t, err)
		if moved.Credential != fresh.ID || len(all) != 2 || publicOf(all[1].Public, "given_for") != "other.example:587 starttls" || publicOf(all[0].Public, "host") != "smtp.corp.example" {
			t.Errorf("account %+v, credentials %s and %s", moved, all[0].Public, all[1].Public)
		}
	})
}

// Of accounts that are the first to use a password at the same time, those at one
// place have it.
func TestFirstPlaceIsOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		made, err := w.CreateCredential(t.Context(), w.grant, password("hunter2"))
		must(t, err)
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				_, _ = w.CreateAccount(t.Context(), w.grant, relay(fmt.Sprintf("a%d@b.example", i), made.ID, fmt.Sprintf(`{"host": "smtp%d.example"}`, i%3)))
			})
		}
		wg.Wait()
		all, err := w.Accounts(t.Context(), w.grant)
		must(t, err)
		hosts := map[string]bool{}
		for _, a := range all {
			p, err := placeOf(a.Config)
			must(t, err)
			hosts[p.Host] = true
		}
		if len(hosts) != 1 {
			t.Errorf("the password goes to %v", hosts)
		}
	})
}

// Without authorities of one's own a server needs a certificate of the system's;
// naming some is another place.
func TestOwnAuthorityIsPartOfThePlace(t *testing.T) {
	one, err := placeOf([]byte(`{"host": "::1", "port": 587, "tls": "starttls", "ca": "x"}`))
	must(t, err)
	if !strings.HasPrefix(one.For, "[::1]:587 starttls ca sha256:") || one.CA == fingerprint("y") || fingerprint("") != "" {
		t.Errorf("place %+v", one)
	}
	var wrong problems
	wrong.place("smtp", place{Host: one.Host, Port: one.Port, TLS: one.TLS}, []byte(`{"given_for": "x", "host": "::1", "port": "587", "tls": "starttls", "user": "", "ca": "`+one.CA+`"}`))
	wantInvalid(t, wrong.err(), "smtp.ca", "given for x")
}
