package store

import (
	"context"
	"errors"
	"strings"

	"gatepost/internal/email"
)

// Connection is a mailbox whose user agreed: the credential that the consent
// gave and the account that uses it.
type Connection struct {
	Credential Credential
	Replace    bool // the credential is there already and gets a new secret
	Account    *Account
	Again      bool // the account is there already and goes on
	Event      Event
	Link       email.ID // the connect link that this uses up, if any
}

// ErrLinkClosed says that a connect link was used or canceled meanwhile.
var ErrLinkClosed = errors.New("the connect link is not open any more")

// Connect keeps a connection, all of it or nothing: credential, account, event,
// and the end of the link. A held account is released; a parked one stays parked,
// because a quota knows no new secret. A new account whose address is connected
// by the same transport already is ErrExists.
func (s *Store) Connect(ctx context.Context, c Connection) error {
	return s.do(ctx, "connect account "+c.Account.ID, func(ctx context.Context, t *tx) error {
		if err := useLink(ctx, t, c); err != nil {
			return err
		}
		keep, account := insertCredential, insertAccount
		if c.Replace {
			keep = updateCredential
		}
		if c.Again {
			account = reconnectAccount
		}
		if err := keep(ctx, t, c.Credential); err != nil {
			return err
		}
		if err := account(ctx, t, c.Account); err != nil {
			return err
		}
		e := c.Event
		e.Team, e.Subject = c.Account.Team, c.Account.ID
		return insertAccountEvent(ctx, t, e)
	})
}

func useLink(ctx context.Context, t *tx, c Connection) error {
	if c.Link == "" {
		return nil
	}
	r, err := t.ExecContext(ctx, `UPDATE connect_links SET status = $4, account_id = $3, problem = ''
		WHERE team_id = $1 AND id = $2 AND status = $5`, c.Account.Team, c.Link, c.Account.ID, LinkUsed, LinkOpen)
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

func insertCredential(ctx context.Context, t *tx, c Credential) error {
	_, err := t.ExecContext(ctx, `INSERT INTO credentials (`+credentialColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`,
		c.Team, c.ID, c.Kind, c.Name, string(c.Public), c.Sealed, millis(c.CreatedAt))
	return err
}

func updateCredential(ctx context.Context, t *tx, c Credential) error {
	r, err := t.ExecContext(ctx, `UPDATE credentials SET name = $3, public = $4, sealed = $5, updated_at = $6
		WHERE team_id = $1 AND id = $2`, c.Team, c.ID, c.Name, string(c.Public), c.Sealed, millis(c.UpdatedAt))
	return oneRow(r, err, ErrNotFound)
}

func insertAccount(ctx context.Context, t *tx, a *Account) error {
	rows, err := t.QueryContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE team_id = $1 AND transport = $2`, a.Team, a.Transport)
	if err != nil {
		return err
	}
	all, err := scanAll(rows, scanAccount)
	if err != nil {
		return err
	}
	for _, b := range all {
		if strings.EqualFold(a.Address, b.Address) {
			return ErrExists
		}
	}
	_, err = t.ExecContext(ctx, `INSERT INTO accounts (`+accountColumns+`, released_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, '', '', $8, $8, 0)`,
		a.Team, a.ID, a.Address, a.Transport, a.Credential, listText(a.Senders), string(a.Config), millis(a.CreatedAt))
	return err
}

func reconnectAccount(ctx context.Context, t *tx, a *Account) error {
	if err := updateAccount(ctx, t, a); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, `UPDATE accounts SET held = 0, cause = '', reason = '', released_at = $3
		WHERE team_id = $1 AND id = $2 AND held <> 0`, a.Team, a.ID, millis(a.UpdatedAt))
	return err
}

// UpdateAccount changes the credential, the senders and the settings of an
// account to what a says.
func (s *Store) UpdateAccount(ctx context.Context, a *Account) error {
	return s.do(ctx, "change account "+a.ID, func(ctx context.Context, t *tx) error { return updateAccount(ctx, t, a) })
}

func updateAccount(ctx context.Context, t *tx, a *Account) error {
	r, err := t.ExecContext(ctx, `UPDATE accounts SET credential_id = $3, senders = $4, config = $5, updated_at = $6
		WHERE team_id = $1 AND id = $2`, a.Team, a.ID, a.Credential, listText(a.Senders), string(a.Config), millis(a.UpdatedAt))
	return oneRow(r, err, ErrNotFound)
}
