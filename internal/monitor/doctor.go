package monitor

import (
	"slices"
	"time"

	"gatepost/internal/provider"
)

// Exam is all that was looked at.
type Exam struct {
	At       time.Time
	Patients []Patient
	Sights   []Sight // of the servers of all accounts
	Machine  Condition
	Routes   []Route  // pools, where all is looked at
	Ends     []Expiry // what ends
	// Sender is an address for which an account was looked for; empty: none.
	Sender     string
	SenderOf   []Subject // the accounts that may send for it
	Candidates []Subject // those of the same domain
}

// Report is what the doctor says.
type Report struct {
	At       time.Time
	Findings []Finding
	Checked  []Checked
	Tokens   []Shown
}

// Checked is what was looked at and found well, or not looked at.
type Checked struct {
	Check Check
	Seen  string
	Well  bool
	Not   string // why it was not looked at
}

// Shown is what an account's token says of itself.
type Shown struct {
	Subject
	Token
}

// Worst is the worst severity of a report; empty: all is well.
func (r Report) Worst() (worst Severity) {
	for _, f := range r.Findings {
		if worst == "" || rank(f.Severity) < rank(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// Diagnose says what is wrong, the cause before what came of it. It asks nobody.
func Diagnose(x Exam) Report {
	machine := x.machine()
	var list []Finding
	for i := range x.Patients {
		list = append(list, folded(x.findings(&x.Patients[i]))...)
	}
	var routes []Finding
	for i := range x.Routes {
		routes = append(routes, x.Routes[i].findings()...)
	}
	list = x.beneath(machine, beneathMembers(merged(list), routes))
	list = append(list, x.sender()...)
	slices.SortStableFunc(list, byDepth)
	return Report{At: x.At, Findings: list, Checked: x.checked(list), Tokens: x.shown()}
}

// beneath folds what a fault of the machine explains beneath it.
func (x *Exam) beneath(machine, list []Finding) []Finding {
	for _, f := range list {
		i := slices.IndexFunc(machine, func(m Finding) bool { return explains(&m, &f) })
		if i < 0 {
			machine = append(machine, f)
			continue
		}
		machine[i].Follows = append(machine[i].Follows, f)
		machine[i].Accounts = append(machine[i].Accounts, f.Accounts...)
	}
	return machine
}

// explains tells whether a fault of the machine is the cause of something: a clock that
// is off makes signed requests refused and certificates invalid, and a database that
// takes no writes keeps no token.
func explains(m, f *Finding) bool {
	switch {
	case m.Severity != Broken:
		return false
	case m.Check == CheckClock:
		return slices.Contains([]string{"clock_off", "key_refused", "certificate_refused", "tls_certificate_expired", "client_secret_expired", "token_refused"}, f.Cause)
	case m.Check == CheckDatabase || m.Check == CheckDisk:
		return ofTheVault(f.Cause)
	}
	return false
}

// findings are all about one account, in no order.
func (x *Exam) findings(p *Patient) []Finding {
	var list []Finding
	for i := range x.Sights {
		if s := &x.Sights[i]; slices.ContainsFunc(p.Places, s.of) {
			list = append(list, s.findings(p)...)
		}
	}
	list = append(list, p.steps(len(list) > 0)...)
	list = append(list, p.tokens(list)...)
	list = append(list, p.state()...)
	list = append(list, x.ends(p)...)
	for i := range list {
		list[i].Accounts = []Subject{p.Subject}
	}
	return list
}

func (s *Sight) of(p provider.Place) bool {
	return p.Host == s.Place.Host && p.Port == s.Place.Port && p.TLS == s.Place.TLS
}

// sender tells whether mail of an address finds an account.
func (x *Exam) sender() []Finding {
	if x.Sender == "" || len(x.SenderOf) > 0 {
		return nil
	}
	f := Finding{
		Check: CheckSender, Severity: Broken, Cause: "no_account_for_sender", Who: You,
		What: "No account may send as " + x.Sender + ".",
		Why:  "A message needs an account whose address, or one of whose senders, is its From.",
		Fix:  "Connect a mailbox with this address.", Commands: []string{"gatepost connect --help"},
	}
	if len(x.Candidates) > 0 {
		a := x.Candidates[0]
		f.Fix = "If the mailbox " + a.Address + " has this alias (or Send As right), add it to that account's senders beside those that are there; else connect a mailbox with this address."
		f.Commands = []string{"gatepost accounts change " + a.Address + " --senders " + x.Sender}
		f.Accounts = x.Candidates
	}
	return []Finding{f}
}

func (x *Exam) shown() (all []Shown) {
	for _, p := range x.Patients {
		for _, t := range p.Tokens {
			if !t.Opaque {
				all = append(all, Shown{p.Subject, t})
			}
		}
	}
	return all
}
