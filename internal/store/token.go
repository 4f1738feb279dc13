package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gatepost/internal/email"
)

// TokenKey names an access token.
type TokenKey struct {
	Team, Credential email.ID
	Subject          string // the user acted for; empty where the credential is the user's own
	Scopes           string // in order, with spaces between; empty: all that there are
}

// LiveToken is what the nodes of a database know together of one access token.
// Times are told as durations from now, by the clock that nodes agree on: the
// clocks of machines may differ.
type LiveToken struct {
	Revision int64     // grows with each write; 0: there is no row
	Version  time.Time // UpdatedAt of the credential that it was fetched with
	Sealed   []byte    // opens only in the vault; empty: no token
	Age      time.Duration
	Refresh  time.Duration // until it is to be renewed; not above 0: now
	Life     time.Duration // until it expires
	Failure  string        // why no newer one could be had
	Pause    time.Duration // until it may be tried again
	Leased   bool          // somebody is asking for a new one
}

// LiveToken returns what is known of a token; a zero one where nothing is.
func (s *Store) LiveToken(ctx context.Context, k TokenKey) (LiveToken, error) {
	now, err := s.clock(ctx, s.read)
	if err != nil {
		return LiveToken{}, fmt.Errorf("read the database's clock: %w", err)
	}
	var t LiveToken
	var version, fetched, refresh, expires, paused, leased int64
	err = s.read.QueryRowContext(ctx, `SELECT revision, version, sealed, fetched_at, refresh_at, expires_at, failure, paused_until, leased_until
		FROM live_tokens WHERE team_id = $1 AND credential_id = $2 AND subject = $3 AND scopes = $4`, k.Team, k.Credential, k.Subject, k.Scopes).
		Scan(&t.Revision, &version, &t.Sealed, &fetched, &refresh, &expires, &t.Failure, &paused, &leased)
	if errors.Is(err, sql.ErrNoRows) {
		return LiveToken{}, nil
	}
	if err != nil {
		return LiveToken{}, fmt.Errorf("live token of %s: %w", k.Credential, err)
	}
	span := func(from, to int64) time.Duration { return time.Duration(to-from) * time.Millisecond }
	t.Version, t.Leased = fromMillis(version), leased > now
	t.Age, t.Refresh, t.Life, t.Pause = span(fetched, now), span(now, refresh), span(now, expires), span(now, paused)
	return t, nil
}

// LeaseToken makes holder the one who may ask for a new token, for a time. It
// says no when somebody else is at it, or when what is stored is not the revision
// that the caller has seen: then it is worth another look.
func (s *Store) LeaseToken(ctx context.Context, k TokenKey, revision int64, holder string, lease time.Duration) (got bool, err error) {
	err = s.alone(ctx, "lease the token of "+k.Credential, func(ctx context.Context, q querier) error {
		now, err := s.clock(ctx, q)
		if err != nil {
			return err
		}
		r, err := q.ExecContext(ctx, `INSERT INTO live_tokens
			(team_id, credential_id, subject, scopes, revision, version, sealed, fetched_at, refresh_at, expires_at, failure, paused_until, holder, leased_until)
			VALUES ($1, $2, $3, $4, 0, 0, $5, 0, 0, 0, '', 0, $6, $7)
			ON CONFLICT (team_id, credential_id, subject, scopes) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
			WHERE live_tokens.revision = $8 AND live_tokens.leased_until <= $9`,
			k.Team, k.Credential, k.Subject, k.Scopes, []byte{}, holder, now+lease.Milliseconds(), revision, now)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		got = n == 1
		return err
	})
	return got, err
}

// TokenResult is what a holder found out: a token, or a failure and how long not
// to try again.
type TokenResult struct {
	Key     TokenKey
	Holder  string
	Version time.Time // UpdatedAt of the credential that was used
	Sealed  []byte    // the token; empty: a failure
	Refresh time.Duration
	Life    time.Duration
	Failure string
	Pause   time.Duration
	// Used is the sealed secret that was used. Secret, when set, replaces it in the
	// credential, because the provider gave a new one.
	Secret, Used []byte
	// Refreshed tells that a refresh token was used: that is noted with the token, because
	// one that is not used for long ends.
	Refreshed bool
}

