package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatepost/internal/email"
)

// Connection is a mailbox whose user agreed: the credential that the consent
// gave and the account that uses it.
type Connection struct {
	Credential Credential
	Replace    bool // the credential is there already and gets a new secret
	// Seen is when a credential that is replaced was last changed; one that was
	// changed since, or is gone, is ErrChanged.
	Seen    time.Time
	Account *Account
	// Again, when set, says that the account is there already and goes on: it puts
	// what the consent changes into the account as it is now. Account is how it was
	// seen; one that got another credential since is ErrChanged.
	Again  func(now *Account) error
	Client email.ID // the OAuth client's credential; one that is gone is ErrNoCredential
	// Gave tells whether the credential still is the client that gave the consent;
	// another one is ErrNoCredential. Nil: any is.
	Gave  func(client Credential) bool
	Event Event
	Link  email.ID // the connect link that this uses up, if any
}

// Errors of changes to accounts, besides ErrNotFound and ErrExists.
var (
	// ErrLinkClosed says that a connect link was used or canceled meanwhile.
	ErrLinkClosed = errors.New("the connect link is not open any more")
	// ErrNoCredential says that the credential of an account was removed.
	ErrNoCredential = errors.New("the credential is not there any more")
	// ErrChanged says that an account or a credential is no longer as it was seen.
	ErrChanged = errors.New("it was changed meanwhile")
)

// Connect keeps a connection, all of it or nothing: credential, account, event,
// and the end of the link. A held account is released; a parked one stays parked,
// because a quota knows no new secret. A new account whose address is connected
// by the same transport already is ErrExists.
func (s *Store) Connect(ctx context.Context, c Connection) error {
	return s.inTeam(ctx, c.Account.Team, "connect account "+c.Account.ID, func(ctx context.Context, t *tx) error {
		if err := useLink(ctx, t, c); err != nil {
			return err
		}
		if c.Client != "" {
			client, err := readCredential(ctx, t, c.Account.Team, c.Client)
			if err != nil {
				return err
			}
			if c.Gave != nil && !c.Gave(client) {
				return ErrNoCredential
			}
		}
		if err := connectCredential(ctx, t, c); err != nil {
			return err
		}
		if err := connectAccount(ctx, t, c); err != nil {
			return err
		}
		e := c.Event
		e.Team, e.Subject = c.Account.Team, c.Account.ID
		return insertAccountEvent(ctx, t, e)
	})
}

// useLink uses a link up whose key, if any, is still there.
func useLink(ctx context.Context, t *tx, c Connection) error {
	if c.Link == "" {
		return nil
	}
	r, err := t.ExecContext(ctx, `UPDATE connect_links SET status = $4, account_id = $3, problem = ''
		WHERE team_id = $1 AND id = $2 AND status = $5 AND (key_id = '' OR EXISTS (SELECT 1 FROM api_keys k
			WHERE k.team_id = connect_links.team_id AND k.id = connect_links.key_id AND (k.expires_at = 0 OR k.expires_at > $6)))`,
		c.Account.Team, c.Link, c.Account.ID, LinkUsed, LinkOpen, millis(c.Event.At))
	return oneRow(r, err, ErrLinkClosed)
}

// rowsAffected is the part of sql.Result that tells how many rows were changed.
type rowsAffected interface{ RowsAffected() (int64, error) }

// oneRow turns a statement that changed nothing into an error.
func oneRow(r rowsAffected, err, none error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return none
}

func connectAccount(ctx context.Context, t *tx, c Connection) error {
	if c.Again == nil {
		return insertAccount(ctx, t, c.Account)
	}
	now, err := readAccount(ctx, t, c.Account.Team, c.Account.ID)
	if err != nil {
		return err
	}
	if now.Credential != c.Account.Credential {
		return ErrChanged
	}
	now.Credential, now.UpdatedAt = c.Credential.ID, c.Event.At
	if err := c.Again(now); err != nil {
		return err
	}
	if err := updateAccount(ctx, t, now); err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `UPDATE accounts SET held = 0, cause = '', reason = '', released_at = $3
		WHERE team_id = $1 AND id = $2 AND held <> 0`, now.Team, now.ID, millis(now.UpdatedAt))
	return err
}

