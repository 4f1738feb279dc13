package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// remote is what a command needs to speak to a running gatepost.
type remote struct {
	*client.Client
	*printer
	env      environment
	settings *settings
}

// overAPI makes a command speak to a gatepost: it adds the flags for that, and do
// gets a client.
func overAPI(env environment, cmd *cobra.Command, do func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	return overAPIWith(env, cmd, forClient, do)
}

func overAPIWith(env environment, cmd *cobra.Command, which groups, do func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	defineFlags(cmd.Flags(), which)
	timeoutFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := dial(cmd, env, which)
		if err != nil {
			return err
		}
		r.asJSON = *asJSON
		return notThere(inFlags(do(cmd.Context(), r, args), cmd), cmd, args)
	}
	return cmd
}

// inFlags names the fields of a refused request as the command line does; those
// that no flag gives stay as they are.
func inFlags(err error, cmd *cobra.Command) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	for i, f := range refused.Errors {
		if flag := flagOf(f.Field, cmd); flag != "" {
			refused.Errors[i].Field = flag
		}
	}
	return err
}

// flagOf is the flag of a command that gives a field: --to for to[0].address, --tls
// for smtp.tls. Of a file, of a
// member of a pool, and of what has a name of its own, it names that, too.
func flagOf(field string, cmd *cobra.Command) string {
	if strings.HasPrefix(field, "--") {
		return field // the command has named it
	}
	head, rest, _ := strings.Cut(field, ".")
	if limit, ok := strings.CutPrefix(rest, "limits."); ok && cmd.Flags().Lookup("limit") != nil {
		return "--limit " + limit
	}
	if flag := flagFor(head, cmd); flag != "" {
		switch {
		case head == "key" && rest != "":
			flag += ": " + rest
		case (head == "headers" || head == "metadata") && rest != "":
			flag += " " + strconv.Quote(rest)
		case flag == "--members":
			flag += memberTyped(head, cmd)
		}
		return flag
	}
	return flagFor(rest, cmd)
}

// memberTyped is the member of a pool that a field such as members[1] is about, as it
// was written.
func memberTyped(field string, cmd *cobra.Command) string {
	typed, err := cmd.Flags().GetStringArray("members")
	_, index, _ := strings.Cut(strings.TrimSuffix(field, "]"), "[")
	if i, notOne := strconv.Atoi(index); err == nil && notOne == nil && i < len(typed) {
		return " " + strconv.Quote(typed[i])
	}
	return ""
}

func flagFor(name string, cmd *cobra.Command) string {
	name, _, _ = strings.Cut(name, "[")
	if name == "address" && strings.Contains(cmd.Use, "ADDRESS") {
		return "ADDRESS"
	}
	others := map[string][]string{
		"headers": {"header"}, "attachments": {"attach"}, "tags": {"tag"}, "thread_id": {"thread"}, "Idempotency-Key": {"idempotency-key"},
		"ca": {"relay-ca"}, "may_look": {"look"}, "expires_at": {"expires"}, "key": {"service-account", "oauth-client", "certificate-key", "file"},
		"client_secret": {"secret-file"}, "certificate": {"certificate-file"}, "secret_expires_at": {"secret-expires"},
		"password": {"smtp-password-file"}, "submitted_before": {"older-than"}, "recipient": {"to"},
	}
	for _, flag := range append([]string{strings.ReplaceAll(name, "_", "-")}, others[name]...) {
		if cmd.Flags().Lookup(flag) != nil {
			return "--" + flag
		}
	}
	if name == "name" && strings.HasSuffix(cmd.Use, " NAME") {
		return "NAME"
	}
	return ""
}

// notThere says what is not there, and where to find what is.
func notThere(err error, cmd *cobra.Command, args []string) error {
	var refused *client.Error
	group := cmd.Parent().Name()
	if !errors.As(err, &refused) || refused.Kind() != "not_found" || len(args) != 1 || !strings.HasSuffix(group, "s") {
		return err
	}
	return usagef("there is no %s %s: gatepost %s list shows them", strings.TrimSuffix(group, "s"), args[0], group)
}

func dial(cmd *cobra.Command, env environment, which groups) (*remote, error) {
	s, err := load(cmd.Flags(), env, which)
	if err != nil {
		return nil, err
	}
	if s.key.Empty() {
		return nil, usagef("%w: put it into GATEPOST_KEY, or name its file by GATEPOST_KEY_FILE.\nThe first one is made where the server's data is: gatepost keys create --name NAME --data FOLDER", errNoKey)
	}
	limits, err := patience(cmd)
	if err != nil {
		return nil, err
	}
	c, err := s.client(limits...)
	if err != nil {
		return nil, err
	}
	return &remote{Client: c, printer: newPrinter(env, false), env: env, settings: s}, nil
}

// client is for the gatepost that the settings name.
func (s *settings) client(options ...client.Option) (*client.Client, error) {
	roots, err := s.authorities()
	if err != nil {
		return nil, err
	}
	options = append(options, client.WithHTTPClient(&http.Client{Transport: s.transport(roots)}), client.WithUserAgent("gatepost-cli/"+strings.Fields(version())[0]))
	c, err := client.New(s.url, s.key.Reveal(), options...)
	if errors.Is(err, client.ErrKeyForm) {
		return nil, usagef("%s: %w", s.source("key"), err)
	}
	if err != nil {
		return nil, usagef("%s: %w", s.name("url"), err)
	}
	return c, nil
}

// account finds an account by id or address.
func (r *remote) account(ctx context.Context, which string) (client.Account, error) {
	if !strings.Contains(which, "@") {
		return r.Account(ctx, which)
	}
	list, err := r.Accounts(ctx)
	if err != nil {
		return client.Account{}, err
	}
	i := slices.IndexFunc(list.Data, func(a client.Account) bool { return strings.EqualFold(a.Address, which) })
	if i < 0 {
		return client.Account{}, usagef("there is no account %s: gatepost accounts list shows all", which)
	}
	return list.Data[i], nil
}

// final tells whether a recipient's status changes no more by itself.
func final(status string) bool {
	switch status {
	case "accepted", "failed", "canceled", "expired", "suppressed", "bounced", "complained":
		return true
	}
	return false
}

// settled waits until a message is final for every recipient, or waits for a
// person, or the time is up.
func (r *remote) settled(ctx context.Context, id string, limit time.Duration) (client.Message, error) {
	deadline := time.Now().Add(limit)
	for pause := 100 * time.Millisecond; ; pause = min(pause*2, 2*time.Second) {
		m, err := r.Message(ctx, id)
		if err != nil {
			return m, err
		}
		status := overall(m.Recipients)
		if final(status) || status == "held" || status == "mixed" && allFinal(m.Recipients) || time.Now().After(deadline) {
			r.progressEnd()
			return m, nil
		}
		r.progress("%s is %s …", id, status)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return m, errors.New("stopped waiting; the message goes on")
		}
	}
}

func allFinal(list []client.Recipient) bool {
	return !slices.ContainsFunc(list, func(r client.Recipient) bool { return !final(r.Status) })
}

// overall is the status of all recipients in one word.
func overall(list []client.Recipient) string {
	status := ""
	for _, r := range list {
		if status != "" && r.Status != status {
			return "mixed"
		}
		status = r.Status
	}
	return status
}
