package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The Gmail API is measured with the sandbox's simulated Google, and with Google's
// own figures: 6,000 units a minute for each user, 100 for each send.
const (
	mailboxes    = 10
	sendsAMinute = 60
)

// google is a running sandbox, and a credential for its mailboxes.
type google struct {
	APIURL             string `json:"api_url"`
	APIKey             string `json:"api_key"`
	LedgerURL          string `json:"ledger_url"`
	ServiceAccountFile string `json:"service_account_file"`

	cmd      *exec.Cmd
	gatepost gatepost
}

// taken is a line of the sandbox's ledger: a message that the simulated Google took.
type taken struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Message string    `json:"gatepost_id"`
}

// measureGmail fills several mailboxes with more than they may send, and looks at what the simulated
// Google took of it, and when.
func (b *bench) measureGmail(ctx context.Context) error {
	g, err := b.startGoogle(ctx)
	if err != nil {
		return err
	}
	defer stopProcess(g.cmd)
	each := max(1, b.plan.limited/mailboxes)
	if err := g.submit(ctx, each); err != nil {
		return err
	}
	patience := time.Duration(each)*2*time.Minute/sendsAMinute + time.Minute
	took, err := g.await(ctx, each*mailboxes, patience)
	if err != nil {
		return err
	}
	return b.recordGmail(took, each*mailboxes)
}

func (b *bench) startGoogle(ctx context.Context) (*google, error) {
	g := &google{cmd: exec.CommandContext(ctx, b.gatepost, "sandbox", "--json", "--data", filepath.Join(b.dir, "google"))}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, g)
	}
	if err != nil {
		stopProcess(g.cmd)
		return nil, fmt.Errorf("start the sandbox: %w: %s", err, line)
	}
	g.gatepost = gatepost{url: g.APIURL, key: g.APIKey}
	return g, nil
}

// submit connects the mailboxes and gives each as many messages.
func (g *google) submit(ctx context.Context, each int) error {
	key, err := os.ReadFile(g.ServiceAccountFile)
	if err != nil {
		return err
	}
	credential, err := g.gatepost.post(ctx, "/v1/credentials", map[string]any{"kind": "google_service_account", "name": "bench", "key": json.RawMessage(key)})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, mailboxes)
	for i := range mailboxes {
		wg.Go(func() { errs[i] = g.fill(ctx, credential, fmt.Sprintf("box%d@acme.example", i), each) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *google) fill(ctx context.Context, credential, address string, messages int) error {
	account := map[string]any{"address": address, "transport": "gmail", "credential": credential}
	if _, err := g.gatepost.post(ctx, "/v1/accounts", account); err != nil {
		return err
	}
	for i := range messages {
		message := map[string]any{"from": address, "to": []string{"user" + strconv.Itoa(i) + "@example.test"}, "subject": "bench", "text": "bench"}
		if _, err := g.gatepost.post(ctx, "/v1/messages", message); err != nil {
			return err
		}
	}
	return nil
}

// await returns what arrived once all has, or when patience is over.
func (g *google) await(ctx context.Context, messages int, patience time.Duration) ([]taken, error) {
	deadline := time.Now().Add(patience)
	for {
		text, err := get(ctx, g.LedgerURL)
		if err != nil {
			return nil, err
		}
		if n := bytes.Count(text, []byte("\n")); n >= messages || time.Now().After(deadline) {
			return readTaken(text)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func readTaken(text []byte) ([]taken, error) {
	var all []taken
	for line := range bytes.Lines(text) {
		var t taken
		if err := json.Unmarshal(line, &t); err != nil {
			return nil, fmt.Errorf("the sandbox's ledger: %w: %s", err, line)
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b taken) int { return a.At.Compare(b.At) })
	return all, nil
}

// recordGmail adds a line to the results, as the rig does for others.
func (b *bench) recordGmail(took []taken, wanted int) error {
	if len(took) < 2 {
		return fmt.Errorf("%d of %d messages arrived", len(took), wanted)
	}
	ids := map[string]int{}
	for _, t := range took {
		ids[t.Message]++
	}
	seconds := took[len(took)-1].At.Sub(took[0].At).Seconds()
	most := mostAMinute(took)
	if most > sendsAMinute {
		return fmt.Errorf("a mailbox sent %d messages within a minute, and Google allows %d", most, sendsAMinute)
	}
	line, err := json.Marshal(map[string]any{
		"Label": fmt.Sprintf("gatepost on SQLite: Gmail API, %d mailboxes of %d a minute (most in any minute: %d)", mailboxes, sendsAMinute, most),
		"Mode":  "limit-http", "Time": time.Now().Format(time.RFC3339), "N": wanted, "C": mailboxes,
		"Received": len(ids), "Lost": max(0, wanted-len(ids)), "Duplicates": len(took) - len(ids),
		"Seconds": seconds, "E2EPerS": float64(len(ids)) / seconds, "AllowedPerS": float64(mailboxes*sendsAMinute) / 60,
	})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(b.results, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}

// mostAMinute is how many messages a mailbox sent within any minute at the most.
func mostAMinute(took []taken) (most int) {
	of := map[string][]time.Time{}
	for _, t := range took {
		times := append(of[t.Account], t.At)
		for t.At.Sub(times[0]) >= time.Minute {
			times = times[1:]
		}
		of[t.Account] = times
		most = max(most, len(times))
	}
	return most
}