// insertAccount keeps a new account that has no twin: none of the same mailbox
// by the same transport.
func insertAccount(ctx context.Context, t *tx, a *Account) error {
	twins, err := ofMailbox(ctx, t, a.Team, a.Address)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(twins, func(b *Account) bool { return b.Transport == a.Transport }) {
		return ErrExists
	}
	return addAccount(ctx, t, a)
}

// OfMailbox lists a team's accounts of one mailbox, by whatever transport.
func (s *Store) OfMailbox(ctx context.Context, team email.ID, address string) ([]*Account, error) {
	found, err := ofMailbox(ctx, s.read, team, address)
	if err != nil {
		return nil, fmt.Errorf("list accounts of %s: %w", address, err)
	}
	return found, nil
}

// ofMailbox has the database leave out what cannot be the same mailbox: to read all of
// thousands of accounts takes long. It does not know case outside ASCII.
func ofMailbox(ctx context.Context, q querier, team email.ID, address string) ([]*Account, error) {
	key := mailboxKey(address)
	where, args := `lower(address) = $2`, []any{team, key}
	switch {
	case strings.ContainsFunc(key, func(r rune) bool { return r >= utf8.RuneSelf }):
		where, args = `1 = 1`, args[:1]
	case strings.HasSuffix(key, "@gmail.com"):
		where, args = `(lower(address) LIKE '%@gmail.com' OR lower(address) LIKE '%@googlemail.com')`, args[:1]
	}
	rows, err := q.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND `+where, args...)
	if err != nil {
		return nil, err
	}
	all, err := scanAll(rows, scanAccount)
	return slices.DeleteFunc(all, func(b *Account) bool { return !SameMailbox(address, b.Address) }), err
}

// SameMailbox compares as Google does: case does not count, and at gmail.com no
// dots (support.google.com/mail/answer/7436150).
func SameMailbox(a, b string) bool { return mailboxKey(a) == mailboxKey(b) }

func mailboxKey(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	if domain == "gmail.com" || domain == "googlemail.com" {
		return strings.ReplaceAll(local, ".", "") + "@gmail.com"
	}
	return local + "@" + domain
}

// Fit tells whether an account may use its credential. What it returns, if
// anything, is what is public of the credential from then on.
type Fit func(a *Account, c Credential) (public json.RawMessage, err error)

// OpenAccount keeps a new account that fits its credential. One whose credential
// is gone is ErrNoCredential, one of a mailbox that is connected by the same
// transport already ErrExists.
func (s *Store) OpenAccount(ctx context.Context, a *Account, fit Fit) error {
	return s.inTeam(ctx, a.Team, "keep account "+a.ID, func(ctx context.Context, t *tx) error {
		if err := useCredential(ctx, t, a, fit); err != nil {
			return err
		}
		return insertAccount(ctx, t, a)
	})
}

// UpdateAccount lets change alter the credential, the senders and the settings of
// an account as it is now; then it must fit its credential. Nothing else changes
// the account or the credential meanwhile. change may be called more than once.
func (s *Store) UpdateAccount(ctx context.Context, team, id email.ID, at time.Time, change func(*Account), fit Fit) error {
	return s.inTeam(ctx, team, "change account "+id, func(ctx context.Context, t *tx) error {
		a, err := readAccount(ctx, t, team, id)
		if err != nil {
			return err
		}
		change(a)
		a.UpdatedAt = at
		if err := useCredential(ctx, t, a, fit); err != nil {
			return err
		}
		return updateAccount(ctx, t, a)
	})
}

func readAccount(ctx context.Context, t *tx, team, id email.ID) (*Account, error) {
	a, err := scanAccount(t.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND id = $2`, team, id))
	return a, found(err)
}

func updateAccount(ctx context.Context, t *tx, a *Account) error {
	r, err := t.ExecContext(ctx, `UPDATE accounts SET credential_id = $3, senders = $4, config = $5, updated_at = $6
		WHERE team_id = $1 AND id = $2`, a.Team, a.ID, a.Credential, listText(a.Senders), string(a.Config), millis(a.UpdatedAt))
	return oneRow(r, err, ErrNotFound)
}
