package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

func serveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: the HTTP API, the SMTP door and the queue",
		Long: `Run the server: the HTTP API, the SMTP door and the queue.

Settings come from flags, from the environment (--listen is GATEPOST_LISTEN) and
from a TOML file (listen = "127.0.0.1:7025"), in this order of strength. Secrets
can stand in a file of their own: GATEPOST_DATABASE_FILE, --master-key-file.

The file is the one that --config or GATEPOST_CONFIG names, else gatepost.toml
here, else /etc/gatepost/gatepost.toml; the log tells which one was read.

  gatepost config show     what is in force, and where it comes from
  gatepost config docs     every setting

The API is plain HTTP on this machine alone; anywhere else it needs TLS. The SMTP
door listens where --smtp-listen and --smtps-listen say, with the same certificate.`,
		Example: `  gatepost serve
  gatepost serve --data /var/lib/gatepost --listen 0.0.0.0:443 --acme-domain mail.example.com
  gatepost serve --listen 0.0.0.0:7025 --tls-cert fullchain.pem --tls-key privkey.pem`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd.Flags(), env, forServer)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), s, env)
		},
	}
	defineFlags(cmd.Flags(), forServer)
	return cmd
}

func serve(ctx context.Context, s *settings, env environment) error {
	out := newLogOutput(env.stderr)
	defer out.close()
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: s.logLevel}))
	if err := guardMemory(); err != nil {
		log.Warn("what is in memory could be read by others who use this machine", "err", err)
	}
	if s.files.server.file != "" {
		log.Info("settings were read from a file", "file", whole(s.files.server.file))
	}
	srv, err := open(ctx, s, log)
	if err != nil {
		return err
	}
	defer srv.close()
	defer runtime.KeepAlive(unused(srv.memory))
	srv.firstKey(ctx)
	return srv.run(ctx)
}

// firstKey tells how to make a key where there is none yet.
func (srv *server) firstKey(ctx context.Context) {
	if n, err := srv.store.APIKeyCount(ctx); err == nil && n == 0 {
		srv.log.Warn("there is no API key yet; make one with: gatepost keys create --data " + srv.settings.data + " --name NAME")
	}
}

// run serves until ctx ends. Doors stop first, then the engine, then (close) the
// store.
func (srv *server) run(ctx context.Context) error {
	engine, stopEngine := context.WithCancel(context.Background())
	defer stopEngine()
	failed := make(chan error, 5) // the engine and all listeners
	stopped := make(chan error, 1)
	go func() {
		err := srv.work(engine)
		stopped <- err
		failed <- err
	}()
	go func() { failed <- srv.serveHTTP() }()
	about := []any{"api", srv.apiURL(), "database", srv.store.Engine()}
	if srv.smtp != nil {
		srv.smtp.serveSMTP(failed)
		about = append(about, srv.smtp.addresses()...)
	}
	srv.log.Info("gatepost is ready", about...)
	var err error
	select {
	case <-ctx.Done():
		srv.log.Info("stopping: nothing new is taken; what is being sent is let finish")
	case err = <-failed:
	}
	return errors.Join(err, srv.stop(stopEngine, stopped))
}

// work runs the engine, and beside it the watch over what ends.
func (srv *server) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() { srv.watch.Run(ctx) })
	err := srv.engine.Run(ctx)
	cancel()
	watch.Wait()
	return err
}

func (srv *server) serveHTTP() error {
	if srv.http.TLSConfig != nil {
		return srv.http.ServeTLS(srv.listener, "", "")
	}
	return srv.http.Serve(srv.listener)
}

// requestsTime is how long a stop waits for HTTP requests. Sends have all of the
// stop time after that: a slow client must not cost their outcomes.
const requestsTime = 5 * time.Second

func (srv *server) stop(stopEngine func(), stopped <-chan error) error {
	requests, cancel := context.WithTimeout(context.Background(), min(requestsTime, srv.stopTimeout))
	defer cancel()
	var doors sync.WaitGroup
	doors.Go(func() {
		if err := srv.http.Shutdown(requests); err != nil {
			srv.log.Warn("some HTTP requests were cut", "err", err)
			_ = srv.http.Close()
		}
	})
	if srv.smtp != nil {
		doors.Go(func() {
			if err := srv.smtp.Shutdown(requests); err != nil {
				srv.log.Warn("some SMTP connections were cut", "err", err)
			}
		})
	}
	doors.Wait()
	stopEngine()
	select {
	case err := <-stopped:
		return err
	case <-time.After(srv.stopTimeout):
		srv.log.Warn("sends are still under way at the end of the stop time; their outcome will be looked for at the next start")
		return nil
	}
}

// close closes what was opened.
func (srv *server) close() {
	if srv.listener != nil {
		_ = srv.listener.Close()
	}
	if srv.smtp != nil {
		for _, l := range srv.smtp.listeners {
			_ = l.Close()
		}
	}
	if srv.store != nil {
		if err := srv.store.Close(); err != nil {
			srv.log.Error("the database could not be closed", "err", err)
		}
	}
	if srv.lock != nil {
		_ = srv.lock.Unlock()
	}
}

// quiet is a log that nobody reads.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
