package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

func messagesCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "messages",
		Short: "See what became of messages; cancel, retry, release them",
		Long: `See what became of messages, and decide about those that wait.

A recipient of a message is in one state at any time: scheduled, queued, sending,
unknown, held, accepted (by the next server), failed, canceled, expired.`,
	}
	cmd.AddCommand(messagesListCommand(env), messagesShowCommand(env), messagesExplainCommand(env), messagesTailCommand(env),
		messagesCancelCommand(env), messagesRetryCommand(env), messagesReleaseCommand(env), messagesContentCommand(env), messagesTypesCommand(env))
	return cmd
}

// messageID is the argument of most commands here.
func messageID() cobra.PositionalArgs {
	return oneArg("the message's id; gatepost messages list shows them")
}

// selection is which messages a list shows.
type selection struct {
	client.MessageQuery
	since, until string
	all          bool
}

func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.Status, "status", "", "with a recipient in this `state`: queued, held, failed …")
	f.StringVar(&s.Account, "account", "", "sent through this `account`, address or id")
	f.StringVar(&s.Recipient, "to", "", "for this recipient's `address`")
	f.StringVar(&s.Tag, "tag", "", "with this `tag`")
	f.StringVar(&s.Type, "type", "", "of this `type`")
}

func (s *selection) parse() error {
	for _, t := range []struct {
		flag, given string
		to          *time.Time
	}{{"--since", s.since, &s.Since}, {"--until", s.until, &s.Until}} {
		if d, err := time.ParseDuration(t.given); err == nil {
			*t.to = time.Now().Add(-d)
			continue
		}
		at, err := moment(t.flag, t.given)
		if err != nil {
			return err
		}
		if at != nil {
			*t.to = at.Time
		}
	}
	return nil
}

func messagesListCommand(env environment) *cobra.Command {
	s := &selection{}
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List messages, newest first", Args: cobra.NoArgs,
		Example: `  gatepost messages list
  gatepost messages list --status held --account app@example.com
  gatepost messages list --to maria@example.org --since 24h
  gatepost messages list --all --json | jq -r .id`,
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&s.since, "since", "", "submitted at this `time` or later; a duration means ago")
	cmd.Flags().StringVar(&s.until, "until", "", "submitted before this `time`")
	cmd.Flags().IntVar(&s.Limit, "limit", 20, "how `many`, 1 to 100")
	cmd.Flags().StringVar(&s.Cursor, "cursor", "", "where the list before ended, its `cursor`")
	cmd.Flags().BoolVar(&s.all, "all", false, "all of them; with --json a message a line")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		if err := s.parse(); err != nil {
			return err
		}
		if s.all {
			return r.allMessages(ctx, s.MessageQuery)
		}
		page, err := r.Messages(ctx, s.MessageQuery)
		if err != nil {
			return err
		}
		return r.show(page, func() {
			r.messageTable(page.Data)
			if page.NextCursor != "" {
				r.line("%s", r.in(dim, "More:  --cursor "+page.NextCursor+", or --all"))
			}
		})
	})
}

func (r *remote) allMessages(ctx context.Context, q client.MessageQuery) error {
	q.Limit = 100
	var page []client.MessageSummary
	for m, err := range r.AllMessages(ctx, q) {
		if err != nil {
			return err
		}
		if r.asJSON {
			if err := r.json(m); err != nil {
				return err
			}
			continue
		}
		if page = append(page, m); len(page) == q.Limit {
			r.messageTable(page)
			page = nil
		}
	}
	if len(page) > 0 {
		r.messageTable(page)
	}
	return nil
}

func (r *remote) messageTable(list []client.MessageSummary) {
	if len(list) == 0 {
		r.line("There is no such message.")
		return
	}
	var rows [][]string
	for _, m := range list {
		rows = append(rows, []string{m.ID, when(m.SubmittedAt.Time), overall(m.Recipients), recipientsShort(m.Recipients), short(m.Subject, 48)})
	}
	r.table([]string{"ID", "SUBMITTED", "STATUS", "TO", "SUBJECT"}, rows)
}

