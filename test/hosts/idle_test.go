package hosts

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
	"gatepost/test/running"
)

// Without accounts, and with no setting but where it listens, gatepost reaches nobody in
// its first 20 seconds, which is when programs ask for updates and report for duty; on
// PostgreSQL its database alone.
func TestNobodyIsReachedWithoutAccounts(t *testing.T) {
	needStrace(t)
	t.Parallel()
	servers, expected := map[string]map[string]string{"SQLite": {}}, map[string][]string{}
	if os.Getenv(storetest.Env) != "" {
		database := storetest.Postgres(t)
		servers["PostgreSQL"] = map[string]string{"GATEPOST_DATABASE": database}
		expected["PostgreSQL"] = []string{serverOf(t, database)}
	}
	for name, vars := range servers {
		vars["GATEPOST_DATA"], vars["GATEPOST_LISTEN"] = t.TempDir(), running.Address(t)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			serve := trace(t, vars, "serve")
			time.Sleep(20 * time.Second) // it is the time itself that is watched
			resp, err := http.Get("http://" + vars["GATEPOST_LISTEN"] + "/readyz")
			if err != nil {
				t.Fatalf("%v\n%s", err, serve.log)
			}
			resp.Body.Close()
			if got := serve.end(true); !slices.Equal(got, expected[name]) {
				t.Errorf("reached %v, want %v", got, expected[name])
			}
		})
	}
}

// Commands that need no server reach nobody, others the server that they were told of
// alone: which shows as well that a dial is seen.
func TestWhomCommandsReach(t *testing.T) {
	needStrace(t)
	t.Parallel()
	for _, line := range [][]string{
		{"version"}, {"explain", "535 5.7.3 Authentication unsuccessful [outlook.office365.com]"}, {"config", "show"}, {"--help"},
	} {
		if got := trace(t, nil, line...).end(false); len(got) > 0 {
			t.Errorf("%v reached %v", line, got)
		}
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[]}`))
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	vars := map[string]string{"GATEPOST_URL": "http://" + l.Addr().String(), "GATEPOST_KEY": "gp_live_x"}
	if got := trace(t, vars, "accounts", "list").end(false); !slices.Equal(got, []string{l.Addr().String()}) {
		t.Errorf("accounts list reached %v, want %s alone", got, l.Addr())
	}
}

// serverOf is where a database's URL leads.
func serverOf(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
