package guides

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"gatepost/test/running"
)

// trouble is something that goes wrong, and the words by which a guide says that
// one can tell.
type trouble struct {
	words  string
	code   string   // what leads to it
	fault  string   // what the world does meanwhile
	user   string   // who is chosen at Google
	refuse []string // boxes left unticked
	deny   bool     // Cancel is pressed
}

var troubles = map[string][]trouble{
	workspace.file: {
		{words: "private_key", code: `sed 's/BEGIN PRIVATE KEY-----......../BEGIN PRIVATE KEY-----/' service-account.json > cut.json; gatepost connect workspace "$MAILBOX" --service-account cut.json`},
		{words: "The service account may not act for", code: `gatepost connect workspace "$MAILBOX" --service-account undelegated.json`},
		{words: "Google knows no user", code: `gatepost connect workspace nobody@acme.example --service-account service-account.json`},
		{words: "Gmail is not switched on for", code: `gatepost connect workspace no-gmail@acme.example --service-account service-account.json`},
		{words: "Google does not accept the signature of key", fault: "token_refused", code: `gatepost connect workspace new@acme.example --service-account service-account.json`},
		{words: `must be "service_account"`, code: `gatepost connect workspace "$MAILBOX" --service-account client_secret.json`},
	},
	gmail.file: {
		{words: "was expected and", user: "mallory@gmail.example", code: `gatepost connect gmail "$MAILBOX" --oauth-client client_secret.json`},
		{words: "A box was left unticked", refuse: []string{scopeSend}, code: `gatepost connect gmail "$MAILBOX"`},
		{words: "the box was left unticked; what needs it is off", refuse: []string{scopeMetadata}, code: `gatepost connect gmail "$SECOND"`},
		{words: "Consent was not given", deny: true, code: `gatepost connect gmail "$MAILBOX"`},
		{words: "the file is of a Web application", code: `gatepost connect gmail "$MAILBOX" --oauth-client client_secret_web.json`},
		{words: "is not among the client's registered ones", code: `gatepost connect link "$COLLEAGUE" --oauth-client client_secret_other.json`},
		{words: "this is a service account's key", code: `gatepost connect gmail "$MAILBOX" --oauth-client service-account.json`},
	},
	relay.file: {
		{words: "The provider refused the connection", code: `gatepost connect relay "$MAILBOX" --host "$RELAY" --port 1`},
		{words: "The server does not speak TLS where it was expected to", code: `gatepost connect relay "$MAILBOX" --host "$RELAY" --port "$RELAY_PORT" --tls implicit`},
		{words: "The server refused user name and password", code: `GATEPOST_SMTP_PASSWORD=wrong gatepost connect relay "$MAILBOX" --host "$RELAY" --port "$RELAY_PORT" --user "$RELAY_USER"`},
		{words: "The server wants a sign-in or TLS before it takes mail", code: `gatepost connect relay "$MAILBOX" --host "$RELAY" --port "$RELAY_PORT"`},
		{words: "The server does not relay for this machine or sender", code: `gatepost connect relay app@elsewhere.example --preset gmail_relay --host "$GOOGLE_RELAY" --port "$GOOGLE_RELAY_PORT"`},
		{words: "is for a relay on this machine only", code: `gatepost connect relay "$MAILBOX" --host relay.example.com --tls none`},
		{words: "is connected already", code: `gatepost connect relay ada@acme.example --host "$RELAY"`},
	},
}

// What goes wrong says it in the words by which the guide lists it.
func TestTroubles(t *testing.T) {
	program := running.Build(t)
	for _, j := range []journey{workspace, gmail, relay} {
		t.Run(j.file, func(t *testing.T) {
			r := j.begin(t, program)
			r.file(t, "client_secret.json", read(t, r.OAuthClientFile))
			r.file(t, "service-account.json", read(t, r.ServiceAccountFile))
			r.file(t, "client_secret_other.json", r.control(t, "oauth-clients", `{"type":"web","redirect_uris":["https://other.example/connect/callback"]}`))
			r.file(t, "undelegated.json", r.control(t, "service-accounts", `{"scopes":[]}`))
			for _, x := range troubles[j.file] {
				r.trouble(t, x)
			}
		})
	}
}

func (r *reader) trouble(t *testing.T, x trouble) {
	t.Helper()
	if x.fault != "" {
		r.control(t, "faults", `{"fault":"`+x.fault+`"}`)
	}
	r.user, r.refuse, r.deny = x.user, x.refuse, x.deny
	if out, _ := r.shell(t, x.code); !strings.Contains(strings.Join(strings.Fields(out), " "), x.words) {
		t.Errorf("%s\ndoes not say %q:\n%s", x.code, x.words, out)
	}
}

var (
	troubleTable = regexp.MustCompile(`(?s)\n## What goes wrong\n(.*)$`)
	quoted       = regexp.MustCompile(`(?m)“([^”]+)”`)
)

// Whatever a guide quotes as said by gatepost is said by gatepost: in the page of
// providers' answers, which is made from the program, or when it was tried here.
func TestQuotes(t *testing.T) {
	answers := read(t, "../../docs/errors.md")
	for _, j := range []journey{workspace, gmail, relay} {
		text, err := os.ReadFile("../../docs/" + j.file)
		if err != nil {
			t.Fatal(err)
		}
		section := troubleTable.FindStringSubmatch(string(text))
		if section == nil {
			t.Fatalf("%s does not say what goes wrong", j.file)
		}
		listed := map[string]bool{}
		for row := range strings.SplitSeq(section[1], "\n") {
			cells := strings.Split(row, "|")
			if len(cells) < 4 || strings.HasPrefix(cells[1], " Google: ") { // what Google's own pages say
				continue
			}
			for _, q := range quoted.FindAllStringSubmatch(cells[1], -1) {
				listed[q[1]] = true
			}
		}
		for _, x := range troubles[j.file] {
			if !listed[x.words] {
				t.Errorf("%s does not list %q", j.file, x.words)
			}
			delete(listed, x.words)
		}
		for words := range listed {
			if !strings.Contains(answers, words) {
				t.Errorf("%s: nothing says %q", j.file, words)
			}
		}
	}
}
