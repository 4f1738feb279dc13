package control

import (
	"strings"
	"testing"

	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
)

// What a user agreed to for a shared mailbox stands in all tokens of the user and the app,
// and is not too much as long as a shared mailbox needs it. Lines that mend name the user
// who signs in, not the mailbox, which has no rights of its own.
func TestDoctorKnowsSharedMailboxes(t *testing.T) {
	k := openClinic(t, nil)
	must(t, k.google.AddMailbox(sandbox.UserOptions{Address: orders}))
	must(t, k.google.AddMailboxPermission(orders, kim))
	app := k.publicApp(t, sandbox.AppOptions{})
	own, err := k.StartConsent(t.Context(), k.grant, NewConsent{Credential: app, Transport: transportMicrosoft, Address: kim, RedirectURI: "http://localhost:53682"})
	must(t, err)
	_, err = k.FinishConsent(t.Context(), k.grant, own.ID, k.decided(t, own.URL, sandbox.Decision{Account: kim}))
	must(t, err)
	_, err = k.shared(t, NewConsent{Credential: app, Transport: transportMicrosoft, SharedWith: kim}, kim)
	must(t, err)
	for _, who := range []string{"", kim, orders} {
		d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{Account: who})
		must(t, err)
		for _, f := range d.Findings {
			t.Errorf("%q: %s", who, told(&f))
		}
	}

	k.send(queue.Submission{Account: orders, To: to("bob@example.net"), Subject: "Hello", Text: "x"}, 1, k.hasFailed)
	d, err := k.Doctor(t.Context(), k.grant, DoctorQuery{})
	must(t, err)
	line := "Add-RecipientPermission -Identity " + orders + " -Trustee " + kim + " -AccessRights SendAs"
	if len(d.Findings) != 1 || d.Findings[0].Cause != "send_as_denied" || d.Findings[0].Commands[0] != line {
		t.Errorf("findings %+v", d.Findings)
	}

	k.google.RevokeMicrosoft(kim)
	d, err = k.Doctor(t.Context(), k.grant, DoctorQuery{Account: orders})
	must(t, err)
	if again := "gatepost connect microsoft " + orders + " --consent --shared-with " + kim; len(d.Findings) == 0 || !strings.Contains(strings.Join(d.Findings[0].Commands, "\n"), again) {
		t.Errorf("findings %+v", d.Findings)
	}
}
