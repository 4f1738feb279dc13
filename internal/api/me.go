package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/queue"
)

// showMe tells a caller which key it has.
func (s *server) showMe(c *call) error {
	g := c.grant
	return c.answer(http.StatusOK, client.Me{Key: g.Key, Name: g.KeyName, Scopes: g.Scopes, Team: g.Team, Version: s.Version})
}

// listTypes tells what the message types stand for, which is the same for all.
func (s *server) listTypes(c *call) error {
	all := queue.Policies()
	list := client.PolicyList{Data: make([]client.Policy, len(all))}
	for i, p := range all {
		list.Data[i] = client.Policy{
			Type: p.Type, Lane: laneWord(p.Lane), Life: int64(p.Life.Seconds()), Keep: int64(p.Keep.Seconds()),
			OnUnknown: string(p.OnUnknown), Security: p.Security,
		}
	}
	return c.answer(http.StatusOK, list)
}
