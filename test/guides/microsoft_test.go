package guides

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/test/running"
)

// microsoft gives the reader what an administrator of Microsoft 365 would: an app
// registration, and its secret.
func (r *reader) microsoft(t *testing.T) {
	t.Helper()
	var facts struct {
		ClientID   string `json:"microsoft_client_id"`
		SecretFile string `json:"microsoft_secret_file"`
	}
	_, line, _ := strings.Cut(r.Output.String(), "{") // a warning can stand before it
	if err := json.NewDecoder(strings.NewReader("{" + line)).Decode(&facts); err != nil {
		t.Fatal(err)
	}
	r.values["CLIENT"] = facts.ClientID
	r.file(t, "secret.txt", read(t, facts.SecretFile))
}

// uploadCertificate registers the certificate that the reader has made.
func (r *reader) uploadCertificate(t *testing.T) {
	t.Helper()
	body, err := json.Marshal(map[string][]string{"certificates": {read(t, filepath.Join(r.dir, "cert.pem"))}})
	if err != nil {
		t.Fatal(err)
	}
	r.patch(t, "microsoft/apps/"+r.values["CLIENT"], string(body))
}

// share makes the shared mailbox, tries to connect it without a right to it, which has
// to tell the lines that give it, and gives it.
func (r *reader) share(t *testing.T) {
	t.Helper()
	box, user := r.values["SHARED"], r.values["USER_MAILBOX"]
	r.control(t, "microsoft/mailboxes", `{"address":"`+box+`"}`)
	r.user = user
	out, err := r.shell(t, `gatepost connect microsoft "$SHARED" --consent --shared-with "$USER_MAILBOX"`)
	if err == nil {
		t.Fatalf("a shared mailbox was connected without a right to it:\n%s", out)
	}
	r.said = out
	for _, right := range []string{"mailbox-permissions", "send-as"} {
		r.control(t, "microsoft/"+right, `{"mailbox":"`+box+`","trustee":"`+user+`"}`)
	}
}

// printedLines compares the lines for Exchange in the guide with those that gatepost
// prints, in the set-up or with a refusal.
func (r *reader) printedLines(t *testing.T, text string) {
	t.Helper()
	c, err := client.New(r.APIURL, r.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	setup, err := c.Setup(t.Context(), client.SetupQuery{Kind: "microsoft", Address: "app@contoso.com"})
	if err != nil {
		t.Fatal(err)
	}
	told := strings.ReplaceAll(r.said, "contoso.example", "contoso.com")
	for _, step := range setup.Steps {
		told += strings.Join(step.Commands, "\n") + "\n"
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(told, strings.TrimSpace(line)) {
			t.Errorf("gatepost does not print %q", line)
		}
	}
}

// typeCode is a user who types a device code.
func (r *reader) typeCode(t *testing.T, code string) {
	t.Helper()
	r.control(t, "microsoft/device", `{"code":"`+code+`","account":"`+r.values["USER_MAILBOX"]+`"}`)
}

// agreeAtMicrosoft is the user whose mailbox is expected.
func (r *reader) agreeAtMicrosoft(t *testing.T, at, hint string) string {
	t.Helper()
	return running.ConsentMicrosoft(t, running.HTTP(t, r.CAFile), at, hint).String()
}
