package provider

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// loginPage is where Microsoft signs users in, in the cloud that most use.
const loginPage = "https://login.microsoftonline.com"

// fill puts the names of the case into a text of the catalogue. What is not known is
// described in words; ids, and names within commands and addresses, stand in capitals to
// put one's own in the place of.
func fill(s string, a Answer) string {
	if !strings.Contains(s, "{") {
		return s
	}
	about := a.About
	return strings.NewReplacer(
		"{client_id}", cmp.Or(about.ClientID, "CLIENT-ID"),
		"{key_id}", cmp.Or(about.KeyID, "the key in use"),
		"{scopes}", cmp.Or(strings.Join(about.Scopes, ","), "the scopes that gatepost asks for"),
		"{subject}", cmp.Or(about.Subject, "the user"),
		"{sender}", cmp.Or(about.Sender, "the address in From"),
		"{redirect_uri}", cmp.Or(withoutSecrets(about.RedirectURI), "the address that gatepost printed"),
		"{link}", cmp.Or(withoutSecrets(firstLink(a.Text)), "the link in the reply"),
		"{offset}", offsetWords(about.ClockOffset),
		// For commands and addresses.
		"{mailbox}", cmp.Or(about.Subject, "MAILBOX"),
		"{from}", cmp.Or(about.Sender, "FROM-ADDRESS"),
		"{credential}", cmp.Or(about.Credential, "CREDENTIAL-ID"),
		"{smtp}", smtpFlag(about.Scopes),
		"{app}", cmp.Or(about.ClientID, "CLIENT-ID"),
		"{tenant}", cmp.Or(about.Tenant, "TENANT"),
		"{account}", cmp.Or(about.ServiceAccount, "SERVICE-ACCOUNT"),
		"{member}", cmp.Or(about.Member, "MEMBER"),
		"{audience}", cmp.Or(about.Audience, "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"),
		"{object_id}", cmp.Or(about.ObjectID, "OBJECT-ID-OF-ENTERPRISE-APP"),
		"{login}", cmp.Or(strings.TrimSuffix(about.Login, "/"), loginPage),
		"{aadsts}", entraNumber(a.Text),
	).Replace(s)
}

// smtpFlag is what connects the mailbox for SMTP again, where that was asked for.
func smtpFlag(scopes []string) string {
	if slices.ContainsFunc(scopes, func(s string) bool { return strings.HasSuffix(s, "/SMTP.Send") }) {
		return " --smtp"
	}
	return ""
}

var entraNumbers = regexp.MustCompile(`(?i)AADSTS(\d{4,8})`)

// entraNumber is the number of an error of Entra ID, as its page of errors takes it.
func entraNumber(text string) string {
	if m := entraNumbers.FindStringSubmatch(text); m != nil {
		return "?code=" + m[1]
	}
	return ""
}

func offsetWords(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d > 0:
		return "this machine's clock is " + d.String() + " ahead"
	case d < 0:
		return "this machine's clock is " + (-d).String() + " behind"
	}
	return "this machine's clock seems to be off"
}

// firstLink is the link that a text asks to visit, else the first.
func firstLink(text string) string {
	if _, after, ok := strings.Cut(text, "visiting https://"); ok {
		text = "https://" + after
	}
	i := strings.Index(text, "https://")
	if i < 0 {
		return ""
	}
	link := text[i:]
	if end := strings.IndexAny(link, " \t\r\n\"'<>"); end >= 0 {
		link = link[:end]
	}
	return strings.TrimRight(link, ".,;)")
}
