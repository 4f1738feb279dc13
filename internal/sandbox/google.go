package sandbox

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// google is the token endpoint and the Gmail API.
type google struct {
	ctx       context.Context // ends with the world
	url       string
	sentDelay time.Duration
	post      *office
	faults    *faults
	now       func() time.Time
	log       *slog.Logger

	mu       sync.RWMutex
	accounts map[string]*serviceAccount // by address
	tokens   map[string]grant

	pages     pages
	signing   signingKey
	clients   map[string]*oauthClient // by id
	requests  map[string]*authRequest // by id: users are deciding on them
	codes     map[string]*authCode
	refreshes map[string]*consent // by refresh token
	consents  map[grantKey][]string
	aliases   map[string][]SendAs // by mailbox
	uploads   map[string]*upload  // by upload_id
	drafts    drafts
	order     uint64 // of consents
	calls     *callLog
	keyless   *keyless
}

func newGoogle(ctx context.Context, url string, cfg Config, post *office, f *faults) *google {
	g := &google{
		ctx: ctx, url: url, sentDelay: cfg.SentDelay, post: post, faults: f, now: cfg.Now, log: cfg.Log,
		accounts: map[string]*serviceAccount{},
		tokens:   map[string]grant{},

		pages:     googlePages(),
		signing:   newSigningKey(),
		clients:   map[string]*oauthClient{},
		requests:  map[string]*authRequest{},
		codes:     map[string]*authCode{},
		refreshes: map[string]*consent{},
		consents:  map[grantKey][]string{},
		aliases:   map[string][]SendAs{},
		uploads:   map[string]*upload{},
		calls:     &callLog{},
	}
	g.keyless = newKeyless(g)
	return g
}

func (g *google) tokenURL() string { return g.url + "/token" }

func (g *google) handler() http.Handler {
	mux := http.NewServeMux()
	g.addOAuth(mux)
	g.addTokenCare(mux)
	g.keyless.addKeyless(mux)
	mux.Handle("POST /gmail/v1/users/{user}/messages/send", g.as(methodSend(), g.sendJSON))
	mux.HandleFunc("POST /upload/gmail/v1/users/{user}/messages/send", g.postUpload)
	mux.Handle("POST /resumable/upload/gmail/v1/users/{user}/messages/send", g.as(methodSend(), g.sendUpload))
	mux.HandleFunc("PUT /upload/gmail/v1/users/{user}/messages/send", g.putUpload)
	mux.Handle("POST /gmail/v1/users/{user}/drafts", g.as(methodWriteDrafts("CreateDraft"), g.createDraft))
	mux.Handle("POST /upload/gmail/v1/users/{user}/drafts", g.as(methodWriteDrafts("CreateDraft"), g.uploadDraft))
	mux.Handle("POST /gmail/v1/users/{user}/drafts/send", g.as(methodWriteDrafts("SendDraft"), g.sendDraft))
	mux.Handle("DELETE /gmail/v1/users/{user}/drafts/{id}", g.as(methodWriteDrafts("DeleteDraft"), g.deleteDraft))
	mux.Handle("GET /gmail/v1/users/{user}/drafts", g.as(methodReadDrafts("ListDrafts"), g.listDrafts))
	mux.Handle("GET /gmail/v1/users/{user}/drafts/{id}", g.as(methodReadDrafts("GetDraft"), g.showDraft))
	mux.Handle("GET /gmail/v1/users/{user}/messages", g.as(methodList(), g.listMessages))
	mux.Handle("GET /gmail/v1/users/{user}/messages/{id}", g.as(methodGet(), g.showMessage))
	mux.Handle("GET /gmail/v1/users/{user}/messages/{id}/attachments/{attachment}", g.as(methodAttachment(), g.showAttachment))
	mux.Handle("GET /gmail/v1/users/{user}/labels", g.as(methodLabels(), g.listLabels))
	mux.Handle("GET /gmail/v1/users/{user}/profile", g.as(methodProfile(), g.showProfile))
	mux.Handle("GET /gmail/v1/users/{user}/settings/sendAs", g.as(methodListSendAs(), g.listSendAs))
	mux.Handle("GET /gmail/v1/users/{user}/settings/sendAs/{address}", g.as(methodGetSendAs(), g.showSendAs))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound().write(w) })
	return mux
}

// caller is who makes a call, proven by an access token.
type caller struct {
	grant
	token string
}

// call answers a call of the Gmail API, or returns what is wrong with it.
type call func(http.ResponseWriter, *http.Request, caller) *apiError

// as checks token, expiry, scope, user and mailbox before a call.
func (g *google) as(m method, next call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, bad := g.admit(r, m)
		if bad == nil {
			bad = next(w, r, who)
		}
		if bad != nil {
			g.log.Info("call refused", "method", m.name, "status", bad.Code, "reason", bad.Message)
			bad.write(w)
		}
	})
}

func (g *google) admit(r *http.Request, m method) (caller, *apiError) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, invalidCredentials()
	}
	got, ok := g.allows(token)
	if !ok {
		return caller{}, invalidCredentials()
	}
	if !got.covers(m) {
		return caller{}, insufficientScope(m)
	}
	user := r.PathValue("user")
	switch {
	case got.user == "":
		return caller{}, failedPrecondition("Precondition check failed.")
	case user != "me" && !strings.EqualFold(user, got.user):
		return caller{}, newError(http.StatusForbidden, "forbidden", "Delegation denied for "+got.user)
	case got.user == userNoGmail:
		return caller{}, failedPrecondition("Mail service not enabled")
	}
	return caller{got, token}, nil
}
