package client

import (
	"context"
	"net/http"
)

// NewPool is a pool to be made: accounts that may send for the same mail. Messages
// name it where they name an account.
type NewPool struct {
	Name     string       `json:"name" doc:"Of letters, digits, spaces, dots, hyphens and underscores. Messages name the pool by it, or by its id." example:"shop"`
	Strategy string       `json:"strategy,omitempty" enum:"headroom,random,weighted,sticky,failover" doc:"Which member sends. Empty: headroom."`
	StickyBy string       `json:"sticky_by,omitempty" enum:"recipient,thread" doc:"What the strategy sticky goes by. Empty: recipient."`
	Members  []PoolMember `json:"members" doc:"From 1 to 16; for the strategy failover in the order in which they are asked."`
}

// PoolMember is an account's part in a pool.
type PoolMember struct {
	Account string   `json:"account" doc:"The account's id, or its address." example:"app@example.com"`
	Weight  int      `json:"weight,omitempty" minimum:"1" maximum:"1000" doc:"Its share with the strategies weighted and sticky, 1 to 1000. Empty: 1."`
	Domains []string `json:"domains,omitempty" doc:"Mail to these domains goes to this member first, and other mail to it last."`
}

// ChangePool changes what is given of a pool and leaves the rest.
type ChangePool struct {
	Name     *string       `json:"name,omitempty" null:"refused"`
	Strategy *string       `json:"strategy,omitempty" null:"refused" enum:"headroom,random,weighted,sticky,failover"`
	StickyBy *string       `json:"sticky_by,omitempty" null:"refused" enum:"recipient,thread"`
	Members  *[]PoolMember `json:"members,omitempty" null:"refused" doc:"Replaces the members. Mail that waits goes by the new ones."`
}

// Pool is accounts that may send for the same mail.
type Pool struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Strategy string       `json:"strategy" enum:"headroom,random,weighted,sticky,failover"`
	StickyBy string       `json:"sticky_by" enum:"recipient,thread"`
	Members  []PoolMember `json:"members"`
	// PausedLanes are those in which mail of the pool waits for a person.
	PausedLanes []string `json:"paused_lanes,omitempty" enum:"urgent,normal,bulk" doc:"The lanes that a person paused, for this pool or for all mail."`
	CreatedAt   Time     `json:"created_at"`
	UpdatedAt   Time     `json:"updated_at"`
}

// PoolList is all pools of a team.
type PoolList struct {
	Data []Pool `json:"data"`
}

// CreatePool makes a pool.
func (c *Client) CreatePool(ctx context.Context, n NewPool) (Pool, error) {
	return send[Pool](ctx, c, http.MethodPost, "/v1/pools", n)
}

// Pools lists all pools.
func (c *Client) Pools(ctx context.Context) (PoolList, error) {
	return ask[PoolList](ctx, c, get("/v1/pools", nil))
}

// Pool tells of one pool.
func (c *Client) Pool(ctx context.Context, id string) (Pool, error) {
	return ask[Pool](ctx, c, get(at("pools", id, ""), nil))
}

// ChangePool changes what is given of a pool.
func (c *Client) ChangePool(ctx context.Context, id string, change ChangePool) (Pool, error) {
	return send[Pool](ctx, c, http.MethodPatch, at("pools", id, ""), change)
}

// DeletePool removes a pool; its accounts stay. While mail waits for it the error's
// kind is in_use.
func (c *Client) DeletePool(ctx context.Context, id string) error {
	return c.drop(ctx, at("pools", id, ""))
}
