package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/sandbox"
)

func mailboxCommand(env environment) *cobra.Command {
	m := &mailboxReader{client: &http.Client{Timeout: 10 * time.Second}, printer: newPrinter(env, false)}
	cmd := &cobra.Command{
		Use:   "mailbox [ADDRESS | MESSAGE-ID]",
		Short: "Show what arrived in the sandbox",
		Long: `Show what arrived in the sandbox: all messages, those for an address, or one
message with its text. It needs no key: the sandbox's mail is nobody's.`,
		Example: `  gatepost mailbox
  gatepost mailbox grace@example.com
  gatepost mailbox --json | jq '.messages[0]'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := ""
			if len(args) > 0 {
				what = args[0]
			}
			return m.show(cmd.Context(), what)
		},
	}
	cmd.Flags().StringVar(&m.base, "url", "http://127.0.0.1:7026", "`URL` where the sandbox's mailboxes are")
	cmd.Flags().BoolVar(&m.asJSON, "json", false, "print JSON")
	return cmd
}

// mailboxReader reads the sandbox's mail over its JSON.
type mailboxReader struct {
	*printer
	base   string
	client *http.Client
}

func (m *mailboxReader) show(ctx context.Context, what string) error {
	if what != "" && !strings.Contains(what, "@") {
		return m.one(ctx, what)
	}
	var page struct {
		Messages []sandbox.Summary `json:"messages"`
	}
	raw, err := m.get(ctx, "/api/messages?to="+url.QueryEscape(what), &page)
	if err != nil {
		return err
	}
	if m.asJSON {
		_, err := m.out.Write(raw)
		return err
	}
	if len(page.Messages) == 0 {
		m.line("Nothing has arrived yet.")
		return nil
	}
	var rows [][]string
	for _, s := range page.Messages {
		rows = append(rows, []string{s.ID, when(s.ReceivedAt), strings.Join(s.Recipients, ", "), short(s.Subject, 60)})
	}
	m.table([]string{"ID", "ARRIVED", "TO", "SUBJECT"}, rows)
	return nil
}

func (m *mailboxReader) one(ctx context.Context, id string) error {
	var d sandbox.Detail
	raw, err := m.get(ctx, "/api/messages/"+url.PathEscape(id), &d)
	if err != nil {
		return err
	}
	if m.asJSON {
		_, err := m.out.Write(raw)
		return err
	}
	for _, h := range d.Headers {
		m.line("%s %s", m.in(dim, h.Name+":"), h.Value)
	}
	m.line("\n%s", strings.ReplaceAll(d.Text, "\r\n", "\n"))
	for _, a := range d.Attachments {
		m.line("attachment: %s (%s, %d bytes)", a.Filename, a.ContentType, a.Size)
	}
	return nil
}

// get reads JSON and returns it also as it came.
func (m *mailboxReader) get(ctx context.Context, path string, into any) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(m.base, "/")+path, nil)
	if err != nil {
		return nil, usageError{fmt.Errorf("--url: %w", err)}
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: is the sandbox running? start it with: gatepost sandbox", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, usageError{errors.New("there is no such message: gatepost mailbox lists them")}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the sandbox answered %s", resp.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	return raw, json.Unmarshal(raw, into)
}
