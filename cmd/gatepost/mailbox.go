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
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"gatepost/internal/sandbox"
)

func mailboxCommand(env environment) *cobra.Command {
	m := &mailboxReader{client: &http.Client{Timeout: 10 * time.Second}, out: env.stdout}
	cmd := &cobra.Command{
		Use:   "mailbox [ADDRESS | MESSAGE-ID]",
		Short: "Show what arrived in the sandbox",
		Long: `Show what arrived in the sandbox: all messages, those for an address, or one
message with its text.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := ""
			if len(args) > 0 {
				what = args[0]
			}
			return m.show(cmd.Context(), what)
		},
	}
	cmd.Flags().StringVar(&m.base, "url", "http://127.0.0.1:7026", "where the sandbox's mailboxes are")
	cmd.Flags().BoolVar(&m.asJSON, "json", false, "print JSON")
	return cmd
}

// mailboxReader reads the sandbox's mail over its JSON.
type mailboxReader struct {
	base   string
	asJSON bool
	client *http.Client
	out    io.Writer
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
		_, err := fmt.Fprintln(m.out, "Nothing has arrived yet.")
		return err
	}
	t := tabwriter.NewWriter(m.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tARRIVED\tTO\tSUBJECT")
	for _, s := range page.Messages {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.ID, s.ReceivedAt.Local().Format(time.TimeOnly), strings.Join(s.Recipients, ", "), s.Subject)
	}
	return t.Flush()
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
		fmt.Fprintf(m.out, "%s: %s\n", h.Name, h.Value)
	}
	fmt.Fprintf(m.out, "\n%s\n", d.Text)
	for _, a := range d.Attachments {
		fmt.Fprintf(m.out, "attachment: %s (%s, %d bytes)\n", a.Filename, a.ContentType, a.Size)
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
