package microsoft_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/microsoft"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	all, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// note is a small message from an author.
func note(from, to string) (email.Envelope, email.Bytes) {
	return email.Envelope{From: from, Recipients: []string{to}},
		email.Bytes("From: " + from + "\r\nTo: " + to + "\r\nMessage-ID: <" + draftID + "@contoso.example>\r\n" + email.HeaderID + ": " + draftID + "\r\n\r\nhello\r\n")
}

// A 504 after Graph has taken the message says nothing; a look finds it.
func TestTimeoutAfterSentIsFound(t *testing.T) {
	w := providertest.StartWorld(t)
	p := open(t, w, account{config: `{"app_only":true}`, token: appTokens(t, w, providertest.Options{}, "Mail.Send", "Mail.ReadBasic.All")})
	env, msg := note(ada, "fault.error_after.504@world.example")
	_, err := p.Send(t.Context(), env, msg)
	if e := problemOf(t, err); e.Class != provider.Unknown || !strings.Contains(e.Reply, "client-request-id") {
		t.Errorf("Send: %v, want unknown", e)
	}
	found, err := p.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{draftID: true}, Since: time.Now()})
	if err != nil || found[draftID] != immutableID(ledger(t, w)[0].ProviderID) {
		t.Errorf("Look: %v %v", found, err)
	}
}

// Graph takes four calls at a time for one app and mailbox. An account keeps to that by
// itself; with what others send it is told to wait, and nothing was taken.
func TestFifthCall(t *testing.T) {
	w := providertest.StartWorld(t)
	token := appTokens(t, w, providertest.Options{}, "Mail.Send")
	for _, c := range []struct {
		parallel string
		refused  bool
	}{{"4", false}, {"8", true}} {
		p := open(t, w, account{config: `{"app_only":true,"may_look":false,"max_parallel":` + c.parallel + `}`, token: token})
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				env, msg := note(ada, "fault.slow.300@world.example")
				_, errs[i] = p.Send(t.Context(), env, msg)
			})
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if err == nil {
				continue
			}
			refused++
			if e := problemOf(t, err); e.Class != provider.Retry || e.Cause != "concurrency" || !e.Until.After(time.Now().Add(-time.Second)) {
				t.Errorf("max_parallel %s: %+v", c.parallel, e)
			}
		}
		if (refused > 0) != c.refused {
			t.Errorf("max_parallel %s: %d refused", c.parallel, refused)
		}
	}
}

// Who may send as whom is Exchange's to say, and the answer names both.
func TestSendAsDenied(t *testing.T) {
	w := providertest.StartWorld(t)
	p := open(t, w, account{config: `{"app_only":true}`, token: appTokens(t, w, providertest.Options{}, "Mail.Send")})
	env, msg := note("boss@contoso.example", ann)
	_, err := p.Send(t.Context(), env, msg)
	e := problemOf(t, err)
	if e.Class != provider.Fail || e.Cause != "send_as_denied" || !strings.Contains(e.Text, "boss@contoso.example") || !strings.Contains(e.Fix, "-Trustee "+ada) {
		t.Errorf("Send: %+v", e)
	}
}

// A user sends for a shared mailbox: from its own room, with permissions for shared
// mailboxes, and its Sent Items are looked at.
func TestSharedMailbox(t *testing.T) {
	const shared = "sales@contoso.example"
	w := providertest.StartWorld(t)
	for _, err := range []error{
		w.AddMailbox(sandbox.UserOptions{Address: shared}), w.AddMailboxPermission(shared, ada), w.AddSendAs(shared, ada),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const graph = "https://graph.microsoft.com/"
	token := userTokens(t, w, providertest.Options{}, ada, graph+"Mail.Send.Shared", graph+"Mail.ReadWrite.Shared", graph+"Mail.Read.Shared")
	p := open(t, w, account{config: `{"mailbox":"` + shared + `","draft_fence":true}`, token: token})
	env, msg := note(shared, ann)
	receipt, err := p.Send(t.Context(), env, msg)
	if err != nil {
		t.Fatal(err)
	}
	if got := ledger(t, w)[0]; got.Account != shared {
		t.Errorf("sent from %q, want %s", got.Account, shared)
	}
	found, err := p.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{draftID: true}})
	if err != nil || found[draftID] != receipt.ProviderID {
		t.Errorf("look: %v %v", found, err)
	}
}

