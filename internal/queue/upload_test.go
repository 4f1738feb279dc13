package queue

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A file that was uploaded once is in every message that attaches it, also after
// the upload has gone; and only its own team has it.
func TestUploadsAreAttached(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		var sent []string
		w := newWorld(t, opt, func(env email.Envelope, msg email.Content) (provider.Receipt, error) {
			r, err := msg.Open()
			if err != nil {
				return provider.Receipt{}, err
			}
			b, err := io.ReadAll(r)
			sent = append(sent, string(b))
			return provider.AcceptedBy(env, "", ""), err
		}, nil)
		small, large := []byte("three lines of a file"), make([]byte, 2*inline)
		_, _ = rand.Read(large)
		for name, b := range map[string][]byte{"small.txt": small, "large.bin": large} {
			u, err := w.AddUpload(t.Context(), w.grant, NewUpload{Filename: name, ContentType: "application/octet-stream", Content: b})
			w.must(err)
			if u.Size != int64(len(b)) || !u.ExpiresAt.Equal(w.now.Add(30*day)) {
				t.Errorf("%s: %+v", name, u)
			}
			sub := toBob()
			sub.Attachments = []Attachment{{Upload: u.ID}, {Upload: u.ID, Filename: "other.name"}}
			out, err := w.SubmitBatch(t.Context(), w.grant, []Submission{sub, sub}, true)
			w.must(err)
			if len(out) != 2 {
				t.Fatal(out)
			}
			w.must(w.RemoveUpload(t.Context(), w.grant, u.ID))
			w.sendOne()
			w.sendOne()
			text := base64.StdEncoding.EncodeToString(b)
			for _, s := range sent {
				if strings.Count(strings.ReplaceAll(s, "\r\n", ""), text) != 2 || !strings.Contains(s, name) || !strings.Contains(s, "other.name") {
					t.Errorf("%s was not sent as it is", name)
				}
			}
			sent = nil
			if _, err := w.Submit(t.Context(), w.grant, sub); !hasField(err, "attachments[0].upload") {
				t.Errorf("once it is removed: %v", err)
			}
		}
		if w.bodies.used.Load() != 0 {
			t.Errorf("%d bytes are still in hand", w.bodies.used.Load())
		}
	})
}

func hasField(err error, field string) bool {
	var wrong *Invalid
	if !errors.As(err, &wrong) {
		return false
	}
	for _, p := range wrong.Problems {
		if p.Field == field {
			return true
		}
	}
	return false
}

func TestUploadsOfOthersAreUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := newWorld(t, opt, nil, nil)
		u, err := w.AddUpload(t.Context(), w.grant, NewUpload{Filename: "a.txt", Content: []byte("x")})
		w.must(err)
		stranger := w.grant
		stranger.Team = "team_other"
		for what, err := range map[string]error{
			"show":   second(w.Upload(t.Context(), stranger, u.ID)),
			"remove": w.RemoveUpload(t.Context(), stranger, u.ID),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if list, err := w.Uploads(t.Context(), stranger); err != nil || len(list) != 0 {
			t.Errorf("list: %v, %v", list, err)
		}
		if got, err := w.Upload(t.Context(), w.grant, u.ID); err != nil || got.Filename != "a.txt" {
			t.Errorf("its own team: %+v, %v", got, err)
		}
		sub := toBob()
		sub.Attachments = []Attachment{{Upload: u.ID, Content: []byte("y")}}
		if _, err := w.Submit(t.Context(), w.grant, sub); !wrongField(err, "attachments[0].content") {
			t.Errorf("content beside upload: %v", err)
		}
		w.now = w.now.Add(30 * day)
		if _, err := w.Upload(t.Context(), w.grant, u.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}
		w.must(w.retain(t.Context()))
	})
}

func TestBadUploads(t *testing.T) {
	w := newWorld(t, store.Options{Dir: storetest.Folder(t)}, nil, nil)
	for name, c := range map[string]struct {
		u     NewUpload
		field string
	}{
		"no name":   {NewUpload{Content: []byte("x")}, "filename"},
		"a path":    {NewUpload{Filename: "a\r\nb.txt", Content: []byte("x")}, "filename"},
		"a type":    {NewUpload{Filename: "a.txt", ContentType: "no type", Content: []byte("x")}, "content_type"},
		"too large": {NewUpload{Filename: "a.txt", Content: bytes.Repeat([]byte("x"), MaxUpload+1)}, "content"},
	} {
		if _, err := w.AddUpload(t.Context(), w.grant, c.u); !hasField(err, c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
