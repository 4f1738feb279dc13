package sandbox

import (
	"strings"
	"testing"
)

func TestAWorldOfItsOwnIsFurnishedByControl(t *testing.T) {
	m := microsoftWorld(t)
	post := func(path, body string, into any) {
		t.Helper()
		got := do(t, m.http, "POST", m.ControlURL+"/control/"+path, "application/json", body)
		if got.status != 201 {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		if into != nil {
			got.into(t, into)
		}
	}
	var a App
	post("microsoft/tenants", `{"domain":"fabrikam.example"}`, nil)
	post("microsoft/apps", `{"tenant":"fabrikam.example","roles":["SMTP.SendAsApp"]}`, &a)
	post("microsoft/users", `{"address":"kay@fabrikam.example"}`, nil)
	post("microsoft/mailboxes", `{"address":"info@fabrikam.example"}`, nil)
	post("microsoft/service-principals", `{"tenant":"fabrikam.example","client_id":"`+a.ClientID+`","object_id":"`+a.PrincipalID+`"}`, nil)
	post("microsoft/mailbox-permissions", `{"mailbox":"info@fabrikam.example","trustee":"`+a.PrincipalID+`"}`, nil)
	post("microsoft/send-as", `{"mailbox":"kay@fabrikam.example","trustee":"info@fabrikam.example"}`, nil)
	l := m.signedIn("info@fabrikam.example", m.appToken(a, defaultO))
	if got := l.submit("info@fabrikam.example", mailFrom("kay@fabrikam.example", "x@example.net"), "x@example.net"); !strings.HasPrefix(got, "250 2.0.0 OK") {
		t.Error(got)
	}
	var machine, workload WorkloadAccount
	post("machines", `{}`, &machine)
	post("workloads", `{"token_file":"/tmp/token"}`, &workload)
	if machine.Address == "" || !strings.Contains(string(workload.File), `"file": "/tmp/token"`) && !strings.Contains(string(workload.File), `"file":"/tmp/token"`) {
		t.Errorf("%+v %s", machine, workload.File)
	}

	patch := func(path, body string) answer {
		return do(t, m.http, "PATCH", m.ControlURL+"/control/microsoft/"+path, "application/json", body)
	}
	if got := patch("apps/"+a.ClientID, `{"disabled":true}`); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	m.token("fabrikam.example", m.clientForm(a, defaultO)).wants(t, "disabled", 401, "unauthorized_client", 7000112)
	if got := patch("tenants/fabrikam.example", `{"smtp_auth_of":true}`); got.status != 422 {
		t.Errorf("a misspelt field: %d %s", got.status, got.body)
	}
	if got := patch("tenants/nowhere.example", `{}`); got.status != 422 {
		t.Errorf("no tenant: %d", got.status)
	}
}