// The settings say which kind of credential there is; the wrong one is told.
func TestAppOnlyIsASetting(t *testing.T) {
	w := providertest.StartWorld(t)
	p := open(t, w, account{config: `{}`, token: appTokens(t, w, providertest.Options{}, "Mail.Send")})
	if e := problemOf(t, p.Check(t.Context())); e.Class != provider.Hold || !strings.Contains(e.Fix, "app_only") {
		t.Errorf("Check: %+v", e)
	}
}

// A permission that is missing, a policy and a mailbox that is none: each has its own
// cause, and holds the account.
func TestWhatKeepsAnAccount(t *testing.T) {
	w := providertest.StartWorld(t)
	limited := newApp(t, w, "Mail.Send")
	if err := w.AddAccessPolicy(limited.TenantID, limited.ClientID, "other@contoso.example"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token          tokenFunc
		address, cause string
	}{
		"no permission": {appTokens(t, w, providertest.Options{}, "Mail.ReadWrite"), ada, "permission_missing"},
		"policy":        {tokensOf(t, w, providertest.Options{}, limited), ada, "access_policy"},
		"no mailbox":    {appTokens(t, w, providertest.Options{}, "Mail.Send"), "no-mailbox@contoso.example", "mailbox_not_enabled"},
		"nobody":        {appTokens(t, w, providertest.Options{}, "Mail.Send"), "nobody@contoso.example", "unknown_user"},
	} {
		p := open(t, w, account{config: `{"app_only":true,"may_look":false}`, address: c.address, token: c.token})
		env, msg := note(c.address, ann)
		_, err := p.Send(t.Context(), env, msg)
		for what, err := range map[string]error{"Send": err, "Check": p.Check(t.Context())} {
			if e := problemOf(t, err); e.Class != provider.Hold || e.Cause != c.cause || e.Fix == "" {
				t.Errorf("%s: %s: %+v", name, what, e)
			}
		}
	}
	if n := len(ledger(t, w)); n != 0 {
		t.Errorf("taken %d", n)
	}
}

// inShort are steps by name and cause; those that sending does not need stand in
// parentheses.
func inShort(proof []provider.Step) []string {
	var list []string
	for _, s := range proof {
		word := s.Name
		if s.Optional {
			word = "(" + word + ")"
		}
		if s.Err != nil {
			word += " " + s.Err.Cause
		}
		list = append(list, word)
	}
	return list
}

