package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
	"gatepost/internal/access"
	"gatepost/internal/control"
	"gatepost/internal/queue"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// openapi is the document as a reader gets it.
type openapi struct {
	OpenAPI    string
	Info       struct{ Title, Version string }
	Paths      map[string]map[string]apiOperation
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]any
	}
}

type apiOperation struct {
	OperationID string `json:"operationId"`
	Summary     string
	Parameters  []struct {
		Name, In string
		Required bool
	}
	RequestBody *struct{ Content map[string]apiMedia }
	Responses   map[string]struct {
		Description string
		Content     map[string]apiMedia
	}
	Security []map[string][]string
}

type apiMedia struct {
	Schema   json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

func (w *world) document() (doc openapi, text []byte) {
	w.t.Helper()
	text = w.get("/openapi.json", "Authorization", "").want(http.StatusOK).body
	w.must(json.Unmarshal(text, &doc))
	return doc, text
}

// The document is OpenAPI 3.1, names every route and every problem, and all its
// references lead somewhere.
func TestDocument(t *testing.T) {
	w := sqlite(t)
	doc, text := w.document()
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version != "test" || len(doc.Components.SecuritySchemes) != 1 {
		t.Errorf("version %q, info %+v", doc.OpenAPI, doc.Info)
	}
	seen := map[string]bool{}
	for _, o := range (&server{}).operations() {
		got, ok := doc.Paths[o.path()][strings.ToLower(o.method())]
		if !ok || got.OperationID == "" || got.Summary == "" || seen[got.OperationID] {
			t.Errorf("%s: %+v", o.pattern, got)
			continue
		}
		seen[got.OperationID] = true
		checkOperation(t, o, got)
	}
	var all any
	w.must(json.Unmarshal(text, &all))
	references(all, func(ref string) {
		name, ok := strings.CutPrefix(ref, "#/components/schemas/")
		if _, there := doc.Components.Schemas[name]; !ok || !there {
			t.Errorf("%s leads nowhere", ref)
		}
	})
}

func checkOperation(t *testing.T, o operation, got apiOperation) {
	if secured := len(got.Security) > 0; secured == o.open {
		t.Errorf("%s: open %v, security %v", o.pattern, o.open, got.Security)
	} else if any := slices.Contains([]string{"/v1/types", "/v1/errors", "/v1/me"}, o.path()); secured && (len(got.Security[0]["key"]) == 0) != any {
		t.Errorf("%s names no scope, or one that is not needed: %v", o.pattern, got.Security)
	}
	if strings.Contains(o.path(), "{id}") && (len(got.Parameters) == 0 || got.Parameters[0].In != "path" || !got.Parameters[0].Required) {
		t.Errorf("%s: no parameter id", o.pattern)
	}
	succeeds := false
	for status, r := range got.Responses {
		succeeds = succeeds || status[0] == '2'
		if _, problem := r.Content["application/problem+json"]; problem == (status[0] == '2') || r.Description == "" {
			t.Errorf("%s: %s is %+v", o.pattern, status, r)
		}
		if media, ok := r.Content["application/json"]; ok && len(media.Examples) == 0 {
			t.Errorf("%s: %s has no example", o.pattern, status)
		}
	}
	if takes := got.RequestBody != nil; !succeeds || takes && len(got.RequestBody.Content["application/json"].Examples) == 0 {
		t.Errorf("%s: no success, or no example", o.pattern)
	}
}

func references(v any, visit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if s, ok := x.(string); ok && k == "$ref" {
				visit(s)
			}
			references(x, visit)
		}
	case []any:
		for _, x := range v {
			references(x, visit)
		}
	}
}

