package entra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/oauth"
)

func TestOneResource(t *testing.T) {
	for scopes, want := range map[string]string{
		graphSend: "https://graph.microsoft.com",
		graphSend + " openid offline_access " + graphLook:                             "https://graph.microsoft.com",
		"Mail.Send User.Read " + graphSend:                                            "https://graph.microsoft.com",
		"https://outlook.office365.com/.default":                                      "https://outlook.office365.com",
		"https://outlook.office.com//.default":                                        "https://outlook.office.com",
		"https://Graph.Microsoft.com/mail.send https://graph.microsoft.com/Mail.Read": "https://graph.microsoft.com",
		"api://" + appID + "/access":                                                  "api://" + appID,
		graphSend + " " + smtpSend:                                                    "",
		"Mail.Send https://graph.microsoft.us/Mail.Read":                              "",
		"openid profile": "",
		"":               "",
		"https://outlook.office.com/SMTP.Send https://outlook.office365.com/IMAP.Access": "",
	} {
		got, err := OneResource(strings.Fields(scopes))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", scopes, got, err, want)
		}
		if err != nil && strings.Count(scopes, "://") > 1 && !strings.Contains(err.Error(), "ask for one token for each") {
			t.Errorf("%s: %v", scopes, err)
		}
	}
}

func TestScopesOfPurposes(t *testing.T) {
	global := Global.Resources()
	for purposes, want := range map[string]string{
		"send":        "Mail.Send",
		"look send":   "Mail.Send Mail.ReadBasic",
		"draft":       "Mail.ReadWrite Mail.Send",
		"send draft":  "Mail.ReadWrite Mail.Send",
		"look read":   "Mail.Read",
		"send modify": "Mail.Send Mail.ReadWrite",
		"smtp":        "SMTP.Send",
		"send smtp":   "Mail.Send SMTP.Send",
		"send shared": "Mail.Send Mail.Send.Shared",
		"look shared": "Mail.Send.Shared Mail.Read.Shared",
		"draft shared": "Mail.Send Mail.Send.Shared " +
			"Mail.ReadWrite.Shared",
		"": "",
	} {
		var ps []oauth.Purpose
		for p := range strings.FieldsSeq(purposes) {
			one, ok := ParsePurpose(p)
			if !ok {
				t.Fatal(p)
			}
			ps = append(ps, one)
		}
		scopes := ScopesFor(ps, global)
		var names []string
		for _, s := range scopes {
			names = append(names, s[strings.LastIndexByte(s, '/')+1:])
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", purposes, got, want)
		}
		for _, p := range ps {
			if !strings.Contains(" "+purposesText(Granted(scopes, global))+" ", " "+string(p)+" ") {
				t.Errorf("%s: granted %v", purposes, Granted(scopes, global))
			}
		}
	}
	if _, ok := ParsePurpose("calendar"); ok {
		t.Error("an unknown purpose")
	}
	if d := cmp.Diff([]string{"https://dod-graph.microsoft.us/Mail.Send", "https://outlook-dod.office365.us/SMTP.Send"},
		ScopesFor([]oauth.Purpose{oauth.PurposeSMTP, oauth.PurposeSend}, USGovL5.Resources())); d != "" {
		t.Error(d)
	}
}

func purposesText(ps []oauth.Purpose) string {
	var all []string
	for _, p := range ps {
		all = append(all, string(p))
	}
	return strings.Join(all, " ")
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		granted, scope string
		want           bool
	}{
		{graphSend, graphSend, true},
		{"https://graph.microsoft.com/mail.send", graphSend, true},
		{"Mail.Send openid", graphSend, true},
		{"https://graph.microsoft.com/.default", graphSend, true},
		{"https://graph.microsoft.com/Mail.ReadWrite", graphLook, true},
		{"https://graph.microsoft.com/Mail.ReadWrite.Shared", graphLook, true},
		{"https://graph.microsoft.com/Mail.ReadWrite", graphSend, false},
		{"https://graph.microsoft.com/Mail.Send.Shared", graphSend, false},
		{graphSend, "https://graph.microsoft.com/Mail.Send.Shared", false},
		{graphLook, "https://graph.microsoft.com/Mail.Read", false},
		{"https://graph.microsoft.us/Mail.Send", graphSend, false},
		{"https://outlook.office.com/Mail.Send", graphSend, false},
		{"https://outlook.office.com/.default", graphSend, false},
		{"", graphSend, false},
	} {
		if got := Covers(strings.Fields(c.granted), c.scope); got != c.want {
			t.Errorf("%q covers %q: %v", c.granted, c.scope, got)
		}
	}
}

func TestEndpointsOfClouds(t *testing.T) {
	for cloud, want := range map[Cloud]struct{ login, graph string }{
		Global:  {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
		USGovL4: {"https://login.microsoftonline.us", "https://graph.microsoft.us"},
		USGovL5: {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
		China:   {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"},
	} {
		if got := (Endpoints{}).Token(cloud, "contoso.example"); got != want.login+"/contoso.example/oauth2/v2.0/token" || cloud.Resources().Graph != want.graph {
			t.Errorf("%s: %s %s", cloud, got, cloud.Resources().Graph)
		}
		if got := At("https://127.0.0.1:1/").Token(cloud, "common"); got != "https://127.0.0.1:1/common/oauth2/v2.0/token" {
			t.Errorf("%s: %s", cloud, got)
		}
		if parsed, ok := ParseCloud(string(cloud)); !ok || parsed != cloud {
			t.Errorf("%s is read as %s", cloud, parsed)
		}
	}
	if At("").Simulated() || !At("https://x.example").Simulated() {
		t.Error("what is simulated")
	}
	a := made(t, withSecret())
	if got := (Endpoints{}).AdminConsent(a, "fabrikam.example", "https://mail.acme.example/done", "s 1", nil); got !=
		"https://login.microsoftonline.com/fabrikam.example/adminconsent?client_id="+appID+"&redirect_uri=https%3A%2F%2Fmail.acme.example%2Fdone&state=s+1" {
		t.Error(got)
	}
	if got := (Endpoints{}).AdminConsent(a, tenantID, "", "", []string{"https://outlook.office365.com/.default"}); !strings.Contains(got, "/v2.0/adminconsent?") ||
		!strings.Contains(got, "scope=https%3A%2F%2Foutlook.office365.com%2F.default") {
		t.Error(got)
	}
}

func TestCheckRedirectURI(t *testing.T) {
	for uri, says := range map[string]string{
		"https://mail.acme.example/connect/callback": "",
		"http://localhost:53682/":                    "",
		"http://127.0.0.1:53682/":                    "localhost in place of 127.0.0.1",
		"http://[::1]:53682/":                        "localhost in place of ::1",
		"http://mail.acme.example/":                  "https alone",
		"https://mail.acme.example/#x":               "# part",
		"https://*.acme.example/":                    "wildcard",
		"https://u@mail.acme.example/":               "user name",
		"mail.acme.example":                          "is not an address",
	} {
		err := CheckRedirectURI(uri)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", uri, err, says)
		}
	}
}