// TestProve: each permission stands alone, and nothing is sent or left behind.
func TestProve(t *testing.T) {
	w := providertest.StartWorld(t)
	for name, c := range map[string]struct {
		config string
		roles  []string
		want   []string
	}{
		"all":         {`{"app_only":true,"draft_fence":true}`, []string{"Mail.Send", "Mail.ReadWrite"}, []string{"token", "scope:send", "scope:draft", "scope:look", "mailbox"}},
		"no drafts":   {`{"app_only":true,"draft_fence":true}`, []string{"Mail.Send", "Mail.ReadBasic.All"}, []string{"token", "scope:send", "scope:draft permission_missing", "scope:look", "mailbox"}},
		"no sending":  {`{"app_only":true}`, []string{"Mail.ReadWrite"}, []string{"token", "scope:send permission_missing", "scope:look", "mailbox"}},
		"send alone":  {`{"app_only":true,"may_look":false}`, []string{"Mail.Send"}, []string{"token", "scope:send", "(scope:look)", "(mailbox) permission_missing"}},
		"no such app": {`{"app_only":true}`, nil, []string{"token", "scope:send permission_missing", "scope:look", "mailbox permission_missing"}},
	} {
		p := open(t, w, account{config: c.config, token: appTokens(t, w, providertest.Options{}, c.roles...)})
		proof := p.(provider.Prover).Prove(t.Context())
		if d := cmp.Diff(c.want, inShort(proof)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if detail := proof[0].Detail; !strings.Contains(detail, ada) || len(c.roles) > 0 && !strings.Contains(detail, c.roles[0]) {
			t.Errorf("%s: the token's step says %q", name, detail)
		}
	}
	d := drafter(t, w, fencedBy)
	if left := mustDrafts(t, d); len(left) != 0 || len(ledger(t, w)) != 0 {
		t.Errorf("a proof left %v and sent %v", left, ledger(t, w))
	}
}

func TestSettings(t *testing.T) {
	graph, smtp := microsoft.Kind(), microsoft.SMTPKind()
	const rest = `"may_look":true,"max_request":4194304,"max_size":36700160,"max_recipients":500,"max_parallel":4}`
	const restSMTP = `"may_look":false,"max_size":36700160,"max_connections":3,"max_recipients":500}`
	for _, c := range []struct {
		kind         provider.Kind
		config, want string // the completed settings, or the wrong field
	}{
		{graph, ``, `{"app_only":false,` + rest},
		{graph, `{"app_only":true,"mailbox":"a@b.example"}`, `{"app_only":true,"mailbox":"a@b.example",` + rest},
		{graph, `{"cloud":"china"}`, `{"app_only":false,"cloud":"china",` + rest},
		{graph, `{"cloud":"mars"}`, "cloud"},
		{graph, `{"mailbox":"a/b@c"}`, "mailbox"},
		{graph, `{"mailbox":"nobody"}`, "mailbox"},
		{graph, `{"max_request":10}`, "max_request"},
		{graph, `{"max_size":157286401}`, "max_size"},
		{graph, `{"max_recipients":1001}`, "max_recipients"},
		{graph, `{"max_parallel":0}`, "max_parallel"},
		{graph, `{"may_lok":true}`, ""},
		{smtp, `{}`, `{"app_only":false,` + restSMTP},
		{smtp, `{"host":"smtp.office365.us","scope":"https://outlook.office365.us/.default"}`, `{"app_only":false,"host":"smtp.office365.us","scope":"https://outlook.office365.us/.default",` + restSMTP},
		{smtp, `{"host":"a:25"}`, "host"},
		{smtp, `{"scope":"SMTP.Send"}`, "scope"},
		{smtp, `{"max_connections":0}`, "max_connections"},
	} {
		complete, wrong := c.kind.Validate(json.RawMessage(c.config))
		if len(wrong) > 0 {
			if len(wrong) != 1 || wrong[0].Field != c.want {
				t.Errorf("%s: %v, want field %q", c.config, wrong, c.want)
			}
			continue
		}
		if string(complete) != c.want {
			t.Errorf("%s: %s, want %s", c.config, complete, c.want)
		}
	}
	if l := graph.Limits(json.RawMessage(`{}`)); l.MaxSize != 3<<20 || l.MaxRecipients != 500 || l.MaxParallel != 4 || !l.HeaderDecides || l.Source == "" {
		t.Errorf("limits %+v", l)
	}
	if l := graph.Limits(json.RawMessage(`{"draft_fence":true}`)); l.MaxSize != 35<<20 {
		t.Errorf("limits with drafts %+v", l)
	}
	if l := smtp.Limits(nil); l.MaxSize != 35<<20 || l.MaxParallel != 3 || l.HeaderDecides {
		t.Errorf("limits by SMTP %+v", l)
	}
}

func TestRates(t *testing.T) {
	told := func(list []provider.Rate) []string {
		var out []string
		for _, r := range list {
			out = append(out, strings.Join([]string{r.Scope, r.Of, r.Unit, r.Window.String(), json.Number(itoa(r.Max)).String(), itoa(r.Cost)}, " "))
			if r.Source == "" {
				t.Errorf("no source: %+v", r)
			}
		}
		return out
	}
	const day = "mailbox ada@contoso.example recipients 24h0m0s 10000 0"
	for _, c := range []struct {
		kind   provider.Kind
		config string
		want   []string
	}{
		{microsoft.Kind(), `{}`, []string{"mailbox ada@contoso.example units 10m0s 10000 1", day}},
		{microsoft.Kind(), `{"draft_fence":true,"limits":{"recipients_per_day":100}}`, []string{"mailbox ada@contoso.example units 10m0s 10000 3", "mailbox ada@contoso.example recipients 24h0m0s 100 0"}},
		{microsoft.SMTPKind(), `{}`, []string{"mailbox ada@contoso.example messages 1m0s 30 0", day}},
		{microsoft.SMTPKind(), `{"limits":{"per_minute":10}}`, []string{"mailbox ada@contoso.example messages 1m0s 10 0", day}},
	} {
		if d := cmp.Diff(c.want, told(c.kind.Rates("Ada@contoso.example", json.RawMessage(c.config)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.config, d)
		}
	}
	if r := microsoft.Kind().Rates("ada@contoso.example", json.RawMessage(`{"mailbox":"Sales@contoso.example"}`)); !slices.ContainsFunc(r, func(r provider.Rate) bool { return r.Of == "sales@contoso.example" }) {
		t.Errorf("of a shared mailbox: %+v", r)
	}
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }
