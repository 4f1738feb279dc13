package store

import (
	"context"
	"fmt"

	"gatepost/internal/email"
)

// recordRare writes what most outcomes have nothing of, a statement each: other
// ends than accepted, by which messages are listed, and contents that go at once.
func recordRare(ctx context.Context, t *tx, fs []*Finish) error {
	for _, f := range fs {
		for _, v := range f.Verdicts {
			if v.State == email.Accepted {
				continue
			}
			if err := insertEnding(ctx, t, f.Team, f.Message, v.State); err != nil {
				return err
			}
		}
		if f.toldOf() {
			if err := noteReport(ctx, t, f.Team, f.Message, f.At); err != nil {
				return err
			}
		}
		if f.Shred && f.Next == nil {
			if err := shred(ctx, t, f.Team, f.Message, f.At); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertEnding(ctx context.Context, t *tx, team, message email.ID, state email.State) error {
	if _, err := t.ExecContext(ctx, `INSERT INTO endings (team_id, state, message_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		team, state, message); err != nil {
		return fmt.Errorf("note how message %s ended: %w", message, err)
	}
	return nil
}
