package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// workspace connects a Workspace mailbox by a service account with domain-wide
// delegation.
type workspace struct {
	mailboxFlags
	file    string
	keyless keylessFlags
	wait    time.Duration
}

func connectWorkspaceCommand(env environment) *cobra.Command {
	w := &workspace{}
	cmd := &cobra.Command{
		Use:   "workspace [ADDRESS]",
		Short: "Connect a Google Workspace mailbox by a service account",
		Long: `Connect a mailbox of a Google Workspace by a service account with domain-wide
delegation: an administrator allows it once, then any mailbox of the domain can be
connected and nobody has to sign in.

Without --service-account the command tells how to make one. It prints the client
id and the list of scopes to paste into the admin console, and proves key,
signature and each scope with live tokens before anything can be sent.

No key file is needed where gatepost has an identity of its own: --keyless names a
file of workload identity federation, --metadata means the service account of the
machine of Google Cloud that gatepost runs on. Google then signs. Whoever runs the
server allows it by the setting google-keyless.`,
		Example: `  gatepost connect workspace app@example.com --service-account key.json
  gatepost connect workspace app@example.com --keyless federation.json
  gatepost connect workspace app@example.com --metadata
  gatepost connect workspace second@example.com --credential cred_01k…
  gatepost connect workspace app@example.com --service-account key.json --wait 30m`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&w.file, "service-account", "", "key `file` of the service account (JSON, from Google)")
	w.keyless.flags(cmd)
	w.flags(cmd)
	cmd.Flags().DurationVar(&w.wait, "wait", 0, "how long to wait until Google knows of the delegation")
	cmd.Flags().BoolVar(&w.noTest, "no-test", false, "send no test message")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error { return w.run(ctx, newGuide(r), args) })
}

func (w *workspace) run(ctx context.Context, g *guide, args []string) error {
	return g.unused(ctx, w.connect(ctx, g, args))
}

func (w *workspace) connect(ctx context.Context, g *guide, args []string) error {
	address, err := addressOf(args)
	if err != nil {
		return err
	}
	if err := w.keyless.check(w.file); err != nil {
		return err
	}
	if err := g.another(ctx, address, w.transport(), "workspace"); err != nil {
		return err
	}
	credential, err := w.key(ctx, g)
	if err != nil {
		return err
	}
	if address == "" {
		if address, err = g.askAddress("the mailbox to connect, the primary address of a user"); err != nil {
			return err
		}
		if err := g.another(ctx, address, w.transport(), "workspace"); err != nil {
			return err
		}
	}
	if err := g.setup(ctx, client.SetupQuery{Kind: "workspace", Credential: credential, Transport: w.transport(), Purposes: w.wanted()}); err != nil {
		return err
	}
	g.pause("When that is done, press Enter.")
	proof, err := g.tryUntil(ctx, trying{
		credential: credential, address: address, purposes: w.wanted(), wait: w.wait, provider: "Google", what: "service account",
		slow: "Google can take minutes, at most a day, to know of it",
	})
	if err != nil {
		return err
	}
	a, err := g.place(ctx, w.account(address, credential, proof))
	if err != nil {
		return err
	}
	g.made = ""
	done := connected{Account: a, Missing: missing(proof), Proof: proof}
	if len(a.Senders) > 0 {
		done.Proof = client.Proof{} // that was the key's; the account's tells of its senders too
	}
	return g.finish(ctx, done, !w.noTest)
}

// key hands over the key file, whose key may be stored already.
func (w *workspace) key(ctx context.Context, g *guide) (string, error) {
	if w.credential != "" {
		return w.credential, g.known(ctx, w.credential, "google_service_account", kindKeyless)
	}
	if w.keyless.given() {
		return w.keyless.keep(ctx, g)
	}
	if w.file == "" && g.interactive {
		if err := g.setup(ctx, client.SetupQuery{Kind: "workspace", Transport: w.transport(), Purposes: w.wanted()}); err != nil {
			return "", err
		}
	}
	b, err := g.keyFile("--service-account", w.file, "the service account's key file (JSON); gatepost connect workspace --help tells how to get one")
	if err != nil {
		return "", err
	}
	made, err := g.CreateCredential(ctx, client.NewCredential{Kind: "google_service_account", Name: "service account", Key: jsonOrText(b)})
	if err != nil {
		return "", err
	}
	g.made = made.ID
	return g.once(ctx, made, "key file")
}

// once keeps one credential of a key or identity; what is what people call it. It was
// checked whole, by gatepost and by Google, whether it is stored already or not: a file
// that was changed looks like it in its names alone.
func (g *guide) once(ctx context.Context, made client.Credential, what string) (string, error) {
	list, err := g.Credentials(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list.Data, func(c client.Credential) bool {
		return c.ID != made.ID && c.Kind == made.Kind && maps.Equal(c.Public, made.Public)
	})
	if i < 0 {
		g.note("%s %s: checked and sealed as %s", g.in(green, "✓"), what, made.ID)
		return made.ID, nil
	}
	old := list.Data[i]
	if _, err := g.DeleteCredential(context.WithoutCancel(ctx), made.ID); err != nil {
		return "", fmt.Errorf("remove %s, which is the same as %s once more: %w", made.ID, old.ID, err)
	}
	g.made = ""
	g.note("%s %s: checked; it is stored already, as %s", g.in(green, "✓"), what, old.ID)
	return old.ID, nil
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return short(name, 100)
}

// jsonOrText sends what is no JSON as text: gatepost tells best what is wrong.
func jsonOrText(b []byte) json.RawMessage {
	if json.Valid(b) {
		return b
	}
	text, _ := json.Marshal(string(b)) // a string can be written
	return text
}

// rest waits, or until the context ends.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *workspace) account(address, credential string, proof client.Proof) client.NewAccount {
	n := client.NewAccount{Address: address, Transport: w.transport(), Credential: credential, Senders: w.senders}
	look := w.smtp || slices.Contains(w.wanted(), "look") && !slices.Contains(missing(proof), "look")
	if w.smtp {
		n.GmailSMTP = &client.GmailSMTPSettings{MayLook: &look}
	} else {
		n.Gmail = &client.GmailSettings{MayLook: &look}
	}
	return n
}

// missing are the purposes that a proof found to be not allowed.
func missing(proof client.Proof) []string {
	var out []string
	for _, s := range proof.Steps {
		if !s.OK && len(s.Name) > len("scope:") && s.Name[:len("scope:")] == "scope:" {
			out = append(out, s.Name[len("scope:"):])
		}
	}
	return out
}
