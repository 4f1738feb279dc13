package client

import (
	"context"
	"net/url"
)

// CapacityList is what the accounts and the pools can still send.
type CapacityList struct {
	Data  []Capacity     `json:"data"`
	Pools []PoolCapacity `json:"pools"`
}

// PoolCapacity is what a pool can still send: all its members together, with what
// they share counted once.
type PoolCapacity struct {
	Pool     string   `json:"pool" doc:"Its id."`
	Name     string   `json:"name"`
	Now      *int64   `json:"now,omitempty" doc:"Messages to one recipient, of the normal lane, that may leave at once, by the limits and their even pace. Missing: an account that can send has no known limit."`
	Urgent   *int64   `json:"now_urgent,omitempty" doc:"The same of the urgent lane, which keeps to no pace and may use what is reserved."`
	Today    *int64   `json:"today,omitempty" doc:"The same of the limits of a rolling day. Missing: an account has no such limit that is known."`
	NextAt   *Time    `json:"next_at,omitempty" doc:"When more may leave than now. Missing: now is as much as may at once, or nobody knows."`
	Accounts []string `json:"accounts" doc:"The ids of its accounts."`
}

// Capacity is what an account can still send.
type Capacity struct {
	Account     string          `json:"account" doc:"Its id."`
	Address     string          `json:"address"`
	Transport   string          `json:"transport"`
	Status      string          `json:"status" enum:"active,parked,resting,paused,held"`
	ParkedUntil *Time           `json:"parked_until,omitempty" doc:"Parked or resting until."`
	Now         *int64          `json:"now,omitempty" doc:"Messages to one recipient, of the normal lane, that may leave at once, by the limits and their even pace. Missing: no limit is known."`
	Urgent      *int64          `json:"now_urgent,omitempty" doc:"The same of the urgent lane, which keeps to no pace and may use what is reserved."`
	Today       *int64          `json:"today,omitempty" doc:"The same of the limits of a rolling day. Missing: no such limit is known."`
	NextAt      *Time           `json:"next_at,omitempty" doc:"When more may leave than now. Missing: now is as much as may at once, or nobody knows."`
	Limits      []CapacityLimit `json:"limits"`
}

// CapacityLimit is a limit and how it stands.
type CapacityLimit struct {
	Name     string  `json:"name" example:"recipients per day of the mailbox"`
	Scope    string  `json:"scope" enum:"account,project,mailbox,relay" doc:"What it is counted for, over all accounts that share it."`
	Unit     string  `json:"unit" enum:"messages,recipients,external,unique,units" doc:"What is counted: external are recipients outside of the account's domain, unique are different ones, units are those of an API's quota."`
	Window   float64 `json:"window_seconds" doc:"The length of the rolling window."`
	Max      int64   `json:"max"`
	Used     int64   `json:"used" doc:"Within the window, with what is being sent."`
	Left     int64   `json:"left"`
	Reserved int64   `json:"reserved" doc:"The part of what is left that is for urgent mail alone."`
	FreesAt  *Time   `json:"frees_at,omitempty" doc:"When a part of what is used is free again."`
	FullAt   *Time   `json:"full_at,omitempty" doc:"When all of it is, unless more is used."`
	Source   string  `json:"source,omitempty" doc:"Where the figure comes from. While a refusal has lowered it: when it was learned, from which cause, and what is known otherwise."`
	// LearnedUntil is set while max is lower than usual.
	LearnedUntil *Time  `json:"learned_until,omitempty" doc:"Until when max is lower than usual because the provider was full before the count was. It rises step by step till then."`
	Usual        *int64 `json:"usual,omitempty" doc:"What max is otherwise, while it is lower. Missing: only the refusal tells of this limit."`
}

// SendLimits are limits that a person sets for an account. What is missing is the
// provider's own, as far as that is known, or none.
type SendLimits struct {
	PerSecond        *int `json:"per_second,omitempty" minimum:"1" maximum:"1000000000" doc:"Messages in any second."`
	PerMinute        *int `json:"per_minute,omitempty" minimum:"1" maximum:"1000000000" doc:"Messages in any minute."`
	PerHour          *int `json:"per_hour,omitempty" minimum:"1" maximum:"1000000000" doc:"Messages in any hour."`
	PerDay           *int `json:"per_day,omitempty" minimum:"1" maximum:"1000000000" doc:"Messages in any 24 hours."`
	RecipientsPerDay *int `json:"recipients_per_day,omitempty" minimum:"1" maximum:"1000000000" doc:"Recipients in any 24 hours."`
	ExternalPerDay   *int `json:"external_per_day,omitempty" minimum:"1" maximum:"1000000000" doc:"Recipients outside of the account's own domain in any 24 hours."`
	UniquePerDay     *int `json:"unique_per_day,omitempty" minimum:"1" maximum:"1000000000" doc:"Different recipients in any 24 hours."`
	UnitsPerMinute   *int `json:"units_per_minute,omitempty" minimum:"1" maximum:"1000000000" doc:"Units of the Gmail API; a send costs 100. For the transport gmail alone."`
}

// Capacity tells what each account and each pool can still send, now and today, and when more is
// free.
func (c *Client) Capacity(ctx context.Context) (CapacityList, error) {
	return c.CapacityOf(ctx, CapacityQuery{})
}

// CapacityQuery selects of whom the capacity is told. Empty fields select nothing away.
type CapacityQuery struct {
	Account string // its id or address: only this account, and the pools that it is in
	Pool    string // its id or name: only this pool, and the accounts that are in it
}

// CapacityOf is Capacity of what q selects.
func (c *Client) CapacityOf(ctx context.Context, q CapacityQuery) (CapacityList, error) {
	v := url.Values{}
	setQuery(v, "account", q.Account)
	setQuery(v, "pool", q.Pool)
	return ask[CapacityList](ctx, c, get("/v1/capacity", v))
}
