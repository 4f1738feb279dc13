package main

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"

	"gatepost/client"
	"gatepost/internal/monitor"
	"gatepost/internal/provider"
)

// localExam looks at a gatepost from outside, where it does not answer the doctor's
// question.
type localExam struct {
	s   *settings
	why error // what came of the question
}

// errNoKey says that a command was given no API key.
var errNoKey = errors.New("no API key")

func (x localExam) examine(ctx context.Context) client.Diagnosis {
	d := client.Diagnosis{At: client.Time{Time: time.Now()}, Findings: []client.Finding{}}
	place := provider.PlaceOf(x.s.url, x.roots())
	prober := monitor.Prober{Dial: (&net.Dialer{}).DialContext, Now: time.Now}
	sight := prober.Look(ctx, place)
	if sight.Err != nil {
		d.Findings = append(d.Findings, x.unreached(sight))
		return d
	}
	d.Checked = append(d.Checked, client.Checked{Check: "server", Seen: x.s.url + " is reached"})
	switch f, why := x.notReady(ctx), x.refused(); {
	case f == nil:
		d.Checked = append(d.Checked, client.Checked{Check: "database", Seen: "takes writes"})
		d.Findings = append(d.Findings, why)
	case why.Cause == noAnswer:
		f.Follows = append(f.Follows, why)
		d.Findings = append(d.Findings, *f)
	default:
		d.Findings = append(d.Findings, *f, why)
	}
	if sight.Dated && sight.Offset.Abs() > 30*time.Second {
		d.Findings = append(d.Findings, client.Finding{
			Check: "clock", Severity: "warning", Cause: "clock_off", Who: string(monitor.Machine),
			What: "This machine's clock and that of gatepost's machine differ by " + sight.Offset.Abs().Round(time.Second).String() + ".",
			Why:  "By the time in gatepost's answer.", Fix: "Set both by NTP.",
		})
	}
	return d
}

func (x localExam) roots() *x509.CertPool {
	roots, err := x.s.authorities()
	if err != nil {
		return nil // loading the settings has told of it
	}
	return roots
}

// unreached is a gatepost to which there is no way.
func (x localExam) unreached(s monitor.Sight) client.Finding {
	f := client.Finding{
		Check: "server", Severity: "broken", Cause: "server_unreachable", Who: string(monitor.You), What: "gatepost cannot be reached at " + x.s.url + ".",
		Why: "Tried now: " + provider.CleanReply(s.Err.Error()), Fix: "Is gatepost running there? Start it. Is it elsewhere? Name it by --url or GATEPOST_URL.",
		Commands: []string{"gatepost serve", "systemctl status gatepost"},
	}
	_, noName := errors.AsType[*net.DNSError](s.Err)
	switch {
	case noName:
		f.Check, f.Cause, f.What = "DNS", "host_not_found", "The name "+s.Place.Host+" of gatepost's address cannot be resolved by this machine."
		f.Fix, f.Commands = "Correct --url (GATEPOST_URL), or this machine's DNS.", []string{"nslookup " + s.Place.Host}
	case silent(s.Err):
		f.Cause, f.What = "server_silent", "At "+x.s.url+" connections are taken, and nothing is answered: gatepost is frozen or overloaded there, or it is something else that listens."
		f.Fix, f.Commands = "Look at the process and its log, then start it again.", []string{"systemctl status gatepost", "journalctl -u gatepost -n 50", "sudo systemctl restart gatepost"}
	case s.Plain:
		f.Check, f.Cause, f.What = "TLS", "tls_wrong_mode", "There is no TLS at "+x.s.url+"."
		f.Fix, f.Commands = "Write http:// in --url (GATEPOST_URL).", nil
	case s.Issuer != "":
		f.Check, f.Cause = "TLS", "tls_unknown_authority"
		f.What = "The certificate of " + x.s.url + " is signed by \"" + s.Issuer + "\", which this machine does not trust for that name."
		f.Fix = "Where it is an authority of your own, name its certificate by --ca-file or GATEPOST_CA_FILE. Else something between intercepts TLS."
		f.Commands = []string{"gatepost doctor --ca-file FILE"}
	}
	return f
}

// silent tells of an error whether a connection was made, on which nothing came.
func silent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "read" && op.Timeout()
}

// notReady asks what needs no key.
func (x localExam) notReady(ctx context.Context) *client.Finding {
	roots := x.roots()
	open, err := client.New(x.s.url, "", client.WithHTTPClient(&http.Client{Transport: x.s.transport(roots)}), client.WithTimeout(10*time.Second))
	if err == nil {
		err = open.Ready(ctx)
	}
	var refused *client.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable:
		return &client.Finding{
			Check: "database", Severity: "broken", Cause: "database_down", Who: string(monitor.Machine), What: "gatepost answers, and its database takes no writes.",
			Why: refused.Error(), Fix: "gatepost's log says what the database answers. Look at the database and its disk.", Commands: []string{"journalctl -u gatepost -n 50"},
		}
	}
	return &client.Finding{
		Check: "server", Severity: "broken", Cause: "not_gatepost", Who: string(monitor.You), What: "What answers at " + x.s.url + " does not seem to be gatepost.",
		Why: err.Error(), Fix: "Name gatepost's own address by --url or GATEPOST_URL.",
	}
}

// noAnswer is the cause of what has none that can be seen from here.
const noAnswer = "no_answer"

// refused is why the question was not answered.
func (x localExam) refused() client.Finding {
	f := client.Finding{Check: "server", Severity: "broken", Cause: "key_refused", Who: string(monitor.You), Why: "gatepost answered: " + x.why.Error()}
	var refused *client.Error
	switch {
	case errors.Is(x.why, errNoKey):
		f.Cause, f.What, f.Why = "key_missing", "No API key was given, so the accounts cannot be examined.", ""
		f.Fix = "Put a key into GATEPOST_KEY, or name its file by GATEPOST_KEY_FILE. The first one is made where the server's data is."
		f.Commands = []string{"gatepost keys create --name NAME"}
	case errors.As(x.why, &refused) && refused.Status == http.StatusUnauthorized:
		f.What = "gatepost does not take the API key, so the accounts cannot be examined."
		f.Fix, f.Commands = "Give a key of this gatepost in GATEPOST_KEY (or GATEPOST_KEY_FILE).", []string{"gatepost keys create --name NAME"}
	case errors.As(x.why, &refused) && refused.Status == http.StatusForbidden:
		f.Cause, f.What = "key_lacks_scope", "The API key may not ask the doctor, or not from this network."
		f.Fix, f.Commands = "Give a key with the scopes accounts:read and messages:read that may be used from this network.", []string{"gatepost keys create --name doctor --scopes accounts:read,messages:read"}
	case errors.As(x.why, &refused) && refused.Status == http.StatusTooManyRequests:
		f.What = "gatepost does not listen to this network for now: too many wrong API keys came from it."
		f.Fix, f.Commands = "Look who gives a wrong key, give a right one in GATEPOST_KEY (or GATEPOST_KEY_FILE), and ask again in a minute.", []string{"gatepost keys create --name NAME"}
	case errors.As(x.why, &refused) && refused.Status == http.StatusNotFound:
		f.Cause, f.What, f.Fix = "server_older", "This gatepost is older than the command: it has no doctor.", "Bring the server up to date."
	default:
		f.Cause, f.What = noAnswer, "gatepost is reached, and did not answer the doctor's question."
		f.Fix = "Look in gatepost's log, and ask again."
	}
	return f
}