func recipientsShort(list []client.Recipient) string {
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0].Address
	}
	return fmt.Sprintf("%s and %d more", list[0].Address, len(list)-1)
}

// short cuts a text that would break a table.
func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func messagesShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show MESSAGE-ID", Short: "Show a message: its recipients and what happened to it", Args: messageID(),
		Example: "  gatepost messages show msg_01k…",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		m, err := r.Message(ctx, args[0])
		if err != nil {
			return err
		}
		return r.show(m, func() { r.message(m) })
	})
}

func (r *remote) message(m client.Message) {
	for _, f := range [][2]string{
		{"id", m.ID},
		{"from", m.From},
		{"subject", m.Subject},
		{"type", m.Type + ", lane " + m.Lane},
		{"account", m.Account},
		{"message-id", m.MessageID},
		{"thread", m.ThreadID},
		{"submitted", when(m.SubmittedAt.Time)},
		{"not before", whenAt(m.SendAt)},
		{"not after", whenAt(m.ExpiresAt)},
		{"content", shreddedText(m.ShreddedAt)},
		{"tags", strings.Join(m.Tags, " ")},
		{"next try", whenAt(m.NextAt)},
	} {
		if f[1] != "" {
			r.line("%s%s", r.in(dim, fmt.Sprintf("%-12s", f[0])), f[1])
		}
	}
	r.line("")
	r.recipients(m.MessageSummary)
	if m.PossibleDuplicate {
		r.line("%s", r.in(yellow, "Recipients may have got it twice."))
	}
	r.line("")
	for _, e := range m.Events {
		r.event(e)
	}
}

func shreddedText(at *client.Time) string {
	if at == nil {
		return ""
	}
	return "shredded " + whenAt(at)
}

func (r *remote) recipients(m client.MessageSummary) {
	for _, to := range m.Recipients {
		line := to.Address
		if to.Reply != "" {
			line += "  " + to.Reply
		} else if to.Cause != "" {
			line += "  " + to.Cause
		}
		r.line("%s  %s", r.state(fmt.Sprintf("%-9s", to.Status)), line)
	}
}

func (r *remote) event(e client.Event) {
	what := strings.TrimPrefix(e.Type, "message.")
	var more []string
	for _, s := range []string{strings.Join(e.Data.Recipients, ", "), e.Data.Text, e.Data.Reply} {
		if s != "" {
			more = append(more, s)
		}
	}
	if e.Data.NextAt != nil {
		more = append(more, "next "+whenAt(e.Data.NextAt))
	}
	r.line("%s  %s  %s", r.in(dim, when(e.At.Time)), r.state(fmt.Sprintf("%-9s", what)), strings.Join(more, " · "))
	if e.Data.Fix != "" {
		r.line("          %s", e.Data.Fix)
	}
}

func messagesCancelCommand(env environment) *cobra.Command {
	return messageAction(env, "cancel", "Keep a message from being sent, while no attempt has begun", "%s will not be sent.",
		func(ctx context.Context, r *remote, id string) (client.Message, error) { return r.Cancel(ctx, id) })
}

func messagesRetryCommand(env environment) *cobra.Command {
	return messageAction(env, "retry", "Send a failed message again, to those for whom it failed", "%s is queued again for those for whom it failed.",
		func(ctx context.Context, r *remote, id string) (client.Message, error) { return r.Retry(ctx, id) })
}

func messagesReleaseCommand(env environment) *cobra.Command {
	return messageAction(env, "release", "Let a held message go on; if it had left after all, it arrives twice", "%s goes on.",
		func(ctx context.Context, r *remote, id string) (client.Message, error) { return r.Release(ctx, id) })
}

