package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gatepost/client"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// A file is uploaded once and attached by many messages, which keep it when it is
// removed.
func TestUploads(t *testing.T) {
	storetest.Each(t, func(t *testing.T, opt store.Options) {
		w := start(t, opt)
		c, ctx := w.client(), t.Context()
		u, err := c.Upload(ctx, "Preise & Größen.json", "application/json", strings.NewReader(`{"price": 42}`))
		w.must(err)
		if u.Filename != "Preise & Größen.json" || u.ContentType != "application/json" || u.Size != 13 || !u.ExpiresAt.After(u.CreatedAt.Time) {
			t.Errorf("%+v", u)
		}
		m := hello("maria@example.org")
		m.Attachments = []client.Attachment{{Upload: u.ID}}
		s, err := c.Send(ctx, m, "")
		w.must(err)
		if list, err := c.Uploads(ctx); err != nil || len(list.Data) != 1 || list.Data[0] != u {
			t.Errorf("%+v, %v", list, err)
		}
		if one, err := c.ShowUpload(ctx, u.ID); err != nil || one != u {
			t.Errorf("%+v, %v", one, err)
		}
		w.must(c.RemoveUpload(ctx, u.ID))
		_, err = c.ShowUpload(ctx, u.ID)
		w.refused(err, http.StatusNotFound, "not_found")
		w.refused(c.RemoveUpload(ctx, u.ID), http.StatusNotFound, "not_found")
		if got := w.content(c, s.ID); !strings.Contains(got, "application/json") {
			t.Errorf("content %q", got)
		}
		_, err = c.Send(ctx, m, "")
		if e := w.refused(err, http.StatusUnprocessableEntity, "invalid"); !strings.HasPrefix(e.Errors[0].Field, "attachments[0].upload") {
			t.Errorf("%v", err)
		}
	})
}

// A type that was not told is found by the name's ending, and never by what is in
// the file.
func TestTypeOfUploads(t *testing.T) {
	w := sqlite(t)
	const png = "\x89PNG\r\n\x1a\n"
	for _, c := range []struct{ name, told, content, want string }{
		{"a.pdf", "", "<html>", "application/pdf"},
		{"a.pdf", "application/octet-stream", "<html>", "application/pdf"},
		{"a.PDF", "Application/Octet-Stream; charset=binary", png, "application/pdf"},
		{"a.csv", "application/octet-stream", png, "text/csv"},
		{"a.pdf", "application/x-www-form-urlencoded", "%PDF-1.7", "application/pdf"}, // curl
		{"a.bin", "", "<html><script>1</script>", "application/octet-stream"},
		{"a.bin", "application/octet-stream", png, "application/octet-stream"},
		{"a", "", "%PDF-1.7", "application/octet-stream"},
		{"a.pdf", "text/plain", png, "text/plain"},
	} {
		told := client.NewUpload{Filename: c.name, ContentType: c.told, Content: []byte(c.content)}
		body, err := json.Marshal(told)
		w.must(err)
		for way, r := range map[string]reply{
			"file": w.do("POST", "/v1/uploads?filename="+c.name, strings.NewReader(c.content), "Content-Type", c.told),
			"JSON": w.post("/v1/uploads", string(body)),
		} {
			id := r.want(http.StatusCreated).object()["id"].(string)
			m := hello("maria@example.org")
			m.Attachments = []client.Attachment{{Upload: id}}
			s, err := w.client().Send(t.Context(), m, "")
			w.must(err)
			if got := w.content(w.client(), s.ID); !strings.Contains(got, "Content-Type: "+c.want+";\r\n name=") {
				t.Errorf("%s: %+v: want %s in %s", way, c, c.want, got)
			}
		}
	}
}

func TestBadUploads(t *testing.T) {
	w := sqlite(t)
	file := func(query, contentType string) reply {
		return w.do("POST", "/v1/uploads"+query, strings.NewReader("x"), "Content-Type", contentType)
	}
	for _, c := range []struct {
		got    reply
		fields []string
	}{
		{file("", "application/pdf"), []string{"filename"}},
		{file("", ""), []string{"filename"}},
		{file("?filename=", "application/pdf"), []string{"filename"}},
		{file("?filename=a.pdf&filename=b.pdf", "application/pdf"), []string{"filename"}},
		{file("?filename=a.pdf&name=b", "application/pdf"), []string{"name"}},
		{file("?filename=a%0d%0ab.pdf", "application/pdf"), []string{"filename"}},
		{w.post("/v1/uploads", `{"filename": 5, "content": "*", "x": 1}`), []string{"filename", "content", "x"}},
		{w.post("/v1/uploads", `{"filename": "a.txt"}`), []string{"content"}},
	} {
		wantFields(t, c.got.problem(http.StatusUnprocessableEntity, "invalid"), c.fields)
	}
	file("?filename=a.pdf", "").want(http.StatusCreated)
	w.post("/v1/uploads", `{"filename": "empty.txt", "content": ""}`).want(http.StatusCreated)
	both := `{"from": "app@example.com", "to": "a@b.example", "attachments": [{"upload": "upl_x", "content": "eA=="}]}`
	if got := w.post("/v1/messages", both).problem(http.StatusUnprocessableEntity, "invalid"); len(got) == 0 {
		t.Error("content and upload were both taken")
	}
}
