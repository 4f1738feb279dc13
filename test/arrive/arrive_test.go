// Package arrive sends a thousand odd but valid messages through the running program and reads each
// from its recipient's mailbox with parsers that share nothing with the writer. It is a test alone.
package arrive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	gomail "github.com/emersion/go-message/mail"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/test/running"
)

const messages = 1000

// What was asked for is what arrives, by the Gmail API and through a relay.
func TestAThousandOddMessagesArriveAsAsked(t *testing.T) {
	s := running.Start(t, running.Build(t))
	api, err := client.New(s.APIURL, s.APIKey)
	if err != nil {
		t.Fatal(err)
	}
	asked := make([]client.NewMessage, messages)
	for i := range asked {
		asked[i] = odd(i, s.Accounts[i%2].Address)
	}
	for batch := range slices.Chunk(asked, 250) {
		if _, err := api.SendBatch(t.Context(), client.NewBatch{Messages: batch}); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range asked {
		raw := arrived(t.Context(), t, s.ControlURL, m.To[0].Address)
		if d := gocmp.Diff(wanted(m), read(t, raw)); d != "" {
			t.Errorf("message %d: %s\n%s", i, d, clip(raw))
		}
		checkWire(t, i, raw)
		if t.Failed() {
			return
		}
	}
}

// fragments are what headers, bodies and file names stumble over.
var fragments = []string{
	" ", "  ", "\t", "a", "Z", "é", "ß", "🎉", "日本", "שלום", "e\u0301", "\u00a0", "\u200d", "=?", "?=", "=?utf-8?q?x?=", "=", "?", "_",
	"%0d%0aBcc: x@y.example", `"`, `\`, "'", "<", ">", "(", ")", "@", ",", ";", ":", ".", "..", "--", "From ", "*0*=", "utf-8''", "word ",
	strings.Repeat("x", 80), strings.Repeat("ü", 40), strings.Repeat("long ", 30),
}

var lines = append([]string{"\n", "\n\n", "\r\n", "\n.\n", "\n..\r\n", "\n-- \n", "\t\n", "\nFrom x", "=\n", strings.Repeat("y", 1200)}, fragments...)

// name is what may stand beside an address: gatepost refuses what mail programs read differently.
func name(t *rapid.T, label string) string {
	s := line(t, label)
	if _, err := email.NewAddress(s, "a@example.org"); err != nil {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) {
				return r
			}
			return -1
		}, s[:min(len(s), 60)])
	}
	return s
}

// odd is message i of the series: the same in each run.
func odd(i int, from string) client.NewMessage {
	return rapid.Custom(func(t *rapid.T) client.NewMessage {
		m := client.NewMessage{
			From: &client.Address{Address: from, Name: name(t, "from")}, To: client.Addresses{{Address: fmt.Sprintf("m%d@example.org", i), Name: name(t, "to")}},
			Subject: line(t, "subject"), Text: "T" + text(t, "text"), NoText: true,
		}
		if rapid.Bool().Draw(t, "cc") {
			m.Cc = client.Addresses{{Address: fmt.Sprintf("c%d@bücher.example", i), Name: name(t, "cc name")}}
		}
		if rapid.Bool().Draw(t, "html") {
			m.HTML = "<p>" + text(t, "html") + "</p>"
		}
		if rapid.Bool().Draw(t, "header") {
			m.Headers = client.Headers{{Name: "X-Odd", Value: line(t, "header value")}}
		}
		for n := range rapid.IntRange(0, 2).Draw(t, "files") {
			m.Attachments = append(m.Attachments, file(t, fmt.Sprintf("f%d-", n)))
		}
		if m.HTML != "" && rapid.Bool().Draw(t, "image") {
			m.HTML += `<img src="cid:pic-` + fmt.Sprint(i) + `" alt="">`
			f := file(t, "i-")
			f.ContentID, f.ContentType = "pic-"+fmt.Sprint(i), "image/png"
			m.Attachments = append(m.Attachments, f)
		}
		return m
	}).Example(i)
}

func line(t *rapid.T, label string) string {
	return strings.TrimSpace(strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 6).Draw(t, label), ""))
}

func text(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 12).Draw(t, label), "")
}

func file(t *rapid.T, prefix string) client.Attachment {
	name := prefix + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "é", "日本", " ", "'", ";", "%", "🎉", "=", ","}), 0, 5).Draw(t, "name"), "")
	return client.Attachment{Filename: name + "z.bin", ContentType: "application/octet-stream", Content: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "content")}
}

// seen is what a reader gets.
type seen struct {
	From, To, Cc, Subject, Odd, Text, HTML string
	Files                                  []fileSeen
}

type fileSeen struct{ Name, ContentID, Content string }

func wanted(m client.NewMessage) seen {
	s := seen{From: show(m.From.Name, m.From.Address), To: show(m.To[0].Name, m.To[0].Address), Subject: m.Subject, Text: unix(m.Text), HTML: unix(m.HTML)}
	for _, a := range m.Cc {
		s.Cc = show(a.Name, strings.Replace(a.Address, "bücher", "xn--bcher-kva", 1))
	}
	for _, h := range m.Headers {
		s.Odd = h.Value
	}
	for _, a := range m.Attachments {
		s.Files = append(s.Files, fileSeen{a.Filename, a.ContentID, string(a.Content)})
	}
	return s.sorted()
}

func (s seen) sorted() seen {
	slices.SortFunc(s.Files, func(a, b fileSeen) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// show tells a mailbox; blanks in a row within a name are one to every mail program.
func show(name, address string) string {
	return strings.Join(strings.Fields(name), " ") + "|" + address
}

// unix has LF line ends, and none at the end: SMTP ends every last line.
func unix(s string) string {
	return strings.TrimRight(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\n")
}

// read is what go-message makes of a message.
func read(t *testing.T, raw []byte) (s seen) {
	t.Helper()
	r, err := gomail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	address := func(field string) string {
		list, err := r.Header.AddressList(field)
		if err != nil || len(list) > 1 {
			t.Fatalf("%s: %v, %v", field, list, err)
		}
		if len(list) == 0 {
			return ""
		}
		return show(list[0].Name, list[0].Address)
	}
	s.From, s.To, s.Cc = address("From"), address("To"), address("Cc")
	s.Subject, _ = r.Header.Text("Subject")
	s.Odd, _ = r.Header.Text("X-Odd")
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return s.sorted()
		}
		if err != nil {
			t.Fatal(err)
		}
		s.part(t, p)
	}
}

func (s *seen) part(t *testing.T, p *gomail.Part) {
	t.Helper()
	b, err := io.ReadAll(p.Body)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Trim(p.Header.Get("Content-Id"), "<>")
	switch h := p.Header.(type) {
	case *gomail.AttachmentHeader:
		name, err := h.Filename()
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, fileSeen{name, id, string(b)})
	case *gomail.InlineHeader:
		kind, _, _ := h.ContentType()
		switch {
		case kind == "text/plain":
			s.Text = unix(string(b))
		case kind == "text/html":
			s.HTML = unix(string(b))
		default:
			_, params, err := h.ContentDisposition()
			if err != nil {
				t.Fatal(err)
			}
			s.Files = append(s.Files, fileSeen{params["filename"], id, string(b)})
		}
	}
}

// checkWire holds the bytes to RFC 5322: CRLF alone ends lines, none is longer than 998 bytes, the header
// is ASCII and has no field twice.
func checkWire(t *testing.T, i int, raw []byte) {
	t.Helper()
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	names := map[string]bool{}
	for l := range bytes.SplitSeq(header, []byte("\r\n")) {
		if len(l) > 0 && (l[0] == ' ' || l[0] == '\t') {
			continue
		}
		name, _, _ := strings.Cut(string(l), ":")
		if names[name] && name != "Received" {
			t.Errorf("message %d has two fields %s", i, name)
		}
		names[name] = true
	}
	for l := range bytes.SplitSeq(raw, []byte("\r\n")) {
		if len(l) > 998 || bytes.ContainsAny(l, "\r\n\x00") {
			t.Errorf("message %d has the line %q", i, clip(l))
		}
	}
	if bytes.ContainsFunc(header, func(r rune) bool { return r >= 0x80 }) {
		t.Errorf("message %d: the header is not ASCII: %q", i, clip(header))
	}
}

func clip(b []byte) string { return string(b[:min(len(b), 3000)]) }

// arrived waits for the message in a mailbox and returns it as the recipient has it.
func arrived(ctx context.Context, t *testing.T, control, to string) []byte {
	t.Helper()
	var list struct{ Messages []struct{ ID string } }
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err := json.Unmarshal(get(ctx, t, control+"/api/messages?to="+url.QueryEscape(to)), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Messages) > 0 {
			break
		}
	}
	if len(list.Messages) != 1 {
		t.Fatalf("%d messages for %s", len(list.Messages), to)
	}
	return get(ctx, t, control+"/message/"+list.Messages[0].ID+"/raw")
}

func get(ctx context.Context, t *testing.T, from string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v", from, resp.Status, err)
	}
	return b
}
