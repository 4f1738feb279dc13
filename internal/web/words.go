package web

import (
	"net/http"
	"slices"

	"gatepost/internal/control"
)

// permission is a purpose in plain words.
type permission struct {
	Title string
	Text  string
}

// permissions says what is asked for, in words for somebody who never heard of
// scopes. All that is asked for is named, also when it is much.
func permissions(purposes []string, provider string) []permission {
	microsoft := provider == "Microsoft"
	wide := !microsoft && slices.ContainsFunc(purposes, func(p string) bool { return p == "read" || p == "modify" || p == "smtp" })
	var out []permission
	for _, p := range purposes {
		if p == "look" && wide {
			continue // the wider one stands for it at Google, too
		}
		switch p {
		case "send":
			out = append(out, permission{"Send mail from this mailbox", "By this alone nobody can read or delete your mail."})
		case "look":
			out = append(out, permission{"See headers, not texts", "Sender, recipients, subject and date. By these gatepost finds out whether a message has left, so that none is sent twice."})
		case "draft":
			out = append(out, permission{"Make drafts and send them", "Each message is a draft first, so that none is sent twice. Drafts that you write can be changed by this as well."})
		case "read":
			out = append(out, permission{"Read mail", "All of the mailbox, with texts and attachments. Nothing can be changed."})
		case "modify":
			out = append(out, permission{"Read, send and sort mail", "Also labels and the trash. Nothing can be deleted for good."})
		case "smtp":
			if microsoft {
				out = append(out, permission{"Send mail from this mailbox by SMTP", "By this alone nobody can read or delete your mail."})
				break
			}
			out = append(out, permission{"Use the whole mailbox", "Google has no smaller permission for sending through its mail server. Only allow it if you trust whoever asks."})
		case "shared":
			out = append(out, permission{"Send mail from mailboxes that are shared with you", "Only from those whose owners let you."})
		default:
			out = append(out, permission{"Use this mailbox for " + p, "The page of " + provider + " says more."})
		}
	}
	return out
}

// asked are the permissions that the provider's page will name: the purposes, and the
// address, by which gatepost sees whose consent it is.
func asked(purposes []string, provider string) []permission {
	return append(permissions(purposes, provider), permission{"See the address of the account that you choose", "By it gatepost makes sure that it is the right mailbox."})
}

// saying is a refusal in words for the visitor.
type saying struct {
	status    int
	title     string
	text, fix string
	button    string
}

// words says a refusal to the person in front of the browser. What only the
// operator can mend keeps the operator's words.
func words(r *control.Refusal, retry bool) saying {
	s := saying{status: http.StatusBadRequest, title: "This did not work", text: r.Text, fix: r.Fix, button: "Try again"}
	switch r.Cause {
	case control.CauseWrongMailbox:
		s.title, s.text, s.button = "That is another mailbox", "So nothing was connected, and nothing of it was kept.", "Choose another account"
		s.fix = "On the page that opens, choose the account that is expected. If you do not have it, tell whoever sent you the link."
	case control.CauseDenied:
		s.button = "Decide again"
		if r.Reply != "" { // not the visitor's own no
			break
		}
		s.title, s.text = "You did not allow it", "That is fine: nothing was connected."
		if s.fix = "You can close this page."; retry {
			s.fix = "You can close this page, or decide again if it was a mistake."
		}
	case control.CauseUnticked:
		s.title, s.text = "A box was left unticked", "Without it no mail can be sent, so nothing was connected:"
		s.fix = "Tick every box on the page with the list."
	case control.CauseUsed:
		s.title, s.button = "This page was opened before", "Start again"
	case control.CauseExpired:
		s.title, s.button = "That took too long", "Start again"
	case control.CauseUnknownState:
		s.title, s.fix = "Nothing was started here", "Open the link from the message that it came in."
	case control.CauseOtherBrowser:
		s.title = "Another browser began this"
	case control.CauseLinkUsed:
		s.status, s.title, s.text = http.StatusGone, "This link was used", r.Expected+" is connected."
	case control.CauseLinkExpired:
		s.status, s.title = http.StatusGone, "This link has ended"
	case control.CauseLinkCanceled:
		s.status, s.title = http.StatusGone, "This link was canceled"
	case control.CauseLinkKeyEnded:
		s.status, s.title = http.StatusGone, "This link has ended"
	case control.CauseTooManyOpen:
		s.status, s.title = http.StatusTooManyRequests, "This link was opened many times"
	}
	return s
}
