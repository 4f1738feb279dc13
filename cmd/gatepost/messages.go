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

func messagesShowCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show MESSAGE-ID", Short: "Show a message: its recipients and what happened to it", Args: messageID(), ValidArgsFunction: recentMessages(env),
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
		{"next try", nextTry(m, time.Now())},
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

// nextTry is when something is done next. What is due and has not left waits for
// something that the message alone does not tell.
func nextTry(m client.Message, now time.Time) string {
	if m.NextAt == nil || m.NextAt.After(now) {
		return whenAt(m.NextAt)
	}
	return "due; for what it waits: gatepost messages explain " + m.ID
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
		r.line("          %s", inCommands(e.Data.Fix))
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
	cmd := &cobra.Command{Use: name + " MESSAGE-ID", Short: about, Args: messageID(), ValidArgsFunction: recentMessages(env), Example: "  gatepost messages " + name + " msg_01k…"}
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
		Use: "content MESSAGE-ID", Short: "Print the whole message (RFC 5322) as it is sent", Args: messageID(), ValidArgsFunction: recentMessages(env),
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
