package vault_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/provider"
	"gatepost/internal/sandbox"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
	"gatepost/internal/vault"
)

// The test binary is also a process that shares the database: it says "ready",
// waits for a line, asks for the tokens of all credentials named, and says "done".
const (
	envDatabase    = "VAULT_TEST_DATABASE"
	envGoogle      = "VAULT_TEST_GOOGLE"
	envCA          = "VAULT_TEST_CA"
	envCredentials = "VAULT_TEST_CREDENTIALS"
	envDir         = "VAULT_TEST_DIR"
	envLease       = "VAULT_TEST_LEASE"
)

func TestMain(m *testing.M) {
	if os.Getenv(envDatabase) == "" {
		os.Exit(m.Run())
	}
	if err := child(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is the other process.
func child(ctx context.Context) error {
	st, err := store.Open(ctx, store.Options{Dir: os.Getenv(envDir), Database: os.Getenv(envDatabase)})
	if err != nil {
		return err
	}
	defer st.Close()
	client, err := trusting(os.Getenv(envCA))
	if err != nil {
		return err
	}
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	m, _, err := vault.LoadMaster(vault.Source{Value: email.NewSecret(key)})
	if err != nil {
		return err
	}
	v := vault.New(st, m, rand.Reader, time.Now, vault.WithGoogle(oauth.At(os.Getenv(envGoogle)), client))
	lease, err := time.ParseDuration(os.Getenv(envLease))
	if err != nil {
		return err
	}
	v.SetLease(lease)
	if err := v.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	if err := askAll(ctx, v, strings.Fields(os.Getenv(envCredentials))); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

// askAll asks for each token by three senders at once.
func askAll(ctx context.Context, v *vault.Vault, credentials []string) error {
	var wg sync.WaitGroup
	errs := make(chan error, 3*len(credentials))
	for _, id := range credentials {
		for range 3 {
			wg.Go(func() {
				token, err := v.Token(ctx, vault.TokenRequest{Team: "team_1", Credential: id, Scopes: []string{oauth.ScopeSend}})
				if err == nil && token.Empty() {
					err = errors.New("an empty token")
				}
				errs <- err
			})
		}
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// trusting is an HTTP client that knows the authority of a file; empty: none is needed.
func trusting(caFile string) (*http.Client, error) {
	if caFile == "" {
		return &http.Client{}, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: provider.TLSConfig("127.0.0.1", pool)}}, nil
}

// process is a child under the test's control.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *bytes.Buffer
}

func start(t *testing.T, env ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), self), err: &bytes.Buffer{}}
	p.Env = append(os.Environ(), append(env, envDir+"="+t.TempDir())...)
	p.Stderr = p.err
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.want(t, "ready")
	return p
}

// want reads the next line that the process says.
func (p *process) want(t *testing.T, word string) {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if strings.TrimSpace(line) != word {
		_ = p.Wait()
		t.Fatalf("the process says %q, not %q: %v\n%s", line, word, err, p.err)
	}
}

func (p *process) goAhead(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		t.Fatal(err)
	}
}

// TestTwoProcessesRenewEachTokenOnce: the tokens of 50 users expire together, and
// two processes with three senders each find out at the same time.
func TestTwoProcessesRenewEachTokenOnce(t *testing.T) {
	const users = 50
	database := storetest.Postgres(t)
	st := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: database})
	w, err := sandbox.Start(sandbox.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	client, err := trusting(w.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, st, 1, vault.WithGoogle(oauth.At(w.GoogleURL), client))
	ids := connectUsers(t, st, v, w, client, users)
	if err := askAll(t.Context(), v, ids); err != nil {
		t.Fatal(err)
	}
	env := []string{
		envDatabase + "=" + database, envGoogle + "=" + w.GoogleURL, envCA + "=" + w.CAFile,
		envCredentials + "=" + strings.Join(ids, " "), envLease + "=1m",
	}
	one, other := start(t, env...), start(t, env...)
	before := renewals(w)
	expire(t, database)
	one.goAhead(t)
	other.goAhead(t)
	one.want(t, "done")
	other.want(t, "done")
	after := renewals(w)
	for _, p := range []*process{one, other} {
		if err := p.Wait(); err != nil {
			t.Errorf("%v\n%s", err, p.err)
		}
	}
	if len(after) != users {
		t.Errorf("%d users were renewed", len(after))
	}
	for user, n := range after {
		if n-before[user] != 1 {
			t.Errorf("%s: %d refreshes", user, n-before[user])
		}
	}
}

