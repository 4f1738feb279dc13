package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// tailing is messages tail: what is new since the last look.
type tailing struct {
	selection
	seen  map[string]string // id to states, of recent messages
	order []string
	since string // the id to begin with: ids rise with time
}

func messagesTailCommand(env environment) *cobra.Command {
	t := &tailing{seen: map[string]string{}}
	t.Limit = 10
	cmd := &cobra.Command{
		Use: "tail", Short: "Watch messages as they come and change, until Ctrl-C", Args: cobra.NoArgs,
		Example: `  gatepost messages tail
  gatepost messages tail --account app@example.com
  gatepost messages tail --json | jq -r .subject`,
	}
	t.selection.flags(cmd, env)
	numberFlag(cmd.Flags(), number{&t.Limit, 1, 100, 10}, "limit", "how `many` earlier messages to begin with, 1 to 100")
	return overAPI(env, cmd, t.run)
}

// tailPause is how often a tail looks.
const tailPause = time.Second

func (t *tailing) run(ctx context.Context, r *remote, _ []string) error {
	first := t.Limit
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
	return r.failed()
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
