package monitor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gatepost/internal/provider"
)

// findings are what is wrong on the way to a server that an account needs.
func (s *Sight) findings(p *Patient) []Finding {
	f := Finding{Severity: Broken, Who: Machine, on: s.Place.Address()}
	if s.Err != nil {
		f.Why = "Tried now: " + provider.CleanReply(s.Err.Error()) + "."
	}
	_, noName := errors.AsType[*net.DNSError](s.Err)
	switch {
	case s.AtOnce || s.Plain:
		s.swapped(&f, p)
	case s.Err == nil || s.Stopped:
		return nil
	case noName:
		s.noName(&f, p)
	case s.Issuer != "":
		s.certificate(&f, p)
	case unreached(s.Err) && s.Place.SMTP:
		s.blocked(&f, p)
	case unreached(s.Err):
		f.Check, f.Cause, f.What = CheckPort, "unreachable", "This machine cannot reach "+s.Place.Address()+" (HTTPS)."
		f.Fix = "Let this machine connect to it: look at firewall, proxy and routes."
		f.Commands = []string{"curl -sSI https://" + s.Place.Address() + "/"}
	default:
		s.silent(&f)
	}
	return []Finding{f}
}

func (s *Sight) noName(f *Finding, p *Patient) {
	f.Check, f.Cause = CheckDNS, "host_not_found"
	f.What = "The name " + s.Place.Host + " cannot be resolved by this machine."
	f.Fix = "Look at this machine's DNS (/etc/resolv.conf)."
	f.Commands = []string{"nslookup " + s.Place.Host}
	if p.Transport == "smtp" {
		f.Who, f.Fix = You, "If the name is misspelt, correct it in the account. "+f.Fix
		f.Commands = append(f.Commands, "gatepost accounts change "+p.Address+" --host NAME")
	}
}

// certificate is one that senders refuse: for providers nearly always something between
// that opens TLS.
func (s *Sight) certificate(f *Finding, p *Patient) {
	f.Check, f.Cause = CheckTLS, provider.NoAnswer(provider.StageCall, false, s.Err).Cause
	_, strange := errors.AsType[x509.UnknownAuthorityError](s.Err)
	switch {
	case f.Cause == "tls_certificate_expired":
		f.What = fmt.Sprintf("The certificate of %s is not valid at this time (valid until %s).", s.Place.Host, s.Until.UTC().Format("2 January 2006"))
		f.Fix = "Look at this machine's clock first; then the server's certificate has to be renewed."
	case !strange:
		f.What = fmt.Sprintf("The certificate of %s, signed by %q, is for another name.", s.Place.Host, s.Issuer)
		f.Fix = "Name the server as its certificate does."
	case p.Transport == "smtp":
		f.What = fmt.Sprintf("The certificate of %s is signed by %q, which this machine does not trust.", s.Place.Host, s.Issuer)
		f.Who, f.Fix = You, "If that is an authority of your own, name its certificate for this account. If the server should have a public certificate, something between opens TLS."
		f.Commands = []string{"gatepost accounts change " + p.Address + " --relay-ca FILE"}
	default:
		f.Cause = "tls_intercepted"
		f.What = fmt.Sprintf("TLS to %s is intercepted: its certificate is signed by %q, which is no public authority.", s.Place.Host, s.Issuer)
		f.Fix = "Exempt this host from TLS inspection in the proxy or firewall. Where that must not be, let gatepost trust the inspection's authority, and start it again."
		f.Commands = []string{"gatepost serve --ca-file FILE"}
	}
}

// swapped is TLS at the wrong moment (RFC 8314 section 3.3).
func (s *Sight) swapped(f *Finding, p *Patient) {
	f.Check, f.Cause, f.Who = CheckTLS, "tls_wrong_mode", You
	port, mode := strconv.Itoa(s.Place.Port), "implicit"
	if s.AtOnce {
		f.What = "Port " + port + " of " + s.Place.Host + " speaks TLS from the first byte, and the account waits for STARTTLS there."
		f.Why = "The server says nothing until a TLS handshake comes (ports 465 and 587 are mixed up)."
	} else {
		mode = "starttls"
		f.What = "Port " + port + " of " + s.Place.Host + " begins without TLS (STARTTLS), and the account speaks TLS at once there."
		f.Why = "The server answers the TLS handshake in plain text (ports 465 and 587 are mixed up)."
	}
	f.Fix = "Set the account's TLS to " + mode + " for this port."
	f.Commands = []string{fmt.Sprintf("gatepost accounts change %s --port %s --tls %s", p.Address, port, mode)}
	if p.Transport != "smtp" {
		f.Fix = "Look at the address of the server in gatepost's settings; with no setting it is the provider's own."
		f.Commands = []string{"gatepost config show"}
	}
}

