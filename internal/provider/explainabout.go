package provider

import "regexp"

// names of the case that stand in the texts of providers and clients.
var namesInTexts = []struct {
	form *regexp.Regexp
	put  func(*About, []string)
}{
	{regexp.MustCompile(`(?i)application (?:with identifier |with ID )?'([0-9a-f-]{36})'`), func(a *About, m []string) { a.ClientID = m[1] }},
	{regexp.MustCompile(`(?i)(?:Provided is for app|for app|client_id[=:"' ]+)\s*'?([\w.-]{8,90})'?`), func(a *About, m []string) {
		if a.ClientID == "" {
			a.ClientID = m[1]
		}
	}},
	{regexp.MustCompile(`(?i)(?:tenant|directory) '([\w.-]{3,90})'`), func(a *About, m []string) { a.Tenant = m[1] }},
	{regexp.MustCompile(`(?i)login\.microsoftonline\.\w+/([0-9a-f-]{36})`), func(a *About, m []string) { a.Tenant = m[1] }},
	{regexp.MustCompile(`(?i)user=<?([^\s<>;,'"]+@[\w.-]+)`), func(a *About, m []string) { a.Subject = m[1] }},
	{regexp.MustCompile(`(?i)user account '([^\s']+@[\w.-]+)'`), func(a *About, m []string) { a.Subject = m[1] }},
	{regexp.MustCompile(`(?i)delegation denied for ([^\s<>;,'"]+@[\w.-]+\w)`), func(a *About, m []string) { a.Subject = m[1] }},
	{regexp.MustCompile(`(?i)SendAsDenied; ?([^\s;]+@[\w.-]+) not allowed to send as ([^\s;]+@[\w.-]+\w)`), func(a *About, m []string) { a.Subject, a.Sender = m[1], m[2] }},
	{regexp.MustCompile(`(?i)([a-z0-9][a-z0-9.-]{0,99}@[a-z0-9.-]{1,100}\.gserviceaccount\.com)`), func(a *About, m []string) { a.ServiceAccount = m[1] }},
	{regexp.MustCompile(`(principal://iam\.googleapis\.com/[\w./:@-]{1,300})`), func(a *About, m []string) { a.Member = m[1] }},
	{regexp.MustCompile(`(//iam\.googleapis\.com/projects/\d{1,20}/locations/[\w/-]{1,150}/providers/[\w-]{1,40})`), func(a *About, m []string) { a.Audience = m[1] }},
	{regexp.MustCompile(`(?i)(?:redirect URI|redirect_uri=|reply URL) ?'?(https?://[^\s'"&?]+)`), func(a *About, m []string) { a.RedirectURI = m[1] }},
}

// aboutIn finds the names of the case, so that the advice can hold them.
func aboutIn(text string) (a About) {
	for _, n := range namesInTexts {
		if m := n.form.FindStringSubmatch(text); m != nil {
			n.put(&a, m)
		}
	}
	return a
}
