package sandbox

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// microsoft is Entra ID, Microsoft Graph and the directory behind both and behind
// Exchange's SMTP server. Entra is at /{tenant}/…, Graph at /v1.0/….
type microsoft struct {
	ctx       context.Context // ends with the world
	url       string
	sentDelay time.Duration
	post      *office
	faults    *faults
	calls     *callLog
	now       func() time.Time
	log       *slog.Logger
	signing   signingKey
	pages     pages

	mu        sync.RWMutex
	tenants   map[string]*tenant   // by id and by domain
	apps      map[string]*entraApp // by client id
	tokens    map[string]*pass     // by access token
	refreshes map[string]*entraRefresh
	requests  map[string]*entraRequest // by id: users are deciding on them
	codes     map[string]*entraCode
	devices   map[string]*deviceCode // by device code
	consents  map[consentKey][]permission
	busy      map[string]int // requests under way, by app and mailbox
	drafts    map[string]*graphDraft
	sessions  map[string]*attachmentSession
}

func newMicrosoft(ctx context.Context, url string, cfg Config, g *google) *microsoft {
	m := &microsoft{
		ctx: ctx, url: url, sentDelay: cfg.SentDelay, post: g.post, faults: g.faults, calls: g.calls,
		now: cfg.Now, log: cfg.Log, signing: g.signing, pages: microsoftPages(),
		tenants:   map[string]*tenant{},
		apps:      map[string]*entraApp{},
		tokens:    map[string]*pass{},
		refreshes: map[string]*entraRefresh{},
		requests:  map[string]*entraRequest{},
		codes:     map[string]*entraCode{},
		devices:   map[string]*deviceCode{},
		consents:  map[consentKey][]permission{},
		busy:      map[string]int{},
		drafts:    map[string]*graphDraft{},
		sessions:  map[string]*attachmentSession{},
	}
	m.addFirstTenants()
	return m
}

func (m *microsoft) handler() http.Handler {
	mux := http.NewServeMux()
	m.addEntra(mux)
	m.addGraph(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		m.newGraphError(http.StatusNotFound, "ResourceNotFound", "Resource not found for the segment '"+r.URL.Path+"'.").write(w, r)
	})
	return mux
}

// addEntra is the map of the authorization server
// (learn.microsoft.com/entra/identity-platform/v2-protocols).
func (m *microsoft) addEntra(mux *http.ServeMux) {
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", m.showAuthorize)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", m.createToken)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", m.createDeviceCode)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/logout", m.logout)
	mux.HandleFunc("GET /{tenant}/adminconsent", m.showAdminConsent)
	mux.HandleFunc("GET /{tenant}/v2.0/adminconsent", m.showAdminConsent)
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", m.showDiscovery)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", m.showKeys)
	mux.HandleFunc("GET /{tenant}/discovery/instance", m.showInstances)
	mux.HandleFunc("GET /entra/consent", m.showConsent)
	mux.HandleFunc("POST /entra/consent", m.decide)
	mux.HandleFunc("GET /devicelogin", m.showDevice)
	mux.HandleFunc("GET /entra/style.css", showMicrosoftStyle)
}