// blocked is an SMTP port that lets no connection be made.
func (s *Sight) blocked(f *Finding, p *Patient) {
	f.Check = CheckPort
	refused := errors.Is(s.Err, syscall.ECONNREFUSED)
	port := strconv.Itoa(s.Place.Port)
	if len(s.Open) > 0 {
		f.Cause, f.Who = "port_closed", You
		f.What = fmt.Sprintf("Port %s of %s cannot be reached, and %s can.", port, s.Place.Host, portWords(s.Open))
		f.Fix = "Use that port."
		if p.Transport == "smtp" {
			f.Commands = []string{fmt.Sprintf("gatepost accounts change %s --port %d --tls %s", p.Address, s.Open[0], modeOf(s.Open[0]))}
		}
		return
	}
	f.Cause = "port_blocked"
	f.What = fmt.Sprintf("Port %s of %s does not answer at all, and neither does any other port of SMTP (25, 465, 587): a firewall between drops the connections.", port, s.Place.Host)
	if refused {
		f.Cause = "port_refused"
		f.What = fmt.Sprintf("Port %s of %s refuses connections, and so do the other ports of SMTP (25, 465, 587).", port, s.Place.Host)
	}
	f.Fix = "Ask the hosting provider to open outgoing port 587; many block 25, 465 and 587."
	if way := byAPI(p); way != "" {
		f.Fix = way + "Or ask" + strings.TrimPrefix(f.Fix, "Ask")
	}
	if refused && p.Transport == "smtp" {
		f.Who = RelayAdmin
		f.Fix = "Start the server there, or correct host and port of the account. " + f.Fix
		f.Commands = append(f.Commands, "gatepost accounts change "+p.Address+" --host NAME --port PORT")
	}
	f.Commands = append(f.Commands, apiCommands(p)...)
}

func portWords(open []int) string {
	words := make([]string, len(open))
	for i, n := range open {
		words[i] = strconv.Itoa(n)
	}
	return "port " + strings.Join(words, " and ")
}

func modeOf(port int) string {
	if port == 465 {
		return "implicit"
	}
	return "starttls"
}

// byAPI is the way out where no port of SMTP is open: HTTPS is.
func byAPI(p *Patient) string {
	if len(apiCommands(p)) == 0 {
		return ""
	}
	return "Send through the provider's API, which needs HTTPS alone: connect the mailbox by its other transport. "
}

func apiCommands(p *Patient) []string {
	host := func(part string) bool {
		return slices.ContainsFunc(p.Places, func(x provider.Place) bool { return strings.HasSuffix(x.Host, part) })
	}
	switch {
	case p.Transport == "gmail_smtp" && p.Kind == "google_service_account":
		return []string{"gatepost connect workspace " + p.Address + " --credential " + p.Credential}
	case p.Transport == "gmail_smtp", host(".gmail.com"), host(".google.com"):
		return []string{"gatepost connect gmail " + p.Address}
	case p.Transport == "microsoft_smtp" && p.Kind == "microsoft_app":
		return []string{"gatepost connect microsoft " + p.Address + " --credential " + p.Credential}
	case p.Transport == "microsoft_smtp", host(".office365.com"):
		return []string{"gatepost connect microsoft " + p.Address + " --consent"}
	}
	return nil
}

// silent is a server that is reached and then does not do what it should.
func (s *Sight) silent(f *Finding) {
	f.Check, f.Cause, f.Who = CheckPort, "server_silent", RelayAdmin
	f.What = s.Place.Address() + " lets a connection be made, and then does not speak as it should."
	f.Fix = "Look whether the service runs there, and whether a firewall or proxy between answers in its place."
	slow := errors.Is(s.Err, context.DeadlineExceeded) || errors.Is(s.Err, io.EOF)
	if n, ok := errors.AsType[net.Error](s.Err); ok && n.Timeout() || slow {
		f.What = s.Place.Address() + " lets a connection be made, and then says nothing."
	}
	if !s.Place.SMTP {
		f.Who = Machine
	}
}
