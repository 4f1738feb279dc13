package store

import (
	"context"
	"errors"
	"fmt"

	"gatepost/internal/email"
)

// Draft is the draft at the provider from which a message is sent.
type Draft struct {
	Team, Message, Account email.ID
	ID                     string // the provider's
	Attempt                int    // the last one that sends from it
	Gone                   bool   // a look did not find it any more
}

const draftColumns = `team_id, message_id, account_id, draft_id, attempt, gone`

func scanDraft(row interface{ Scan(...any) error }) (Draft, error) {
	var d Draft
	err := row.Scan(&d.Team, &d.Message, &d.Account, &d.ID, &d.Attempt, &d.Gone)
	return d, err
}

// Draft returns a message's draft; ErrNotFound where there is none.
func (s *Store) Draft(ctx context.Context, message email.ID) (Draft, error) {
	d, err := scanDraft(s.read.QueryRowContext(ctx, `SELECT `+draftColumns+` FROM drafts WHERE message_id = $1`, message))
	if err != nil {
		return d, fmt.Errorf("draft of message %s: %w", message, found(err))
	}
	return d, nil
}

// KeepDraft notes from which draft an attempt is about to send. Once it returns
// without an error that is on disk, and the claim is still in force; ErrFenced: it
// is not, and nothing was written.
func (s *Store) KeepDraft(ctx context.Context, en *Entry, draft string) error {
	return s.doOn(ctx, "keep the draft of message "+en.Message, en.Message, func(ctx context.Context, t *tx) error {
		r, err := t.ExecContext(ctx, `INSERT INTO drafts (`+draftColumns+`)
			SELECT team_id, message_id, route, $3, attempt, 0 FROM queue WHERE message_id = $1 AND fence = $2 AND state = 'sending'
			ON CONFLICT (message_id) DO UPDATE SET
				account_id = excluded.account_id, draft_id = excluded.draft_id, attempt = excluded.attempt, gone = 0`,
			en.Message, en.Fence, draft)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrFenced
	})
}

// NoteDrafts notes that a draft is about to be made in an account: until a row of its
// own tells of it, this one does. Each note counts, so that whoever found no draft can
// tell whether one may have come since. It changes a row that all attempts of the account
// share: it comes last in a group, or two groups would wait for each other.
func (s *Store) NoteDrafts(ctx context.Context, team, account email.ID) error {
	return s.doOn(ctx, "note that there may be drafts of "+account, lastInOrder+account, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `INSERT INTO drafts (`+draftColumns+`) VALUES ($1, $2, $2, '', 1, 1)
			ON CONFLICT (message_id) DO UPDATE SET attempt = drafts.attempt + 1`, team, account)
		return err
	})
}

// DraftNote is what was noted of an account's drafts at a time.
type DraftNote struct {
	Notes int64 // how many there were
	Quiet bool  // and nothing was being sent, so each draft that was noted was there, or never will be
}

// DraftNote returns what is noted of an account's drafts.
func (s *Store) DraftNote(ctx context.Context, account email.ID) (n DraftNote, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT COALESCE((SELECT attempt FROM drafts WHERE message_id = $1), 0),
		NOT EXISTS (SELECT 1 FROM queue WHERE route = $1 AND state = 'sending')`, account).Scan(&n.Notes, &n.Quiet)
	if err != nil {
		return n, fmt.Errorf("what is noted of drafts of %s: %w", account, err)
	}
	return n, nil
}

// DraftGone notes that a draft is not there any more: the next attempt, if somebody
// decides that there may be one, makes a new one.
func (s *Store) DraftGone(ctx context.Context, message email.ID, draft string) error {
	return s.doOn(ctx, "note that the draft of "+message+" is gone", message, func(ctx context.Context, t *tx) error {
		_, err := t.ExecContext(ctx, `UPDATE drafts SET gone = 1 WHERE message_id = $1 AND draft_id = $2`, message, draft)
		return err
	})
}

// KnownDrafts tells which of an account's drafts belong to messages that wait for
// something there, so that they may be sent.
func (s *Store) KnownDrafts(ctx context.Context, account email.ID) (map[string]bool, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+draftColumns+` FROM drafts d WHERE account_id = $1
		AND EXISTS (SELECT 1 FROM queue q WHERE q.message_id = d.message_id AND q.route = d.account_id)`, account)
	if err != nil {
		return nil, fmt.Errorf("drafts of %s: %w", account, err)
	}
	drafts, err := scanAll(rows, scanDraft)
	known := map[string]bool{}
	for _, d := range drafts {
		known[d.ID] = true
	}
	return known, err
}

// DraftAccounts lists the accounts for which drafts are noted; only Team and
// Account are filled in.
func (s *Store) DraftAccounts(ctx context.Context) ([]Draft, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT DISTINCT team_id, account_id FROM drafts`)
	if err != nil {
		return nil, fmt.Errorf("accounts with drafts: %w", err)
	}
	return scanAll(rows, func(row interface{ Scan(...any) error }) (d Draft, err error) {
		return d, row.Scan(&d.Team, &d.Account)
	})
}

// endedDrafts is how many rows are deleted in one transaction.
const endedDrafts = 500

// ForgetDrafts deletes the rows of an account's messages that wait for nothing any
// more, and the note that there may be drafts without a row: unless one may have been
// made since the note was read.
func (s *Store) ForgetDrafts(ctx context.Context, account email.ID, note DraftNote) error {
	for n := int64(endedDrafts); n == endedDrafts; {
		err := s.do(ctx, "forget drafts of "+account, func(ctx context.Context, t *tx) error {
			r, err := t.ExecContext(ctx, `DELETE FROM drafts WHERE message_id IN (SELECT message_id FROM drafts d WHERE account_id = $1
				AND message_id <> $1 AND NOT EXISTS (SELECT 1 FROM queue q WHERE q.message_id = d.message_id) ORDER BY message_id LIMIT $2)`, account, endedDrafts)
			if err == nil {
				n, err = r.RowsAffected()
			}
			if err != nil || !note.Quiet {
				return err
			}
			_, err = t.ExecContext(ctx, `DELETE FROM drafts WHERE message_id = $1 AND attempt = $2`, account, note.Notes)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// HasMessages tells which of these messages are a team's.
func (s *Store) HasMessages(ctx context.Context, team email.ID, messages []email.ID) (map[email.ID]bool, error) {
	out := map[email.ID]bool{}
	for _, id := range messages {
		var one int
		err := found(s.read.QueryRowContext(ctx, `SELECT 1 FROM messages WHERE team_id = $1 AND id = $2`, team, id).Scan(&one))
		if err == nil {
			out[id] = true
		} else if !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("message %s of a draft: %w", id, err)
		}
	}
	return out, nil
}