func messageAction(env environment, name, about, done string, do func(context.Context, *remote, string) (client.Message, error)) *cobra.Command {
	cmd := &cobra.Command{Use: name + " MESSAGE-ID", Short: about, Args: messageID(), Example: "  gatepost messages " + name + " msg_01k…"}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		m, err := do(ctx, r, args[0])
		if err != nil {
			return err
		}
		if m.ID == "" { // the key may not read messages
			m.ID = args[0]
		}
		return r.show(m, func() { r.line(done, m.ID) })
	})
}

func messagesContentCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "content MESSAGE-ID", Short: "Print the whole message (RFC 5322) as it is sent", Args: messageID(),
		Example: "  gatepost messages content msg_01k… > message.eml",
	}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, args []string) error {
		content, err := r.Content(ctx, args[0])
		if err != nil {
			return err
		}
		defer content.Close()
		if r.asJSON {
			b, err := io.ReadAll(content)
			if err != nil {
				return err
			}
			return r.json(map[string]any{"id": args[0], "raw": b})
		}
		_, err = io.Copy(r.out, content)
		return err
	})
}

func messagesTypesCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{Use: "types", Short: "List the types of mail and what each stands for", Args: cobra.NoArgs}
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		list, err := r.Types(ctx)
		if err != nil {
			return err
		}
		return r.show(list, func() { r.types(list) })
	})
}

// tailing is messages tail: what is new since the last look.
type tailing struct {
	selection
	seen  map[string]string // id to states, of recent messages
	order []string
	since string // the id to begin with: ids rise with time
}

func messagesTailCommand(env environment) *cobra.Command {
	t := &tailing{seen: map[string]string{}}
	cmd := &cobra.Command{
		Use: "tail", Short: "Watch messages as they come and change, until Ctrl-C", Args: cobra.NoArgs,
		Example: `  gatepost messages tail
  gatepost messages tail --account app@example.com
  gatepost messages tail --json | jq -r .subject`,
	}
	t.selection.flags(cmd)
	cmd.Flags().IntVar(&t.Limit, "limit", 10, "how `many` earlier messages to begin with")
	return overAPI(env, cmd, t.run)
}

// tailPause is how often a tail looks.
const tailPause = time.Second

func (t *tailing) run(ctx context.Context, r *remote, _ []string) error {
	first := t.Limit
	if first < 1 {
		first = 1
	}
	for {
		page, err := r.Messages(ctx, client.MessageQuery{Status: t.Status, Account: t.Account, Recipient: t.Recipient, Tag: t.Tag, Type: t.Type, Limit: first})
		if err != nil && ctx.Err() == nil {
			return err
		}
		if t.since == "" && len(page.Data) > 0 {
			t.since = page.Data[len(page.Data)-1].ID
		}
		for i := len(page.Data) - 1; i >= 0; i-- {
			if page.Data[i].ID < t.since {
				continue
			}
			if err := t.tell(r, page.Data[i]); err != nil {
				return err
			}
		}
		first = 100
		select {
		case <-time.After(tailPause):
		case <-ctx.Done():
			return nil
		}
	}
}

// tailKept bounds what a tail remembers.
const tailKept = 2000

func (t *tailing) tell(r *remote, m client.MessageSummary) error {
	states := ""
	for _, to := range m.Recipients {
		states += to.Status + " "
	}
	before, known := t.seen[m.ID]
	if before == states {
		return nil
	}
	if !known {
		t.order = append(t.order, m.ID)
	}
	if t.seen[m.ID] = states; len(t.order) > tailKept {
		delete(t.seen, t.order[0])
		t.order = t.order[1:]
	}
	if r.asJSON {
		return r.json(m)
	}
	r.line("%s  %s  %s  %s  %s", r.in(dim, when(latest(m))), r.state(fmt.Sprintf("%-9s", overall(m.Recipients))), m.ID, recipientsShort(m.Recipients), short(m.Subject, 48))
	return nil
}

// latest is when something last happened to a message.
func latest(m client.MessageSummary) time.Time {
	at := m.SubmittedAt.Time
	for _, to := range m.Recipients {
		if to.UpdatedAt != nil && to.UpdatedAt.After(at) {
			at = to.UpdatedAt.Time
		}
	}
	return at
}
