package microsoft

import "gatepost/internal/provider"

// cloud is where a tenant lives: the addresses of its services, which are also the
// resources that tokens are for.
type cloud struct {
	graph string
	// outlook is Exchange's resource as a user's consent names it, exchange as an app
	// that acts by itself must name it.
	outlook, exchange string
	smtp              string
	login             string // where users sign in, for words
}

// clouds are Microsoft's, by the names that credentials have for them
// (learn.microsoft.com/graph/deployments). What is not the global one's is not
// documented for SMTP in one place: host and scope can be set.
func clouds() map[string]cloud {
	return map[string]cloud{
		"global":    {"https://graph.microsoft.com", "https://outlook.office.com", "https://outlook.office365.com", "smtp.office365.com", "https://login.microsoftonline.com"},
		"us_gov_l4": {"https://graph.microsoft.us", "https://outlook.office365.us", "https://outlook.office365.us", "smtp.office365.us", "https://login.microsoftonline.us"},
		"us_gov_l5": {"https://dod-graph.microsoft.us", "https://outlook-dod.office365.us", "https://outlook-dod.office365.us", "smtp.office365.us", "https://login.microsoftonline.us"},
		"china":     {"https://microsoftgraph.chinacloudapi.cn", "https://partner.outlook.cn", "https://partner.outlook.cn", "smtp.partner.outlook.cn", "https://login.chinacloudapi.cn"},
	}
}

const globalCloud = "global"

// signInHint adds to a refusal to ask for a token that the settings may be for the other
// kind of credential.
func signInHint(problem *provider.Error, appOnly bool) *provider.Error {
	if problem == nil || problem.Cause != "scope_unknown" && problem.Cause != "scope_missing" || problem.Class != provider.Hold {
		return problem
	}
	hinted := *problem
	hinted.Fix += " With an app registration that acts by itself the account's setting app_only must be true, with a user's consent false"
	hinted.Fix += map[bool]string{true: " (it is true).", false: " (it is false)."}[appOnly]
	return &hinted
}
