package access_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

func TestParseNetwork(t *testing.T) {
	for _, c := range []struct{ s, want, wrong string }{
		{s: "192.0.2.7", want: "192.0.2.7/32"},
		{s: "192.0.2.0/24", want: "192.0.2.0/24"},
		{s: "0.0.0.0/0", want: "0.0.0.0/0"},
		{s: "2001:db8::7", want: "2001:db8::7/128"},
		{s: "2001:DB8::/32", want: "2001:db8::/32"},
		{s: "::ffff:192.0.2.7", want: "192.0.2.7/32"},
		{s: "::ffff:192.0.2.0/120", want: "192.0.2.0/24"},
		{s: "::/0", want: "::/0"},
		{s: "10.1.2.3/8", wrong: "write 10.0.0.0/8 for the network, or 10.1.2.3 for"},
		{s: "::ffff:10.1.2.3/104", wrong: "write 10.0.0.0/8"},
		{s: "::ffff:0:0/90", wrong: "write IPv4 networks"},
		{s: "fe80::1%eth0", wrong: "has a zone"},
		{s: "", wrong: "write 192.0.2.7"},
		{s: "192.0.2.0/33", wrong: "is no network"},
		{s: "192.0.2.256", wrong: "is no address"},
		{s: "example.com", wrong: "is no address"},
		{s: "192.0.2.0/255.255.255.0", wrong: "is no network"},
		{s: "010.0.0.1", wrong: "is no address"},
	} {
		p, err := access.ParseNetwork(c.s)
		switch {
		case c.wrong == "" && (err != nil || p.String() != c.want):
			t.Errorf("%q: %s, %v", c.s, p, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%q: %s, %v", c.s, p, err)
		}
	}
}

// What is read is written as it is read again, and holds its own address.
func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120", "fe80::1%eth0/64", "::ffff:0:0/96", "/", "1/2/3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := access.ParseNetwork(s)
		if err != nil {
			return
		}
		again, err := access.ParseNetwork(p.String())
		if err != nil || again != p || !p.Contains(p.Addr()) || p.Addr().Is4In6() || p.Masked() != p {
			t.Fatalf("%q is %s, and that is %s (%v)", s, p, again, err)
		}
	})
}

// A key that is bound to networks opens the door from there alone, and nobody is told
// of networks who has not shown the key.
func TestKeysOfNetworks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		st := storetest.Open(t, opt)
		key, hash, hint := newKey(t, true)
		must(t, st.AddAPIKey(t.Context(), store.APIKey{
			Team: "team_1", ID: "key_1", Name: "scanner", Hash: hash, Hint: hint, Scopes: []string{access.ScopeMessagesSend},
			Networks: []string{"192.0.2.0/24", "2001:db8::7"},
		}))
		keys := access.NewKeys(st, time.Now)
		for from, may := range map[string]bool{
			"192.0.2.1": true, "192.0.2.255": true, "::ffff:192.0.2.9": true, "2001:db8::7": true, "2001:db8::7%eth0": true,
			"192.0.3.1": false, "2001:db8::8": false, "::": false, "127.0.0.1": false,
		} {
			_, err := keys.Authenticate(t.Context(), key, netip.MustParseAddr(from))
			if may != (err == nil) {
				t.Errorf("from %s: %v", from, err)
			}
			if !may && (!errors.Is(err, access.ErrNetwork) || errors.Is(err, access.ErrUnauthenticated) ||
				!strings.HasSuffix(err.Error(), "this API key came from "+from+", and may be used only from 192.0.2.0/24, 2001:db8::7")) {
				t.Errorf("from %s: %v", from, err)
			}
		}
		if _, err := keys.Authenticate(t.Context(), key, netip.Addr{}); err != nil {
			t.Errorf("a command in the folder: %v", err)
		}
		wrong, _, _ := newKey(t, true)
		if _, err := keys.Authenticate(t.Context(), wrong, netip.MustParseAddr("192.0.3.1")); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("a wrong key: %v", err)
		}
	})
}

// A binding that cannot be read does not make a key wider.
func TestUnreadableNetworkOpensNothing(t *testing.T) {
	if _, err := access.GrantOf(store.APIKey{ID: "key_1", Networks: []string{"nowhere"}}); err == nil || !strings.Contains(err.Error(), `key_1: network "nowhere"`) {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