// Every example of a body is accepted when it is sent, with the ids and times that
// this world has.
func TestExamplesAreAccepted(t *testing.T) {
	w, c := office(t, store.Options{Dir: t.TempDir()})
	w.connect()
	doc, _ := w.document()
	installed, web := w.oauthClient(c, "installed", "http://127.0.0.1"), w.oauthClient(c, "web", w.callback())
	ids := strings.NewReplacer("cred_01jd2q0000e0080g40r40m30e2", w.smtpKey, "cred_01jd2q0000e0080g40r40m30e3", w.gmailKey(),
		"cred_01jd2q0000e0080g40r40m30e4", installed, "cred_01jd2q0000e0080g40r40m30e5", web,
		"2026-12-01T08:00:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	sent := 0
	for path, methods := range doc.Paths {
		for method, o := range methods {
			if o.RequestBody == nil {
				continue
			}
			for name, example := range o.RequestBody.Content["application/json"].Examples {
				sent++
				e := documented{path, name, ids.Replace(string(example.Value))}
				w.prepare(c, installed, &e)
				r := w.do(strings.ToUpper(method), e.path, strings.NewReader(e.body), "Content-Type", "application/json")
				if r.status/100 != 2 {
					t.Errorf("%s of %s %s: status %d: %s", name, method, path, r.status, r.body)
				}
			}
		}
	}
	if sent < 19 {
		t.Errorf("%d examples were sent", sent)
	}
}

// documented is an example of the document on its way.
type documented struct{ path, name, body string }

// prepare puts in what an example can only have in a world.
func (w *world) prepare(c *client.Client, installed string, e *documented) {
	w.t.Helper()
	switch {
	case strings.HasSuffix(e.path, "/accounts"): // one that is not there yet, with a password that is used nowhere
		e.body = strings.Replace(e.body, "app@example.com", e.name+"@other.example", 1)
		e.body = strings.Replace(e.body, w.smtpKey, w.password(), 1)
	case strings.HasSuffix(e.path, "/pools"):
		e.body = strings.Replace(e.body, "acc_01jd2q0000e0080g40r40m30e2", w.smtp, 1)
	case strings.HasPrefix(e.path, "/v1/pools/"):
		pool, err := c.CreatePool(w.t.Context(), client.NewPool{Name: "changed", Members: []client.PoolMember{{Account: w.smtp}}})
		w.must(err)
		e.path = strings.Replace(e.path, "{id}", pool.ID, 1)
	case strings.HasPrefix(e.path, "/v1/accounts/"):
		e.path = strings.Replace(e.path, "{id}", w.smtp, 1)
	case strings.HasSuffix(e.path, "/check"):
		e.path = strings.Replace(e.path, "{id}", w.gmailKey(), 1)
	case strings.HasPrefix(e.path, "/v1/credentials/"):
		e.path = strings.Replace(e.path, "{id}", w.smtpKey, 1)
	case strings.HasPrefix(e.path, "/v1/consents/"):
		consent, err := c.StartConsent(w.t.Context(), client.NewConsent{Credential: installed, RedirectURI: "http://127.0.0.1:53682/"})
		w.must(err)
		b, err := json.Marshal(w.agree(consent.URL, sandbox.Decision{Account: grace}))
		w.must(err)
		e.path, e.body = strings.Replace(e.path, "{id}", consent.ID, 1), string(b)
		w.sameNames(e.name, b)
	case e.name == "short": // is for one account
		e.body = strings.Replace(e.body, "{", `{"account": "app@example.com", `, 1)
	}
}

// sameNames makes sure that what is sent in place of an example looks like it.
func (w *world) sameNames(name string, sent []byte) {
	w.t.Helper()
	doc, _ := w.document()
	want := names(w.t, doc.Paths["/v1/consents/{id}/finish"]["post"].RequestBody.Content["application/json"].Examples[name].Value)
	got := names(w.t, sent)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.t.Errorf("sent is %v, the example has %v", got, want)
	}
}

func (w *world) gmailKey() string {
	for _, c := range w.get("/v1/credentials").object()["data"].([]any) {
		if c := c.(map[string]any); c["kind"] == "google_service_account" {
			return c["id"].(string)
		}
	}
	w.t.Fatal("no service account")
	return ""
}

// What the API answers, and what the document gives as examples, is what the
// schemas say.
func TestAnswersFitTheirSchemas(t *testing.T) {
	w := sqlite(t)
	message := w.post("/v1/messages", simple).header.Get("Location")
	real := map[string]reply{
		"createMessage":      w.post("/v1/messages", simple),
		"showMessage":        w.get(message),
		"listMessages":       w.get("/v1/messages"),
		"listAccounts":       w.get("/v1/accounts"),
		"listCapacity":       w.get("/v1/capacity"),
		"showAccount":        w.get("/v1/accounts/" + w.gmail),
		"releaseAccount":     w.post("/v1/accounts/"+w.smtp+"/release", ""),
		"createPool":         w.post("/v1/pools", `{"name": "p", "members": [{"account": "`+w.smtp+`", "domains": ["example.org"]}]}`),
		"listPools":          w.get("/v1/pools"),
		"showQueue":          w.get("/v1/queue"),
		"pauseQueue":         w.post("/v1/queue/pause", `{"lane": "bulk"}`),
		"holdQueue":          w.post("/v1/queue/hold", `{"dry_run": true}`),
		"cancelQueue":        w.post("/v1/queue/cancel", `{"type": "otp"}`),
		"listCredentials":    w.get("/v1/credentials"),
		"showCredential":     w.get("/v1/credentials/" + w.smtpKey),
		"explainMessage":     w.get(message + "/explain"),
		"listTypes":          w.get("/v1/types"),
		"listErrors":         w.get("/v1/errors"),
		"listUnlistedErrors": w.get("/v1/errors/unlisted"),
		"createBatch":        w.post("/v1/messages/batch", `{"mode": "each", "messages": [`+simple+`, {}]}`),
		"createUpload":       w.post("/v1/uploads", `{"filename": "a.txt", "content": "eA=="}`),
		"listUploads":        w.get("/v1/uploads"),
		"listLinks":          w.get("/v1/connect-links"),
		"checkAccount":       w.post("/v1/accounts/"+w.smtp+"/check", ""),
		"updateAccount":      w.do("PATCH", "/v1/accounts/"+w.gmail, strings.NewReader(`{}`), "Content-Type", "application/json"),
		"showSetup":          w.get("/v1/setup?kind=relay"),
		"createKey":          w.post("/v1/keys", `{"name": "N", "scopes": ["messages:read"]}`),
		"listKeys":           w.get("/v1/keys"),
		"showMe":             w.get("/v1/me"),
		"cancelMessage":      w.post(message+"/cancel", ""),
		"showHealth":         w.get("/healthz"),
		"showReady":          w.get("/readyz"),
	}
	registry := newRegistry()
	for _, o := range (&server{}).operations() {
		d := &describer{&huma.Operation{Responses: map[string]*huma.Response{}}, registry}
		o.describe(d)
		for status, r := range d.op.Responses {
			media := r.Content[jsonType]
			if media == nil {
				continue
			}
			plainLists(registry.SchemaFromRef(media.Schema.Ref))
			fits(t, registry, media.Schema, o.pattern+" example", media.Examples["answer"].Value.(json.RawMessage))
			if got, ok := real[d.op.OperationID]; ok && fmt.Sprint(got.status) == status {
				fits(t, registry, media.Schema, o.pattern, got.body)
				delete(real, d.op.OperationID)
			}
		}
	}
	if len(real) > 0 {
		t.Errorf("not compared: %v", reflect.ValueOf(real).MapKeys())
	}
}