// StoreToken keeps what a holder found out and ends its lease. The new secret,
// if any, is committed with it, even when the lease has run out meanwhile.
//
// kept is false when nothing of the token was kept: the lease had run out, or the
// credential was replaced while the call was under way, and what is new wins; a
// failure is not kept either when another holder has kept a new secret meanwhile.
func (s *Store) StoreToken(ctx context.Context, t TokenResult) (kept bool, err error) {
	err = s.alone(ctx, "keep the token of "+t.Key.Credential, func(ctx context.Context, q querier) error {
		now, err := s.clock(ctx, q)
		if err != nil {
			return err
		}
		if err := keepSecret(ctx, q, t); err != nil {
			return err
		}
		if err := noteUse(ctx, q, t, now); err != nil {
			return err
		}
		r, err := q.ExecContext(ctx, storeSQL(t), storeArgs(t, now)...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if kept = n == 1; kept || err != nil {
			return err
		}
		return releaseToken(ctx, q, t.Key, t.Holder)
	})
	return kept, err
}

// keepSecret puts the new secret in the place of the one that was used, and of
// no other. The credential's updated_at stays: tokens at hand stay good.
func keepSecret(ctx context.Context, q querier, t TokenResult) error {
	if len(t.Secret) == 0 {
		return nil
	}
	_, err := q.ExecContext(ctx, `UPDATE credentials SET sealed = $3 WHERE team_id = $1 AND id = $2 AND sealed = $4 AND updated_at = $5`,
		t.Key.Team, t.Key.Credential, t.Secret, t.Used, millis(t.Version))
	return err
}

// noteUse notes when a refresh token was used that gave a token.
func noteUse(ctx context.Context, q querier, t TokenResult, now int64) error {
	if !t.Refreshed || len(t.Sealed) == 0 {
		return nil
	}
	_, err := q.ExecContext(ctx, `UPDATE credentials SET used_at = $3 WHERE team_id = $1 AND id = $2 AND updated_at = $4`,
		t.Key.Team, t.Key.Credential, now, millis(t.Version))
	return err
}

const (
	storeWhere = ` WHERE team_id = $1 AND credential_id = $2 AND subject = $3 AND scopes = $4 AND holder = $5
		AND EXISTS (SELECT 1 FROM credentials c WHERE c.team_id = $1 AND c.id = $2 AND c.updated_at = $6)`
	// A refusal of a secret that was replaced meanwhile says nothing of the new one.
	storeFailure = `UPDATE live_tokens SET revision = revision + 1, holder = '', leased_until = 0, failure = $7, paused_until = $8,
		sealed = CASE WHEN version = $6 THEN sealed ELSE $9 END, version = $6` + storeWhere + `
		AND EXISTS (SELECT 1 FROM credentials c WHERE c.team_id = $1 AND c.id = $2 AND c.sealed = $10)`
	storeToken = `UPDATE live_tokens SET revision = revision + 1, holder = '', leased_until = 0, failure = '', paused_until = 0,
		version = $6, sealed = $7, fetched_at = $8, refresh_at = $9, expires_at = $10` + storeWhere
)

func storeSQL(t TokenResult) string {
	if len(t.Sealed) == 0 {
		return storeFailure
	}
	return storeToken
}

func storeArgs(t TokenResult, now int64) []any {
	args := []any{t.Key.Team, t.Key.Credential, t.Key.Subject, t.Key.Scopes, t.Holder, millis(t.Version)}
	if len(t.Sealed) == 0 {
		return append(args, t.Failure, now+t.Pause.Milliseconds(), []byte{}, t.Used)
	}
	return append(args, t.Sealed, now, now+t.Refresh.Milliseconds(), now+t.Life.Milliseconds())
}

// ReleaseToken ends a lease without a result.
func (s *Store) ReleaseToken(ctx context.Context, k TokenKey, holder string) error {
	return s.alone(ctx, "release the token of "+k.Credential, func(ctx context.Context, q querier) error {
		return releaseToken(ctx, q, k, holder)
	})
}

func releaseToken(ctx context.Context, q querier, k TokenKey, holder string) error {
	_, err := q.ExecContext(ctx, `UPDATE live_tokens SET holder = '', leased_until = 0
		WHERE team_id = $1 AND credential_id = $2 AND subject = $3 AND scopes = $4 AND holder = $5`,
		k.Team, k.Credential, k.Subject, k.Scopes, holder)
	return err
}

// ForgetTokens drops all tokens and failures of a credential, for all nodes; where a
// subject is named only those of that one, and those that are of no subject. Who is
// asking for a new one goes on.
func (s *Store) ForgetTokens(ctx context.Context, credential email.ID, subject string) error {
	return s.alone(ctx, "forget the tokens of "+credential, func(ctx context.Context, q querier) error {
		_, err := q.ExecContext(ctx, `UPDATE live_tokens SET revision = revision + 1, sealed = $2, fetched_at = 0, refresh_at = 0, expires_at = 0,
			failure = '', paused_until = 0 WHERE credential_id = $1 AND ($3 = '' OR subject IN ($3, ''))`, credential, []byte{}, subject)
		return err
	})
}

// SweepTokens removes tokens that expired a while ago, with the failures beside them.
func (s *Store) SweepTokens(ctx context.Context, age time.Duration) error {
	return s.alone(ctx, "sweep expired tokens", func(ctx context.Context, q querier) error {
		now, err := s.clock(ctx, q)
		if err != nil {
			return err
		}
		before := now - age.Milliseconds()
		_, err = q.ExecContext(ctx, `DELETE FROM live_tokens WHERE expires_at < $1 AND paused_until < $1 AND leased_until < $1`, before)
		return err
	})
}

// alone commits one change in a transaction of its own. In PostgreSQL the changes
// here must not join a group: two nodes whose groups name the same tokens in
// another order would wait for each other in a circle, and mail would wait with
// them. SQLite has one writer, so there it is a change like any other.
func (s *Store) alone(ctx context.Context, what string, apply func(ctx context.Context, q querier) error) error {
	if s.dialect.now == "" {
		return s.do(ctx, what, func(ctx context.Context, t *tx) error { return apply(ctx, t) })
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := apply(ctx, tx); err != nil {
		_ = tx.Rollback()
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
