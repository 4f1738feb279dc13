package store_test

import (
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
	"gatepost/internal/store/storetest"
)

// What an earlier gatepost left behind is found, sent, and looked at in time.
func TestRowsOfTheFirstSchema(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, opt store.Options) {
		const old = `'team_1', 'msg_01'`
		must(t, store.MigrateTo(t.Context(), opt, []string{"00001_spine.sql"},
			`INSERT INTO accounts (team_id, id, address, transport, credential_id, senders, config, held, parked_until, released_at,
				cause, reason, created_at, updated_at)
				VALUES ('team_1', 'acc_1', 'app@acme.example', 'smtp', '', '[]', '{}', 0, 0, 0, '', '', 1, 1)`,
			`INSERT INTO messages (team_id, id, account_id, type, on_unknown, mail_from, sender, subject, message_id, tags, metadata,
				size, created_at, blob, content)
				VALUES (`+old+`, 'acc_1', 'invoice', 'hold', 'f', 's', 'Hello', '<1@x>', '[]', '{}', 5, 1000, '', NULL)`,
			`INSERT INTO content_keys (team_id, message_id, wrapped) VALUES (`+old+`, 'key')`,
			`INSERT INTO recipients (team_id, message_id, n, address, role, state, cause, reply, updated_at)
				VALUES (`+old+`, 0, 'a@b.example', 'to', 'failed', '', '', 2000), (`+old+`, 1, 'c@d.example', 'to', '', '', '', 1000)`,
			`INSERT INTO queue (message_id, team_id, route, lane, state, due_at, attempt, fence, node, epoch, started_at, unknown_at,
				retries, retry_ms, unsettled, seq, duplicate, on_unknown, cause)
				VALUES ('msg_01', 'team_1', 'acc_1', 1, 'queued', 1000, 1, 7, '', 0, 0, 0, 0, 0, 1, 2, 0, 'hold', '')`,
		))
		s := storetest.Open(t, opt)
		failed, err := s.Messages(t.Context(), team, store.MessageQuery{Status: email.Failed, Limit: 5})
		must(t, err)
		if len(failed.Messages) != 1 || failed.Messages[0].Lane != email.Normal || failed.Messages[0].State() != email.Queued {
			t.Fatalf("failed: %+v", failed.Messages)
		}
		keep, err := s.Keepings(t.Context(), time.Now(), 5)
		must(t, err)
		if len(keep) != 1 || !keep[0].Waiting || !keep[0].FinalAt.Equal(time.UnixMilli(2000)) {
			t.Errorf("contents to look at: %+v", keep)
		}
		e := claimOne(t, s, "acc_1")
		if e.Attempt != 2 || !e.ExpiresAt.IsZero() || e.Shred {
			t.Errorf("claimed %+v", e)
		}
	})
}
