package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// selection is which messages a list shows.
type selection struct {
	client.MessageQuery
	since, until string
	all          bool
}

func (s *selection) flags(cmd *cobra.Command, env environment) {
	f := cmd.Flags()
	f.StringVar(&s.Status, "status", "", "with a recipient in this `state`: queued, held, failed …")
	f.StringVar(&s.Account, "account", "", "sent through this `account`, address or id, or given to a pool")
	f.StringVar(&s.Recipient, "to", "", "for this recipient's `address`")
	f.StringVar(&s.Tag, "tag", "", "with this `tag`")
	f.StringVar(&s.Type, "type", "", "of this `type`")
	complete(cmd, "status", oneOf(statuses()))
	complete(cmd, "type", oneOf(types()))
	complete(cmd, "account", accountNames(env))
}

func (s *selection) parse() error {
	for _, t := range []struct {
		flag, given string
		to          *time.Time
	}{{"--since", s.since, &s.Since}, {"--until", s.until, &s.Until}} {
		var ago age
		if mistake := ago.Set(t.given); mistake == nil {
			*t.to = time.Now().Add(-time.Duration(ago))
			continue
		} else if _, err := time.ParseDuration(t.given); err == nil {
			return usagef("%s %q: %w", t.flag, t.given, mistake)
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
	s.Limit = 20
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List messages, newest first", Args: cobra.NoArgs,
		Example: `  gatepost messages list
  gatepost messages list --status held --account app@example.com
  gatepost messages list --to maria@example.org --since 24h
  gatepost messages list --all --json | jq -r .id`,
	}
	s.flags(cmd, env)
	cmd.Flags().StringVar(&s.since, "since", "", "submitted at this `time` or later; a duration means ago")
	cmd.Flags().StringVar(&s.until, "until", "", "submitted before this `time`")
	numberFlag(cmd.Flags(), number{&s.Limit, 1, 100, 20}, "limit", "how `many`, 1 to 100")
	cmd.Flags().StringVar(&s.Cursor, "cursor", "", "where the list before ended, its `cursor`")
	cmd.Flags().BoolVar(&s.all, "all", false, "all of them; with --json a message a line")
	return overAPI(env, cmd, func(ctx context.Context, r *remote, _ []string) error {
		if err := s.parse(); err != nil {
			return err
		}
		if s.all {
			return r.allMessages(ctx, s)
		}
		page, err := r.Messages(ctx, s.MessageQuery)
		if err != nil {
			return err
		}
		return r.show(page, func() {
			r.messageTable(page.Data, s.none())
			if page.NextCursor != "" {
				r.line("%s", r.in(dim, "More:  --cursor "+page.NextCursor+", or --all"))
			}
		})
	})
}

// none is what to say when no message fits.
func (s *selection) none() string {
	q := s.MessageQuery
	narrow := q.Account+q.Recipient+q.Tag+q.Type+q.Cursor != "" || !q.Since.IsZero() || !q.Until.IsZero()
	switch {
	case narrow:
		return "No message fits all of that."
	case q.Status != "":
		return "No message is " + q.Status + "."
	}
	return "There is no message yet."
}

func (r *remote) allMessages(ctx context.Context, s *selection) error {
	q := s.MessageQuery
	q.Limit = 100
	shown := false
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
			r.messageTable(page, "")
			if page, shown = nil, true; r.failed() != nil {
				return r.failed()
			}
		}
	}
	if !r.asJSON && (len(page) > 0 || !shown) {
		r.messageTable(page, s.none())
	}
	return nil
}

func (r *remote) messageTable(list []client.MessageSummary, none string) {
	if len(list) == 0 {
		r.line("%s", none)
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
