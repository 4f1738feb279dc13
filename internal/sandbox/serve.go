package sandbox

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// serve starts one goroutine for each socket; Close waits for them.
func (w *World) serve(s sockets, tlsConfig *tls.Config) {
	google := newServer(w.google.handler())
	w.run(google, tls.NewListener(s.google, tlsConfig))
	w.run(newServer(w.control.handler()), s.control)

	w.closers = append(w.closers, func() error { return ignoreClosed(w.relay.server.Close()) })
	for _, l := range []net.Listener{s.smtp, tls.NewListener(s.smtps, tlsConfig)} {
		w.serving.Go(func() { _ = w.relay.server.Serve(l) })
	}
}

// serveDoors starts Google's SMTP servers.
func (w *World) serveDoors(s sockets, submission, relay *door) {
	w.closers = append(w.closers, submission.Close, relay.Close)
	w.serving.Go(func() { submission.serve(s.gmailSMTP, false) })
	w.serving.Go(func() { submission.serve(s.gmailSMTPS, true) })
	w.serving.Go(func() { relay.serve(s.relayOpen, false) })
}

// serveMicrosoft starts Entra ID with Graph, smtp.office365.com, and the metadata
// server of Google.
func (w *World) serveMicrosoft(s sockets, tlsConfig *tls.Config, exchange *exchangeDoor) {
	w.run(newServer(w.microsoft.handler()), tls.NewListener(s.microsoft, tlsConfig))
	w.run(newServer(w.keyless.metadata()), s.metadata)
	w.closers = append(w.closers, exchange.Close)
	w.serving.Go(func() { exchange.serve(s.exchange) })
}

func (w *World) run(srv *http.Server, l net.Listener) {
	w.closers = append(w.closers, func() error { return shut(srv) })
	w.serving.Go(func() { _ = srv.Serve(l) })
}

// shut lets requests under way finish for a moment, then cuts them.
func shut(srv *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err == nil {
		return nil
	}
	return ignoreClosed(srv.Close())
}

// newServer speaks HTTP/1.1 only: a cut connection then concerns one message and
// not all that share an HTTP/2 connection, so a fault hits whom it names.
func newServer(h http.Handler) *http.Server {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext:       withConn,
		Protocols:         new(http.Protocols),
	}
	srv.Protocols.SetHTTP1(true)
	return srv
}
