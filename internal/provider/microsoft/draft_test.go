package microsoft_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

const (
	draftID  = "msg_01jd2q0000e0080g40r40m30e2"
	fencedBy = `{"app_only":true,"draft_fence":true,"max_size":157286400}`
	ann      = "ann@world.example"
)

// letter is a message with gatepost's mark and files of these sizes.
func letter(to string, files ...int) email.Bytes {
	var b strings.Builder
	fmt.Fprintf(&b, "From: Ada L <%s>\r\nTo: %s\r\nSubject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <%s@contoso.example>\r\n%s: %s\r\n"+
		"X-Campaign: spring\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n", ada, to, draftID, email.HeaderID, draftID)
	b.WriteString("--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n" +
		"--inner\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n" +
		"--inner\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Gr=FC=DFe</p>\r\n--inner--\r\n")
	for i, size := range files {
		fmt.Fprintf(&b, "--outer\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"+
			"Content-Disposition: attachment; filename=\"f%d.bin\"\r\n\r\n", i)
		text := base64.StdEncoding.EncodeToString(fileContent(i, size))
		for len(text) > 76 {
			b.WriteString(text[:76] + "\r\n")
			text = text[76:]
		}
		b.WriteString(text + "\r\n")
	}
	b.WriteString("--outer--\r\n")
	return email.Bytes(b.String())
}

// fileContent is different for each file and at each place.
func fileContent(number, size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i>>16 + i>>8 + i + 7*number)
	}
	return data
}

func drafter(t *testing.T, w *sandbox.World, config string) provider.Drafter {
	t.Helper()
	d, ok := open(t, w, account{config: config, token: appTokens(t, w, providertest.Options{}, "Mail.Send", "Mail.ReadWrite")}).(provider.Drafter)
	if !ok {
		t.Fatal("the account does not send by drafts")
	}
	return d
}

// A draft of any size is made, known by its mark, sent once under its own id, and then no
// draft any more, although the id goes on.
func TestDraftIsMadeAndSentOnce(t *testing.T) {
	w := providertest.StartWorld(t)
	for _, files := range [][]int{nil, {9 << 20, 10, 3 << 20, 3<<20 + 1}} {
		d := drafter(t, w, fencedBy)
		before := len(ledger(t, w))
		env := email.Envelope{From: ada, Recipients: []string{ann, "hidden@world.example"}}
		id, err := d.CreateDraft(t.Context(), env, letter(ann, files...))
		if err != nil {
			t.Fatal(err)
		}
		if all, err := d.Drafts(t.Context(), nil); err != nil || all[id] != draftID {
			t.Errorf("drafts: %v, %v", all, err)
		}
		if there, err := d.HasDraft(t.Context(), id); err != nil || !there {
			t.Errorf("before it is sent: %t, %v", there, err)
		}
		receipt, err := d.SendDraft(t.Context(), env, id)
		if err != nil || receipt.ProviderID != id || len(receipt.Recipients) != 2 || !strings.Contains(receipt.Reply, "client-request-id") {
			t.Fatalf("%+v, %v", receipt, err)
		}
		if there, err := d.HasDraft(t.Context(), id); err != nil || there {
			t.Errorf("after it was sent: %t, %v", there, err)
		}
		if _, err = d.SendDraft(t.Context(), env, id); problemOf(t, err).Class != provider.Unknown || problemOf(t, err).Cause != provider.CauseDraftGone {
			t.Errorf("sent again: %v", err)
		}
		found, err := d.(provider.Looker).Look(t.Context(), provider.LookQuery{IDs: map[email.ID]bool{draftID: true}})
		if err != nil || found[draftID] != id {
			t.Errorf("look: %v %v, want %s", found, err, id)
		}
		if err := d.DeleteDraft(t.Context(), id); err != nil {
			t.Errorf("delete what was sent: %v", err)
		}
		if got := ledger(t, w)[before:]; len(got) != 1 || len(got[0].Recipients) != 2 {
			t.Errorf("%d files: taken %+v", len(files), got)
		}
	}
}

// What is built of parts arrives with its text, its files byte for byte and its names;
// the blind recipient stays unseen.
func TestLargeMailIsBuiltOfParts(t *testing.T) {
	w := providertest.StartWorld(t)
	d := drafter(t, w, fencedBy)
	sizes := []int{9 << 20, 10, 3 << 20, 3<<20 + 1}
	env := email.Envelope{From: ada, Recipients: []string{ann, "hidden@world.example"}}
	if _, err := d.(provider.Provider).Send(t.Context(), env, letter(ann, sizes...)); err != nil {
		t.Fatal(err)
	}
	raw := arrived(t, w, ledger(t, w)[0].ProviderID)
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get(email.HeaderID) != draftID || m.Header.Get("X-Campaign") != "spring" || m.Header.Get("Message-Id") != "<"+draftID+"@contoso.example>" ||
		!strings.Contains(m.Header.Get("From"), "Ada L") || m.Header.Get("Bcc") != "" || bytes.Contains(raw[:4096], []byte("hidden")) {
		t.Errorf("the header is %v", m.Header)
	}
	_, params, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	parts := multipart.NewReader(m.Body, params["boundary"])
	text, _ := nextPart(t, parts)
	if !strings.Contains(string(text), "<p>Grüße</p>") {
		t.Errorf("the text is %q", text)
	}
	for i, size := range sizes {
		data, name := nextPart(t, parts)
		if name != fmt.Sprintf("f%d.bin", i) || !bytes.Equal(data, fileContent(i, size)) {
			t.Errorf("file %d is %q with %d bytes, want %d", i, name, len(data), size)
		}
	}
}

