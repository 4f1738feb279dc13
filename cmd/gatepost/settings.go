package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gatepost/internal/email"
)

// settings are what a server is started with: flags, or the environment, where
// --master-key-file is GATEPOST_MASTER_KEY_FILE and so on.
type settings struct {
	data          string
	database      string
	masterKey     string // only from the environment: a flag would show in the process list
	masterKeyFile string
	listen        string
	caFile        string
	googleURL     string
	looks         []time.Duration
	sendTimeout   time.Duration
	stopTimeout   time.Duration
	logLevel      string
}

func (s *settings) storeFlags(f *pflag.FlagSet) {
	f.StringVar(&s.data, "data", "gatepost-data", "data folder: database, contents, master key")
	f.StringVar(&s.database, "database", "", "PostgreSQL URL; empty: SQLite in the data folder")
}

func (s *settings) serveFlags(f *pflag.FlagSet) {
	s.storeFlags(f)
	s.engineFlags(f)
	f.StringVar(&s.masterKeyFile, "master-key-file", "", "file with the master key; empty: master.key in the data folder, made on first start")
	f.StringVar(&s.caFile, "ca-file", "", "PEM file of further certificate authorities to trust")
	f.StringVar(&s.googleURL, "google-url", "", "where Google is, for a simulated one (gatepost sandbox --world)")
}

func (s *settings) engineFlags(f *pflag.FlagSet) {
	f.StringVar(&s.listen, "listen", "127.0.0.1:7025", "address of the HTTP API")
	f.DurationSliceVar(&s.looks, "looks", nil, "times after an unknown outcome at which to look in Sent (default 30s,2m,10m)")
	f.DurationVar(&s.sendTimeout, "send-timeout", 10*time.Minute, "time limit of one attempt")
	f.DurationVar(&s.stopTimeout, "stop-timeout", 30*time.Second, "how long a stop waits for sends that are under way")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
}

// fromEnvironment fills in what no flag says. A setting that may hold a secret
// can also come from the file that NAME_FILE names.
func (s *settings) fromEnvironment(cmd *cobra.Command, env environment) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "GATEPOST_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := env.lookup(name); ok && !f.Changed && f.Name != "help" {
			if err := f.Value.Set(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	s.masterKey, _ = env.lookup("GATEPOST_MASTER_KEY")
	errs = append(errs, fromFile(env, "GATEPOST_DATABASE_FILE", &s.database))
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

func fromFile(env environment, name string, to *string) error {
	path, ok := env.lookup(name)
	if !ok || *to != "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	*to = strings.TrimSpace(string(b))
	return nil
}

// check finds mistakes before anything is opened.
func (s *settings) check() error {
	var errs []error
	if _, _, err := net.SplitHostPort(s.listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen %q: write it as address:port, for instance 127.0.0.1:7025", s.listen))
	}
	if s.database != "" && !strings.HasPrefix(s.database, "postgres://") && !strings.HasPrefix(s.database, "postgresql://") {
		errs = append(errs, errors.New("--database: write it as postgres://user:password@host:5432/name"))
	}
	for i, d := range s.looks {
		if d <= 0 || i > 0 && d <= s.looks[i-1] {
			errs = append(errs, errors.New("--looks: write rising times, for instance 30s,2m,10m"))
			break
		}
	}
	if s.sendTimeout < time.Second {
		errs = append(errs, errors.New("--send-timeout: at least 1s"))
	}
	if _, err := s.level(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return usageError{err}
	}
	return nil
}

func (s *settings) level() (l slog.Level, err error) {
	if err := l.UnmarshalText([]byte(s.logLevel)); err != nil {
		return l, fmt.Errorf("--log-level %q: one of debug, info, warn, error", s.logLevel)
	}
	return l, nil
}

// authorities reads further certificate authorities; nil when there are none.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("--ca-file: %w", err)}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("--ca-file %s: holds no certificate in PEM form", file)}
	}
	return pool, nil
}

// secretOf hides the master key of the environment from everything that prints.
func (s *settings) secretOf() email.Secret { return email.NewSecret(s.masterKey) }

// folder makes the data folder.
func (s *settings) folder() (string, error) {
	dir, err := filepath.Abs(s.data)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", usageError{fmt.Errorf("--data: %w", err)}
	}
	return dir, nil
}
