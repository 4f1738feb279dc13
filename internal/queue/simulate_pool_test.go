package queue

import (
	"context"

	"gatepost/internal/email"
)

// The pools of the simulation have accounts that may send as shop, and one that
// may not.
const (
	simShop     = "shop@acme.example"
	simStranger = "acc_relay"
	simDrafts   = "acc_drafts"
)

var simPools = []string{Failover, Random, Headroom}

// checkSender holds an attempt of a pool's mail against the account's own rules.
func (s *simulation) checkSender(account, id email.ID, env email.Envelope) {
	m, err := s.store.Message(context.Background(), simTeam, id)
	if err != nil || m.Pooled == "" {
		return
	}
	s.visit("sent by a pool")
	switch own := map[email.ID]string{"acc_looks": "ada@acme.example", "acc_submits": "eve@acme.example", simDrafts: "dan@acme.example"}[account]; {
	case account == simStranger:
		s.wrong("%s from %s is tried by %s, which may not send it", id, m.Sender, account)
	case env.From != own:
		s.wrong("%s is tried by %s with the MAIL FROM %q", id, account, env.From)
	case s.tried[id] != "" && s.tried[id] != account:
		s.visit("sent by another member")
	}
	s.tried[id] = account
}
