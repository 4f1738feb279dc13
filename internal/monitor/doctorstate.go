package monitor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// state are the findings about what gatepost itself knows of an account.
func (p *Patient) state() []Finding {
	list := p.pauses()
	switch {
	case p.Held:
		list = append(list, Finding{
			Check: CheckState, Severity: Broken, Cause: p.Cause, Who: You, outcome: true,
			What: p.Address + " is held (" + p.Cause + "): its mail waits until you release it.", Why: p.Reason,
			Fix: "Mend what held it, then release it. What was tried just now works: if nothing else is named here, releasing is all.", Commands: []string{"gatepost accounts release " + p.Address},
		})
	case p.State == "parked":
		list = append(list, p.parked())
	case p.State == "resting":
		list = append(list, Finding{
			Check: CheckState, Severity: Broken, Cause: p.Cause, Who: Provider, outcome: true,
			What: p.Address + " rests until " + timeWords(p.Until) + ": its server was in trouble.", Why: p.Reason, Fix: "It is tried again by itself.",
		})
	}
	list = append(list, p.limits()...)
	list = append(list, p.failures()...)
	return append(list, p.waiting()...)
}

func timeWords(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// parked is an account that waits for a time that its provider named.
func (p *Patient) parked() Finding {
	f := Finding{
		Check: CheckLimits, Severity: Broken, Cause: p.Cause, Who: Provider,
		What: p.Address + " waits until " + timeWords(p.Until) + " (" + p.Cause + "): the provider takes no more until then.", Why: p.Reason,
		Fix: "Wait: it goes on by itself. Trying earlier makes it longer. A pool lets another mailbox send meanwhile.",
	}
	if p.Until.IsZero() {
		f.What = p.Address + " waits (" + p.Cause + ")."
	}
	f.Commands = []string{"gatepost capacity --account " + p.Address}
	return f
}

func (p *Patient) limits() (list []Finding) {
	if p.State == "parked" {
		return nil
	}
	for _, l := range p.Limits {
		f := Finding{
			Check: CheckLimits, Severity: Broken, Cause: "limit_used_up", Who: Provider,
			What: fmt.Sprintf("%s has used up its limit of %d %s.", p.Address, l.Max, l.Name),
			Why:  fmt.Sprintf("%d of %d are used (%s).", l.Used, l.Max, l.Source), Fix: "Wait: what is used comes free with time. A pool lets another mailbox send meanwhile.",
			Commands: []string{"gatepost capacity --account " + p.Address},
		}
		if !l.FreesAt.IsZero() {
			f.What += " The next is free at " + timeWords(l.FreesAt) + "."
		}
		if l.Learned {
			f.Fix += " The limit is lower than usual because the provider refused earlier."
		}
		list = append(list, f)
	}
	return list
}

// failures are what mail failed for lately, as its sender or account would again.
func (p *Patient) failures() (list []Finding) {
	for _, x := range p.Failed {
		f := Finding{
			Check: checkOf("", x.Cause), Severity: Warning, Cause: x.Cause, Who: p.who(x.Cause), What: x.Text, Fix: x.Fix, Reply: x.Reply,
			Why:      fmt.Sprintf("%d of the account's last messages failed for it, and none of this sender went since.", x.Messages),
			Commands: append(p.commands(x.Cause), "gatepost messages explain "+x.Last),
		}
		if f.Check == CheckSender {
			f.Severity = Broken
			for i, c := range f.Commands {
				f.Commands[i] = strings.ReplaceAll(c, "FROM-ADDRESS", x.Sender)
			}
		} else {
			f.Check = CheckMail
		}
		list = append(list, f)
	}
	return list
}

// waiting is mail that waits for something that can be mended.
func (p *Patient) waiting() (list []Finding) {
	for _, w := range p.Waiting {
		if !w.passes() {
			list = append(list, w.finding(p.Address, p.Address))
		}
	}
	return list
}

// passes tells that nobody has to do anything for it.
func (w *Waiting) passes() bool {
	return slices.Contains([]string{"turn", "sending", "schedule", "look"}, w.Why)
}

func (w *Waiting) finding(of, account string) Finding {
	f := Finding{
		Check: CheckMail, Severity: Warning, Cause: w.Why, Who: You, outcome: true,
		What: fmt.Sprintf("%s of %s in the lane %s: %s.", messagesWait(w.Messages), of, w.Lane, strings.TrimSuffix(w.Text, ".")),
		Fix:  "It leaves by itself once that is over.", Commands: []string{"gatepost queue --account " + word(account)},
	}
	if w.Why == heldMail {
		f.Fix, f.Commands = "Release or cancel it.", []string{"gatepost queue release --account " + word(account)}
	}
	return f
}

func messagesWait(n int64) string {
	if n == 1 {
		return "1 message waits"
	}
	return fmt.Sprintf("%d messages wait", n)
}
