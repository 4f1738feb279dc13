package control

import (
	"context"
	"encoding/json"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// ChangeAccount is what is to be changed of an account; the rest stays.
type ChangeAccount struct {
	Credential *email.ID
	Senders    *[]string
	Config     json.RawMessage // replaces the transport's settings; nil: unchanged
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing.
	OnlyCheck bool
}

// UpdateAccount changes what n says of an account. It is used for sending as it
// is now at once; one that is held stays held until it is released.
func (c *Control) UpdateAccount(ctx context.Context, g access.Grant, id email.ID, n ChangeAccount) (Account, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Account{}, err
	}
	if err := known(email.PrefixAccount, id); err != nil {
		return Account{}, err
	}
	row, err := c.cfg.Store.Account(ctx, g.Team, id)
	if err != nil {
		return Account{}, err
	}
	own, err := c.apply(ctx, g, row, n)
	if err != nil || n.OnlyCheck {
		return Account{}, err
	}
	if n.Credential != nil {
		if err := c.checkUser(ctx, row, "credential"); err != nil {
			return Account{}, err
		}
	}
	if n.Senders != nil {
		if err := c.checkSenders(ctx, row); err != nil {
			return Account{}, err
		}
	}
	// What was not given is written as it is then, not as it was seen above.
	err = c.cfg.Store.UpdateAccount(ctx, g.Team, id, c.cfg.Now().UTC().Truncate(time.Millisecond), func(now *store.Account) {
		if n.Credential != nil {
			now.Credential = row.Credential
		}
		if n.Senders != nil {
			now.Senders = row.Senders
		}
		if n.Config != nil {
			now.Config = row.Config
		}
		now.Config = withSettings(now.Config, own)
	}, fit)
	if err := refusedAccount(err, row); err != nil {
		return Account{}, err
	}
	c.cfg.Engine.AccountChanged(g.Team, id)
	return c.account(ctx, g, id)
}

// apply validates a change and puts it into the row. The settings that it returns are
// those that the credential decides.
func (c *Control) apply(ctx context.Context, g access.Grant, row *store.Account, n ChangeAccount) (map[string]any, error) {
	var wrong problems
	kind := c.kinds[row.Transport]
	if n.Senders != nil {
		row.Senders = wrong.senders(*n.Senders)
	}
	if n.Credential != nil {
		row.Credential = *n.Credential
	}
	own, err := c.byCredential(ctx, g.Team, row.Transport, row.Credential)
	if err != nil {
		return nil, err
	}
	if n.Config != nil {
		row.Config = wrong.settings(kind, row.Transport, withSettings(n.Config, own))
	}
	if n.Credential != nil {
		if err := c.checkCredential(ctx, g, NewAccount{Credential: row.Credential, Address: row.Address, Config: row.Config}, kind, &wrong); err != nil {
			return nil, err
		}
	}
	if err := c.checkPlace(ctx, row, &wrong); err != nil {
		return nil, err
	}
	return own, wrong.err()
}

// settings checks and completes the settings of a transport.
func (ps *problems) settings(kind provider.Kind, transport string, config json.RawMessage) json.RawMessage {
	if kind.Validate == nil {
		ps.add("transport", "is not one of this gatepost: %s", transport)
		return nil
	}
	whole, fields := kind.Validate(config)
	ps.addAll(transport, fields)
	return whole
}
