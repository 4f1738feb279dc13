package control

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/access"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func (w *world) pool(t *testing.T, name string, members ...string) string {
	t.Helper()
	p := store.Pool{Team: w.grant.Team, ID: "pool_" + name, Name: name, Strategy: "headroom"}
	for _, m := range members {
		p.Members = append(p.Members, store.PoolMember{Account: m, Weight: 1})
	}
	must(t, w.store.AddPool(t.Context(), &p))
	return p.ID
}

// What a key is to be bound to is read as it is compared later, and told again.
func TestKeyBounds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		must(t, w.store.AddAccount(t.Context(), &store.Account{Team: w.grant.Team, ID: "acc_1", Address: "app@acme.example", Transport: "smtp", Config: []byte("{}")}))
		pool := w.pool(t, "Shop", "acc_1")
		for name, id := range map[string]string{"acc_1": "acc_1", "app@ACME.example": "acc_1", "shop": pool, pool: pool} {
			b := KeyBounds{
				Senders: []string{"Scan@ACME.example", "@BÜRO.example"}, Networks: []string{"::ffff:192.0.2.7", " 2001:DB8::/32"},
				Account: name, Rate: 20, Daily: 500, RewriteFrom: true,
			}
			plain, made, err := w.CreateKey(t.Context(), w.grant, NewKey{Name: "scanner", Scopes: []string{access.ScopeMessagesSend}, KeyBounds: b})
			must(t, err)
			want := KeyBounds{
				Senders: []string{"Scan@acme.example", "@xn--bro-hoa.example"}, Networks: []string{"192.0.2.7", "2001:db8::/32"},
				Account: id, Rate: 20, Daily: 500, RewriteFrom: true,
			}
			if d := cmp.Diff(want, made.KeyBounds); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			list, err := w.Keys(t.Context(), w.grant)
			must(t, err)
			if i := slices.IndexFunc(list, func(k Key) bool { return k.ID == made.ID }); i < 0 || !cmp.Equal(list[i].KeyBounds, want) {
				t.Errorf("listed as %+v", list)
			}
			g, err := access.Authenticate(t.Context(), w.store, plain.Reveal(), netip.MustParseAddr("2001:db8::9"), w.cfg.Now())
			must(t, err)
			if !slices.Equal(g.Senders, want.Senders) || g.Account != id || g.Rate != 20 || g.Daily != 500 || !g.RewriteFrom {
				t.Errorf("%+v", g)
			}
		}
	})
}

// All that is wrong is told at once, over the API and in the folder alike.
func TestWrongKeyBounds(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	n := NewKey{Name: "x", Scopes: []string{"*"}, KeyBounds: KeyBounds{
		Senders: []string{"a@b.example", "nobody", "@"}, Networks: []string{"192.0.2.1/24", "here"}, Account: "x@y.example", Rate: -1, Daily: 2_000_000_000,
	}}
	_, _, err := w.CreateKey(t.Context(), w.grant, n)
	_, _, local := w.FirstKey(t.Context(), w.grant.Team, n)
	for _, err := range []error{err, local} {
		var invalid *Invalid
		if !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		var fields []string
		for _, p := range invalid.Problems {
			fields = append(fields, p.Field)
		}
		if d := cmp.Diff([]string{"senders[1]", "senders[2]", "networks[0]", "networks[1]", "rate", "daily", "account"}, fields); d != "" {
			t.Error(d, invalid.Problems)
		}
	}
	wantInvalid(t, err, "networks[0]", "write 192.0.2.0/24 for the network")
	wantInvalid(t, err, "account", "no such account or pool")
	wantInvalid(t, err, "rate", "from 1 to")
}

// A key makes and ends keys that are bound as tightly as itself, and no others.
func TestKeysMakeTighterKeys(t *testing.T) {
	w := start(t, store.Options{Dir: t.TempDir()})
	must(t, w.store.AddAccount(t.Context(), &store.Account{Team: w.grant.Team, ID: "acc_1", Address: "app@acme.example", Transport: "smtp", Config: []byte("{}")}))
	w.pool(t, "Shop", "acc_1")
	g := access.Grant{
		Team: w.grant.Team, Scopes: []string{access.ScopeAll}, Senders: []string{"app@acme.example", "@shop.example"},
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}, Account: "acc_1", Rate: 10, Daily: 100,
	}
	as := KeyBounds{Senders: []string{"app@acme.example"}, Networks: []string{"192.0.2.0/24"}, Account: "acc_1", Rate: 10, Daily: 100}
	for _, c := range []struct {
		change      func(*KeyBounds)
		field, text string
	}{
		{func(*KeyBounds) {}, "", ""},
		{func(b *KeyBounds) { b.Senders = []string{"@shop.example", "x@shop.example"} }, "", ""},
		{func(b *KeyBounds) { b.Networks = []string{"192.0.2.9", "2001:db8:1::/48"} }, "", ""},
		{func(b *KeyBounds) { b.Rate, b.Daily, b.Account, b.RewriteFrom = 1, 1, "app@acme.example", true }, "", ""},
		{func(b *KeyBounds) { b.Senders = nil }, "senders", "may send only as app@acme.example, @shop.example"},
		{func(b *KeyBounds) { b.Senders = append(b.Senders, "eve@acme.example") }, "senders[1]", "more than this API key may"},
		{func(b *KeyBounds) { b.Senders = []string{"@acme.example"} }, "senders[0]", "more than this API key may"},
		{func(b *KeyBounds) { b.Senders = []string{"x@a.shop.example"} }, "senders[0]", "more than this API key may"},
		{func(b *KeyBounds) { b.Networks = nil }, "networks", "only from 192.0.2.0/24, 2001:db8::/32"},
		{func(b *KeyBounds) { b.Networks = []string{"192.0.2.0/23"} }, "networks[0]", "more than this API key may"},
		{func(b *KeyBounds) { b.Networks = []string{"192.0.2.1", "::/0"} }, "networks[1]", "more than this API key may"},
		{func(b *KeyBounds) { b.Account = "" }, "account", "must be acc_1"},
		{func(b *KeyBounds) { b.Account = "shop" }, "account", "must be acc_1"},
		{func(b *KeyBounds) { b.Rate = 0 }, "rate", "from 1 to 10"},
		{func(b *KeyBounds) { b.Daily = 101 }, "daily", "from 1 to 100"},
	} {
		b := as
		b.Senders, b.Networks = slices.Clone(as.Senders), slices.Clone(as.Networks)
		c.change(&b)
		_, _, err := w.CreateKey(t.Context(), g, NewKey{Name: "x", Scopes: []string{access.ScopeMessagesSend}, KeyBounds: b})
		switch {
		case c.field != "":
			wantInvalid(t, err, c.field, c.text)
		case err != nil:
			t.Errorf("%+v: %v", b, err)
		}
		_, made, err := w.CreateKey(t.Context(), w.grant, NewKey{Name: "x", Scopes: []string{access.ScopeMessagesSend}, KeyBounds: b})
		must(t, err)
		if err := w.DeleteKey(t.Context(), g, made.ID); errors.Is(err, ErrForbidden) != (c.field != "") || c.field == "" && err != nil {
			t.Errorf("end %+v: %v", b, err)
		}
	}
}