func nextPart(t *testing.T, parts *multipart.Reader) ([]byte, string) {
	t.Helper()
	p, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	var from io.Reader = p
	if p.Header.Get("Content-Transfer-Encoding") == "base64" {
		from = base64.NewDecoder(base64.StdEncoding, p)
	}
	data, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return data, p.FileName()
}

// What building anew would destroy is refused before anything leaves, and so is what no
// request can hold; small mail of the same kinds goes as it is.
func TestSealedMailIsNotRebuilt(t *testing.T) {
	w := providertest.StartWorld(t)
	p := drafter(t, w, fencedBy).(provider.Provider)
	random := make([]byte, 2<<20)
	_, _ = rand.Read(random)
	large := strings.Repeat(base64.StdEncoding.EncodeToString(random[:57])+"\r\n", 60_000)
	for name, c := range map[string]struct{ head, cause string }{
		"signed":     {"multipart/signed; boundary=b; protocol=\"application/pgp-signature\"", "message_cannot_be_rebuilt"},
		"S/MIME":     {"application/pkcs7-mime; smime-type=enveloped-data", "message_cannot_be_rebuilt"},
		"encrypted":  {"multipart/encrypted; boundary=b", "message_cannot_be_rebuilt"},
		"report":     {"multipart/report; boundary=b; report-type=delivery-status", "message_cannot_be_rebuilt"},
		"invitation": {"text/calendar; method=REQUEST", "message_cannot_be_rebuilt"},
		"long text":  {"text/plain", "message_too_large"},
	} {
		head := "From: " + ada + "\r\nTo: " + ann + "\r\n" + email.HeaderID + ": " + draftID + "\r\nMIME-Version: 1.0\r\nContent-Type: " + c.head + "\r\n\r\n"
		env := email.Envelope{From: ada, Recipients: []string{ann}}
		_, err := p.Send(t.Context(), env, email.Bytes(head+"--b\r\n\r\n"+large+"\r\n--b--\r\n"))
		if e := problemOf(t, err); e.Class != provider.Fail || e.Cause != c.cause || !strings.Contains(e.Fix, "microsoft_smtp") {
			t.Errorf("%s: %v", name, e)
		}
		if _, err := p.Send(t.Context(), env, email.Bytes(head+"--b\r\n\r\nshort\r\n--b--\r\n")); err != nil {
			t.Errorf("%s, small: %v", name, err)
		}
	}
	if n := len(ledger(t, w)); n != 6 {
		t.Errorf("taken %d, want the 6 small ones", n)
	}
}

// One byte decides whether a message goes in one request, by the size of its base64.
func TestRequestOfFourMegabytes(t *testing.T) {
	w := providertest.StartWorld(t)
	plain := open(t, w, account{config: `{"app_only":true}`, token: appTokens(t, w, providertest.Options{}, "Mail.Send", "Mail.ReadWrite")})
	head := "From: " + ada + "\r\nTo: " + ann + "\r\n\r\n"
	env := email.Envelope{From: ada, Recipients: []string{ann}}
	fits := email.Bytes(head + strings.Repeat("x", 3<<20-len(head)))
	if _, err := plain.Send(t.Context(), env, fits); err != nil {
		t.Errorf("3 MiB, which are 4 MiB in base64: %v", err)
	}
	_, err := plain.Send(t.Context(), env, append(fits, 'x'))
	if e := problemOf(t, err); e.Cause != "message_too_large" || !strings.Contains(e.Fix, "draft_fence") {
		t.Errorf("one byte more: %v", e)
	}
}

// What goes wrong when a draft is made leaves the message unsent, never unknown.
func TestDraftThatIsNotMadeIsNotUnknown(t *testing.T) {
	w := providertest.StartWorld(t)
	d := drafter(t, w, fencedBy)
	to := "fault.draft_error_after-once@world.example"
	env := email.Envelope{From: ada, Recipients: []string{to}}
	_, err := d.CreateDraft(t.Context(), env, letter(to))
	if e := problemOf(t, err); e.Class != provider.Retry {
		t.Errorf("%v, want retry", e)
	}
	if all, err := d.Drafts(t.Context(), nil); err != nil || len(all) != 1 {
		t.Errorf("what is left: %v %v", all, err)
	}
	for id := range mustDrafts(t, d) {
		if err := d.DeleteDraft(t.Context(), id); err != nil {
			t.Error(err)
		}
		if err := d.DeleteDraft(t.Context(), id); err != nil {
			t.Errorf("delete it again: %v", err)
		}
	}
	if left := mustDrafts(t, d); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func mustDrafts(t *testing.T, d provider.Drafter) map[string]email.ID {
	t.Helper()
	all, err := d.Drafts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ledger is all that the world took.
func ledger(t *testing.T, w *sandbox.World) []sandbox.Entry {
	t.Helper()
	var all []sandbox.Entry
	for line := range strings.Lines(readFile(t, w.LedgerFile)) {
		var e sandbox.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// arrived is a message as its recipients have it.
func arrived(t *testing.T, w *sandbox.World, id string) []byte {
	t.Helper()
	resp, err := http.Get(w.ControlURL + "/message/" + id + "/raw")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %v", resp.Status, err)
	}
	return raw
}