func fits(t *testing.T, registry huma.Registry, schema *huma.Schema, what string, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	result := &huma.ValidateResult{}
	huma.Validate(registry, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, result)
	for _, err := range result.Errors {
		t.Errorf("%s: %.300s", what, err.Error())
	}
}

// The requests in docs/api.md are accepted as they stand there, but for the ids.
func TestDocumentedRequests(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	w, c := office(t, store.Options{Dir: t.TempDir()})
	w.connect()
	message := w.post("/v1/messages", simple).object()["id"].(string)
	ids := strings.NewReplacer("cred_01jd2q0000e0080g40r40m30e2", w.password(), "cred_01jd2q0000e0080g40r40m30e3", w.gmailKey(),
		"cred_01jd2q0000e0080g40r40m30e4", w.oauthClient(c, "installed", "http://127.0.0.1"),
		"cred_01jd2q0000e0080g40r40m30e5", w.oauthClient(c, "web", w.callback()), "cred_01jd2q0000e0080g40r40m30e6", w.entraApp(c),
		"acc_01jd2q0000e0080g40r40m30e2", w.smtp, "msg_01m7ykyfv3ev7avt2kyygnd12d", message,
		"2026-12-01T08:00:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		"2027-11-21T00:00:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	requests := regexp.MustCompile(`(?m)^curl -s (?:-X ([A-Z]+) )?"?\$GATEPOST([^\s"]+)"?(?:[^'\x60@]*-d '([^']*)')?[^'\x60@]*$`).FindAllStringSubmatch(string(page), -1)
	for _, r := range requests {
		method := r[1]
		switch {
		case method == "" && r[3] == "":
			method = "GET"
		case method == "":
			method = "POST"
		}
		got := w.do(method, ids.Replace(r[2]), strings.NewReader(ids.Replace(r[3])), "Content-Type", "application/json")
		if got.status/100 != 2 {
			t.Errorf("%s %s %s: %s", method, r[2], r[3], got.body)
		}
	}
	if len(requests) < 18 {
		t.Errorf("%d requests were found", len(requests))
	}
	for _, name := range regexp.MustCompile("`([a-z_]+)` \\| ").FindAllStringSubmatch(string(page[strings.Index(string(page), "| status |"):]), -1) {
		if !problemNames(t)[name[1]] {
			t.Errorf("the page tells of a problem %s that there is not", name[1])
		}
	}
}

// problemNames are all kinds of problems.
func problemNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	for _, err := range []error{
		&malformed{}, access.ErrUnauthenticated, queue.ErrForbidden, queue.ErrNotFound, errWrongMethod, queue.ErrNotHeld, errTooLarge,
		&unsupported{},
		wrongFields{},
		queue.ErrKeyReused, errors.New("other"), queue.ErrBusy, queue.ErrTooLate, queue.ErrNothingToRetry, queue.ErrShredded,
		queue.ErrNoAliases, control.ErrInUse, control.ErrLinkClosed, &control.Refusal{}, &providerRefusal{&control.Refusal{}},
		syscall.ENOSPC,
	} {
		names[strings.TrimPrefix(problemOf(err).Type, "urn:gatepost:problem:")] = true
	}
	if len(names) != 21 {
		t.Fatalf("problems: %v", names)
	}
	return names
}
