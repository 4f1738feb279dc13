package entra

import "slices"

// Cloud is one of Microsoft's clouds. Nothing is shared between them: an app and its
// users are in one (learn.microsoft.com/entra/identity-platform/authentication-national-cloud).
type Cloud string

// The clouds.
const (
	Global  Cloud = "global"    // Microsoft 365 as most have it, and GCC
	USGovL4 Cloud = "us_gov_l4" // GCC High
	USGovL5 Cloud = "us_gov_l5" // DoD
	China   Cloud = "china"     // operated by 21Vianet
)

// Clouds lists all clouds.
func Clouds() []Cloud { return []Cloud{Global, USGovL4, USGovL5, China} }

// ParseCloud reads the name of a cloud; none is Global.
func ParseCloud(s string) (Cloud, bool) {
	if s == "" {
		return Global, true
	}
	return Cloud(s), slices.Contains(Clouds(), Cloud(s))
}

// Resources are what tokens are for, each token for one alone. A scope is one of
// these addresses and a permission's name.
type Resources struct {
	Graph    string // Microsoft Graph, which is also where its API is
	Outlook  string // Exchange Online, as a user's consent names it
	Exchange string // Exchange Online, as an app that acts by itself must name it
}

// Resources are those of a cloud (learn.microsoft.com/graph/deployments,
// learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth).
// Exchange's names outside of Global are not documented in one place: who asks for a
// token may name another.
func (c Cloud) Resources() Resources {
	switch c {
	case USGovL4:
		return Resources{"https://graph.microsoft.us", "https://outlook.office365.us", "https://outlook.office365.us"}
	case USGovL5:
		return Resources{"https://dod-graph.microsoft.us", "https://outlook-dod.office365.us", "https://outlook-dod.office365.us"}
	case China:
		return Resources{"https://microsoftgraph.chinacloudapi.cn", "https://partner.outlook.cn", "https://partner.outlook.cn"}
	}
	return Resources{"https://graph.microsoft.com", "https://outlook.office.com", "https://outlook.office365.com"}
}

// login is where a cloud's users and apps sign in.
func (c Cloud) login() string {
	switch c {
	case USGovL4, USGovL5:
		return "https://login.microsoftonline.us"
	case China:
		return "https://login.chinacloudapi.cn"
	}
	return "https://login.microsoftonline.com"
}

// issuers are the hosts that sign a cloud's ID tokens. China's has a name of its own
// beside the one where users sign in.
func (c Cloud) issuers() []string {
	if c == China {
		return []string{c.login(), "https://login.partner.microsoftonline.cn"}
	}
	return []string{c.login()}
}
