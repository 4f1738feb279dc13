package access

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ErrNetwork says that a key is right and may not be used from where its caller
// is. The text of an error that wraps it may be shown to them.
var ErrNetwork = errors.New("this API key may not be used from here")

// elsewhere is ErrNetwork with where its caller is, and where it may be used.
type elsewhere struct {
	from netip.Addr
	own  []netip.Prefix
}

// Error implements error.
func (e *elsewhere) Error() string {
	return fmt.Sprintf("this API key came from %s, and may be used only from %s", e.from, networks(e.own))
}

// Unwrap makes it an ErrNetwork.
func (e *elsewhere) Unwrap() error { return ErrNetwork }

// ParseNetwork reads one of the networks that a key is bound to: a single address,
// or an address and the length of the prefix that counts (RFC 4632 section 3.1).
// One that has bits beyond its length is refused, because it may stand for the
// address as well as for the network. An IPv4 address that is mapped into IPv6 (RFC
// 4291 section 2.5.5.2) is the IPv4 address.
func ParseNetwork(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return netip.Prefix{}, errors.New("is no address and no network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")
		case a.Zone() != "":
			return netip.Prefix{}, errors.New("has a zone: leave out what follows the %")
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("is no network: write it like 192.0.2.0/24 or 2001:db8::/32")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("is more than the IPv4 addresses that are mapped into IPv6: write IPv4 networks like 192.0.2.0/24")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if m := p.Masked(); m != p {
		return netip.Prefix{}, fmt.Errorf("has bits beyond its length: write %s for the network, or %s for the one address", m, p.Addr())
	}
	return p, nil
}

func parseNetworks(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		p, err := ParseNetwork(s)
		if err != nil {
			return nil, fmt.Errorf("network %q %w", s, err)
		}
		out[i] = p
	}
	return out, nil
}

// usableFrom is ErrNetwork where the grant is bound to networks that an address is
// in none of. The zero address is nobody's: it is not asked.
func (g Grant) usableFrom(from netip.Addr) error {
	if len(g.Networks) == 0 || !from.IsValid() {
		return nil
	}
	from = from.Unmap().WithZone("")
	for _, n := range g.Networks {
		if n.Contains(from) {
			return nil
		}
	}
	return &elsewhere{from, g.Networks}
}

// networks lists networks for people: those of one address as that address.
func networks(list []netip.Prefix) string {
	out := make([]string, len(list))
	for i, n := range list {
		if out[i] = n.String(); n.IsSingleIP() {
			out[i] = n.Addr().String()
		}
	}
	return strings.Join(out, ", ")
}
