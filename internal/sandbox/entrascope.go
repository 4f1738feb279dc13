package sandbox

import (
	"net/url"
	"slices"
	"strings"
)

// resource is what a token is for. A token is for one alone.
type resource int

const (
	noResource resource = iota
	graphAPI
	outlook
)

// permission is a delegated permission or a role of one resource.
type permission struct {
	of   resource
	name string
}

// resourceHost is a name of a resource and the cloud in which it is one
// (learn.microsoft.com/graph/deployments).
type resourceHost struct {
	of    resource
	cloud string
}

func resourceOf(host string) (resourceHost, bool) {
	switch strings.ToLower(host) {
	case "graph.microsoft.com":
		return resourceHost{graphAPI, "global"}, true
	case "graph.microsoft.us":
		return resourceHost{graphAPI, "usgov"}, true
	case "dod-graph.microsoft.us":
		return resourceHost{graphAPI, "dod"}, true
	case "microsoftgraph.chinacloudapi.cn":
		return resourceHost{graphAPI, "china"}, true
	case "outlook.office.com", "outlook.office365.com", "ps.outlook.com":
		return resourceHost{outlook, "global"}, true
	case "outlook.office365.us":
		return resourceHost{outlook, "usgov"}, true
	case "outlook-dod.office365.us":
		return resourceHost{outlook, "dod"}, true
	case "partner.outlook.cn":
		return resourceHost{outlook, "china"}, true
	}
	return resourceHost{}, false
}

// scopeNames are the delegated permissions that a resource knows.
func scopeNames(of resource) []string {
	mail := []string{
		"Mail.Send", "Mail.ReadWrite", "Mail.Read", "Mail.ReadBasic",
		"Mail.Send.Shared", "Mail.ReadWrite.Shared", "Mail.Read.Shared", "User.Read",
	}
	if of == outlook {
		return append(mail, "SMTP.Send", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All")
	}
	return append(mail, "User.ReadBasic.All", "User.Read.All", "MailboxSettings.Read", "User.RevokeSessions.All", "Directory.Read.All")
}

// isOpenID tells whether a scope is one of OpenID Connect, which belongs to no
// resource.
func isOpenID(s string) bool {
	return slices.Contains([]string{"openid", "profile", "email", "offline_access"}, s)
}

// exchangeRoles are the application permissions of Office 365 Exchange Online; all
// others are Graph's.
func rolePermission(name string) permission {
	if slices.Contains([]string{"SMTP.SendAsApp", "IMAP.AccessAsApp", "POP.AccessAsApp"}, name) {
		return permission{outlook, name}
	}
	return permission{graphAPI, name}
}

// scopePermission reads a delegated permission: with the address of its resource,
// or alone, which is Graph's.
func scopePermission(s string) (permission, bool) {
	host, name, ok := splitScope(s)
	if !ok {
		return permission{}, false
	}
	for _, known := range append(scopeNames(host.of), ".default") {
		if strings.EqualFold(known, name) {
			return permission{host.of, known}, true
		}
	}
	return permission{}, false
}

// splitScope takes a scope apart. https://graph.microsoft.com//.default is one of
// Graph, as anywhere where the resource's own address ends in a slash.
func splitScope(s string) (resourceHost, string, bool) {
	if !strings.Contains(s, "://") {
		return resourceHost{graphAPI, ""}, s, true
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" {
		return resourceHost{}, "", false
	}
	host, ok := resourceOf(u.Host)
	return host, strings.TrimLeft(u.Path, "/"), ok
}

// asked is a scope parameter, read.
type asked struct {
	permissions []permission
	openID      []string
	hosts       []string // of the permissions: they tell the token's audience
	clouds      []string
}

// readScopes reads a scope parameter.
func readScopes(list string) (asked, *entraError) {
	var a asked
	for _, s := range strings.Fields(list) {
		if isOpenID(s) {
			a.openID = append(a.openID, s)
			continue
		}
		one, ok := scopePermission(s)
		if !ok {
			return a, aadsts(70011).saying("The provided request must include a 'scope' input parameter. "+
				"The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", list)
		}
		a.permissions = append(a.permissions, one)
		host, _, _ := splitScope(s)
		a.clouds = append(a.clouds, host.cloud)
		a.hosts = append(a.hosts, hostOf(s))
	}
	return a, nil
}

func hostOf(scope string) string {
	if u, err := url.Parse(scope); err == nil && u.Host != "" {
		return u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return "https://graph.microsoft.com"
}

// one returns the resource of all permissions, and the address by which it was
// named first.
func (a asked) one() (resource, string, *entraError) {
	if len(a.permissions) == 0 {
		return noResource, "", nil
	}
	of := a.permissions[0].of
	for _, p := range a.permissions {
		if p.of != of {
			return of, "", aadsts(700022)
		}
	}
	return of, a.hosts[0], nil
}

// reachable says whether a tenant has a resource: in its own cloud, and Exchange
// only where there is some.
func (t *tenant) reachable(a asked) *entraError {
	own := t.Cloud
	if own == "" {
		own = "global"
	}
	for i, cloud := range a.clouds {
		if cloud != "" && cloud != own || a.permissions[i].of == outlook && t.NoExchange {
			return aadsts(500011).saying("The resource principal named %s was not found in the tenant named %s. "+
				"This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. "+
				"You might have sent your authentication request to the wrong tenant.", a.hosts[i], t.Domain)
		}
	}
	return nil
}

// names are the names of permissions of one resource.
func names(list []permission, of resource) []string {
	var out []string
	for _, p := range list {
		if p.of == of && !slices.Contains(out, p.name) {
			out = append(out, p.name)
		}
	}
	return out
}
