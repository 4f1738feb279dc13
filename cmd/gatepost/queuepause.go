package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// pausing is a pause, or its end, on its way.
type pausing struct {
	client.NewPause
	yes, dryRun bool
}

func (p *pausing) flags(cmd *cobra.Command, env environment) {
	f := cmd.Flags()
	f.StringVar(&p.Account, "account", "", "this `account`, address or id, or a pool (default every one)")
	f.StringVar(&p.Lane, "lane", "", "this `lane`: urgent, normal or bulk (default every one)")
	f.BoolVar(&p.yes, "yes", false, "do not ask")
	f.BoolVar(&p.dryRun, "dry-run", false, "count, and do nothing")
	completeQueue(cmd, env, nil)
}

func queuePauseCommand(env environment) *cobra.Command {
	p := &pausing{}
	cmd := &cobra.Command{
		Use: "pause", Short: "Let no attempt begin of an account, a lane, or all mail", Args: cobra.NoArgs,
		Example: `  gatepost queue pause --account app@example.com
  gatepost queue pause --lane bulk --reason "a wrong price"
  gatepost queue pause --dry-run`,
	}
	p.flags(cmd, env)
	cmd.Flags().StringVar(&p.Reason, "reason", "", "`why`, for those who wonder")
	return ofQueue(env, cmd, func(ctx context.Context, r *remote, _ []string) error { return p.pause(ctx, r) })
}

func queueResumeCommand(env environment) *cobra.Command {
	p := &pausing{}
	cmd := &cobra.Command{
		Use: "resume", Short: "End a pause: the one that was made with the same flags", Args: cobra.NoArgs,
		Example: "  gatepost queue resume --lane bulk",
	}
	p.flags(cmd, env)
	return ofQueue(env, cmd, func(ctx context.Context, r *remote, _ []string) error { return p.resume(ctx, r) })
}

// counting is the request that only counts.
func (p *pausing) counting() client.NewPause {
	count := p.NewPause
	count.DryRun = true
	return count
}

// pause counts, asks, and does it.
func (p *pausing) pause(ctx context.Context, r *remote) error {
	if !p.yes || p.dryRun {
		found, err := r.Pause(ctx, p.counting())
		if err != nil {
			return err
		}
		would := fmt.Sprintf("%s would be paused: %s, and what comes later", pausedMail(p.Account, p.Lane), waitNow(found))
		if p.dryRun {
			return r.show(found, func() { r.countedPause(found, would) })
		}
		if err := r.agreed(would, func() { r.countedPause(found, would) }); err != nil {
			return err
		}
	}
	list, err := r.Pause(ctx, p.NewPause)
	if err != nil {
		return err
	}
	return r.show(list, func() { r.paused(list.Data) })
}

// resume counts, asks, and does it. Where there is no such pause nothing was resumed,
// and mail may still be paused by another: that is no success.
func (p *pausing) resume(ctx context.Context, r *remote) error {
	if !p.yes || p.dryRun {
		found, err := r.Resume(ctx, p.counting())
		if err != nil {
			return err
		}
		if found.Ended == nil {
			return p.noSuch(r, found)
		}
		would := fmt.Sprintf("%s would be resumed: %s", pausedMail(p.Account, p.Lane), waitNow(found))
		if p.dryRun {
			return r.show(found, func() { r.countedPause(found, would) })
		}
		if err := r.agreed(would, func() { r.countedPause(found, would) }); err != nil {
			return err
		}
	}
	left, err := r.Resume(ctx, p.NewPause)
	switch {
	case err != nil:
		return err
	case left.Ended == nil:
		return p.noSuch(r, left)
	}
	return r.show(left, func() {
		r.line("resumed %s.", pauseWords(*left.Ended))
		r.stillPaused(left.Data)
	})
}

func (p *pausing) noSuch(r *remote, left client.PauseList) error {
	if err := r.show(left, func() {
		r.line("There is no such pause: %s.", pausedMail(p.Account, p.Lane))
		r.stillPaused(left.Data)
	}); err != nil {
		return err
	}
	return toldError{exitFailed}
}

func (r *remote) stillPaused(list []client.Pause) {
	if len(list) == 0 {
		r.line("Nothing is paused.")
	}
	r.paused(list)
}

func (r *remote) countedPause(found client.PauseList, would string) {
	if found.Counted != nil && len(found.Counted.Waiting) > 0 {
		r.waiting(found.Counted.Waiting, "")
	}
	r.line("%s.", would)
}

// waitNow is how many messages wait of what a pause is about.
func waitNow(found client.PauseList) string {
	if found.Counted == nil {
		return plural(0, "message")
	}
	verb := "wait"
	if found.Counted.Messages == 1 {
		verb = "waits"
	}
	return plural(found.Counted.Messages, "message") + " that " + verb + " now"
}
