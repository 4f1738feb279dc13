package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is what each session of PostgreSQL is told at its start.
func session() map[string]string {
	return map[string]string{
		"synchronous_commit": "on",
		// All that gatepost asks goes by keys. Plans made while the tables are small and
		// kept for prepared statements must not read whole tables when they are large.
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
	}
}

// pooledBegin tells each transaction what a session would be told: a pooler takes
// no such parameters, and the next transaction may be in another session. No plans
// are kept there, as there are no prepared statements.
const pooledBegin = "BEGIN; SET LOCAL synchronous_commit = on"

// sessions are how to connect for rows, and directly: past a pooler that hands out
// sessions by the transaction, where rows are asked through one.
func (s *Store) sessions() (rows, direct *pgx.ConnConfig, err error) {
	if rows, err = parsePostgres(s.opt.Database); err != nil {
		return nil, nil, err
	}
	if s.opt.Direct == "" {
		maps.Copy(rows.RuntimeParams, session())
		return rows, rows.Copy(), nil
	}
	// Described once, then sent whole with each use: what a session forgets does no harm.
	rows.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	if direct, err = parsePostgres(s.opt.Direct); err != nil {
		return nil, nil, err
	}
	maps.Copy(direct.RuntimeParams, session()) // which a pooler would refuse: see pooler
	return rows, direct, nil
}

// whichDatabase tells databases apart, whatever way led to them.
const whichDatabase = `SELECT current_database() || ', oid ' || (SELECT oid FROM pg_database WHERE datname = current_database())
	|| ', of a server started at ' || pg_postmaster_start_time()`

// checkDirect refuses a direct way that is none, or leads to another database than the
// rows are in: what it was told would be missed, and the schema be made where no mail is.
func checkDirect(ctx context.Context, db *sql.DB, direct *pgx.ConnConfig) error {
	c, err := pgx.ConnectConfig(ctx, direct.Copy())
	if err != nil {
		return fmt.Errorf("database-direct (GATEPOST_DATABASE_DIRECT): %w", unreachable(direct, err))
	}
	defer c.Close(ctx) //nolint:errcheck // it has said what it was asked
	var there, here string
	if err := errors.Join(c.QueryRow(ctx, whichDatabase).Scan(&there), db.QueryRowContext(ctx, whichDatabase).Scan(&here)); err != nil {
		return fmt.Errorf("compare database and database-direct: %w", err)
	}
	if there != here {
		return fmt.Errorf("database and database-direct are not the same database (%s; %s): database-direct is the same one, past the pooler", here, there)
	}
	return nil
}

// parsePostgres reads a URL. Only a server that takes writes will do: of several
// hosts in the URL, the one that is no standby.
func parsePostgres(url string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the database URL is not usable: write postgres://user:password@host:5432/name")
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
		if hosts(cfg) > 1 {
			cfg.ConnectTimeout = 3 * time.Second // the next one may be there
		}
	}
	if cfg.RuntimeParams == nil {
		cfg.RuntimeParams = map[string]string{}
	}
	cfg.RuntimeParams["application_name"] = cmp.Or(cfg.RuntimeParams["application_name"], "gatepost")
	cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	// Within seconds it shows that a server has gone from which nothing is being asked.
	alive := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}
	cfg.DialFunc = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	return cfg, nil
}

func hosts(cfg *pgx.ConnConfig) int {
	at := []string{cfg.Host}
	for _, f := range cfg.Fallbacks {
		at = append(at, f.Host)
	}
	slices.Sort(at)
	return len(slices.Compact(at))
}

// goneInPostgres tells errors after which a session is of no use for writing: its
// server takes none any more (25006, after a failover), ends it (57P), or the way
// to it broke (08).
func goneInPostgres(err error) bool {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return false
	}
	return p.Code == "25006" || strings.HasPrefix(p.Code, "57P") || strings.HasPrefix(p.Code, "08")
}

// renew closes the sessions that nobody is using: they lead where one has just
// been found to be of no use.
func (s *Store) renew() {
	s.write.SetMaxIdleConns(0)
	s.write.SetMaxIdleConns(readers + s.dialect.writers)
}
