// Package web is the pages that gatepost shows in a browser. Now these are the
// pages of connect links, for people who have no login: who asks, for which
// mailbox, for what; and what came of it.
//
// It is not where anything is decided: that is control's. Pages work without
// JavaScript, and no page holds a script or a style of its own.
package web

import (
	"log/slog"
	"net/http"
	"strings"

	"gatepost/internal/control"
)

// Config is what the pages are given.
type Config struct {
	Control *control.Control
	Log     *slog.Logger // nil: none
	// PublicURL gives the address at which browsers reach gatepost, without a slash
	// at its end; the same function as control's.
	PublicURL func() string
}

// New makes the handler of everything below /connect/.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PublicURL == nil {
		cfg.PublicURL = func() string { return "" }
	}
	s := &server{Config: cfg, pages: readPages()}
	return s.guarded(s.routes())
}

type server struct {
	Config
	pages pages
}

// routes is the map of the site. Whatever changes something is a POST, but for
// the callback: there Google sends the browser, and state and cookie prove that
// it was asked to.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connect/{token}", s.showLink)
	mux.HandleFunc("POST /connect/{token}", s.startLink)
	mux.HandleFunc("POST /connect/again", s.restartLink)
	mux.HandleFunc("GET /connect/callback", s.finishLink)
	mux.HandleFunc("GET /connect/style.css", asset("text/css; charset=utf-8", "style.css"))
	mux.HandleFunc("GET /connect/icon.svg", asset("image/svg+xml", "icon.svg"))
	mux.HandleFunc("/", s.notFound)
	return mux
}

// guarded adds what holds for every answer: nothing is kept, framed or told to
// other sites, nothing but our own style is loaded, and no other site can press
// a button here (Sec-Fetch-Site, else Origin).
func (s *server) guarded(next http.Handler) http.Handler {
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' " + s.Control.ConsentOrigin() +
		"; base-uri 'none'; frame-ancestors 'none'"
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(s.crossOrigin))
	inner := cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		switch {
		case r.Method == http.MethodHead: // of programs that look at links beforehand
			return
		case prefetched(r):
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// prefetched tells that a browser asks for a page before anybody wants to see it.
// It is refused by a status of an error: then the browser asks again when the page
// is wanted (Sec-Purpose of the Fetch standard; Purpose and X-Moz are of older
// browsers).
func prefetched(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Moz"} {
		if strings.Contains(strings.ToLower(r.Header.Get(name)), "prefetch") {
			return true
		}
	}
	return false
}

// secure tells whether browsers reach gatepost by https.
func (s *server) secure() bool { return strings.HasPrefix(s.PublicURL(), "https://") }