// connectUsers lets users consent and keeps what comes of it.
func connectUsers(t *testing.T, st *store.Store, v *vault.Vault, w *sandbox.World, hc *http.Client, n int) (ids []string) {
	t.Helper()
	const redirect = "https://mail.acme.example/connect/callback"
	file := w.OAuthClient(oauth.ClientWeb, redirect)
	client, err := oauth.ParseClient(file, oauth.At(w.GoogleURL))
	if err != nil {
		t.Fatal(err)
	}
	addRow(t, st, v, "cred_client", vault.KindOAuthClient, map[string]string{"client_id": client.ID()}, string(file))
	for i := range n {
		consent := oauth.Consent{
			Client: client, Endpoints: oauth.At(w.GoogleURL), Redirect: redirect, Scopes: []string{oauth.ScopeSend},
			State: "s", Nonce: "n", Verifier: strings.Repeat("v", 43),
		}
		to, err := w.Decide(consent.URL(), sandbox.Decision{Account: fmt.Sprintf("user%d@gmail.example", i)})
		if err != nil {
			t.Fatal(err)
		}
		back, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		g, err := consent.Exchange(t.Context(), hc, back.Query().Get("code"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		public := vault.UserPublic{Email: g.Email, Scopes: strings.Join(g.Scopes, " "), Client: "cred_client", ClientID: client.ID()}
		ids = append(ids, fmt.Sprint("cred_user", i))
		addRow(t, st, v, ids[i], vault.KindGoogleUser, public, g.Refresh.Reveal())
	}
	return ids
}

// renewals counts the refreshes of each user.
func renewals(w *sandbox.World) map[string]int {
	n := map[string]int{}
	for _, c := range w.TokenCalls() {
		if c.Grant == "refresh_token" && c.OK {
			n[c.Subject]++
		}
	}
	return n
}

// expire makes all tokens of a database expire now.
func expire(t *testing.T, database string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("UPDATE live_tokens SET refresh_at = 1, expires_at = 1"); err != nil {
		t.Fatal(err)
	}
}

// TestProcessThatDiesWhileItRenews: the other one goes on once the lease has
// ended, and not before.
func TestProcessThatDiesWhileItRenews(t *testing.T) {
	const lease = 2 * time.Second
	database := storetest.Postgres(t)
	st := storetest.Open(t, store.Options{Dir: t.TempDir(), Database: database})
	e := newEndpoint(t)
	addUser(t, st, e.vault(t, st))
	e.set(func(e *endpoint) { e.gate = make(chan struct{}) })
	env := []string{
		envDatabase + "=" + database, envGoogle + "=" + e.URL, envCA + "=", envCredentials + "=cred_user", envLease + "=" + lease.String(),
	}
	dead, next := start(t, env...), start(t, env...)
	dead.goAhead(t)
	<-e.arrived
	if err := dead.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dead.Wait() // killed
	e.set(func(e *endpoint) { e.gate = nil })
	next.goAhead(t)
	next.want(t, "done")
	if err := next.Wait(); err != nil {
		t.Errorf("%v\n%s", err, next.err)
	}
	e.wantAsked(t, "1//canary-1", "1//canary-1")
	if gap := e.times[1].Sub(e.times[0]); gap < lease-time.Second {
		t.Errorf("the second call came after %v: the lease was not waited for", gap)
	}
}
