package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/store"
)

// Account is an address that can send, as people see it.
type Account struct {
	ID          email.ID
	Address     string
	Transport   string
	Credential  email.ID
	Senders     []string
	Config      json.RawMessage // the transport's settings, complete
	Held        bool            // a person must act; its mail waits
	ParkedUntil time.Time       // zero: not parked
	Resting     time.Time       // until when; zero: its server is not in trouble
	Cause       string
	Reason      string // why it is held or parked and what to do
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

func accountOf(a *store.Account) Account {
	return Account{
		ID: a.ID, Address: a.Address, Transport: a.Transport, Credential: a.Credential, Senders: a.Senders, Config: a.Config,
		Held: a.Held, ParkedUntil: a.ParkedUntil, Resting: a.RestingUntil, Cause: a.Cause, Reason: a.Reason, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}

// NewAccount is an account to be connected.
type NewAccount struct {
	Address    string
	Transport  string // name of a kind of provider
	Credential email.ID
	Senders    []string // further addresses that may stand in From, or "@domain"
	// Config is the transport's settings. Problems with them are named below the
	// transport: "smtp.host".
	Config json.RawMessage
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing: for a door
	// that knows already that the request cannot be taken.
	OnlyCheck bool
}

// maxSenders bounds what each submission is compared with.
const maxSenders = 100

// CreateAccount connects an account. It is used for sending at once; whether the
// provider takes its credential shows then, but for a service account and a mailbox
// that Google says is no user's: that is *Invalid.
func (c *Control) CreateAccount(ctx context.Context, g access.Grant, n NewAccount) (Account, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Account{}, err
	}
	a, err := c.check(ctx, g, n)
	if err != nil || n.OnlyCheck {
		return Account{}, err
	}
	if err := c.checkUser(ctx, a, "address"); err != nil {
		return Account{}, err
	}
	if err := c.checkSenders(ctx, a); err != nil {
		return Account{}, err
	}
	if a.ID, a.CreatedAt, err = c.newID(email.PrefixAccount); err != nil {
		return Account{}, err
	}
	a.UpdatedAt = a.CreatedAt
	if err := refusedAccount(c.cfg.Store.OpenAccount(ctx, a, fit), a); err != nil {
		return Account{}, err
	}
	c.cfg.Engine.AccountChanged(a.Team, a.ID)
	return accountOf(a), nil
}

// check validates a new account and completes its settings.
func (c *Control) check(ctx context.Context, g access.Grant, n NewAccount) (*store.Account, error) {
	var wrong problems
	a := &store.Account{Team: g.Team, Transport: n.Transport, Credential: n.Credential, Address: wrong.mailbox(n.Address), Senders: wrong.senders(n.Senders)}
	kind, ok := c.kinds[n.Transport]
	own, err := c.byCredential(ctx, g.Team, n.Transport, n.Credential)
	if err != nil {
		return nil, err
	}
	if ok {
		var fields []provider.FieldError
		a.Config, fields = kind.Validate(withSettings(n.Config, own))
		wrong.addAll(n.Transport, fields)
	} else {
		wrong.add("transport", "not a transport: one of %s", strings.Join(c.Transports(), ", "))
	}
	if err := c.checkCredential(ctx, g, n, kind, &wrong); err != nil {
		return nil, err
	}
	if err := c.checkTwin(ctx, g, a, &wrong); err != nil {
		return nil, err
	}
	if err := c.checkPlace(ctx, a, &wrong); err != nil {
		return nil, err
	}
	return a, wrong.err()
}

// refusedAccount says what the store found wrong at the last moment in the words of
// the checks before it.
func refusedAccount(err error, a *store.Account) error {
	var wrong problems
	if invalid, ok := errors.AsType[*Invalid](err); ok {
		return invalid
	}
	switch {
	case errors.Is(err, store.ErrNoCredential):
		wrong.add("credential", noCredential)
	case errors.Is(err, store.ErrExists):
		wrong.add("address", "is connected by %s already", a.Transport)
	default:
		return err
	}
	return wrong.err()
}

const noCredential = "there is no such credential: make one by POST /v1/credentials"

// Transports lists the names of the kinds of providers.
func (c *Control) Transports() []string {
	var names []string
	for _, k := range c.cfg.Kinds {
		names = append(names, k.Name)
	}
	return names
}

// mailbox reads the address of an account.
func (ps *problems) mailbox(s string) string {
	if me(s) {
		ps.add("address", "%s", meSentence)
		return ""
	}
	return ps.address("address", s)
}

// address reads a bare address.
func (ps *problems) address(field, s string) string {
	a, err := email.ParseAddress(s)
	switch {
	case s == "":
		ps.add(field, "is missing")
	case err != nil:
		ps.add(field, "%v", err)
	case a.Name != "":
		ps.add(field, "must be an address alone, without a name")
	}
	return a.Addr()
}

// senders brings further senders into the form in which they are compared.
func (ps *problems) senders(list []string) []string {
	if len(list) > maxSenders {
		ps.add("senders", "%d of them: at most %d", len(list), maxSenders)
		return nil
	}
	out := make([]string, 0, len(list))
	for i, s := range list {
		field := fmt.Sprintf("senders[%d]", i)
		domain, whole := strings.CutPrefix(s, "@")
		if !whole {
			out = append(out, ps.address(field, s))
			continue
		}
		a, err := email.NewAddress("", "x@"+domain)
		if err != nil {
			ps.add(field, "%v", err)
		}
		out = append(out, "@"+a.Domain)
	}
	return out
}

// checkCredential makes sure that the credential is there and fits the transport.
func (c *Control) checkCredential(ctx context.Context, g access.Grant, n NewAccount, kind provider.Kind, wrong *problems) error {
	if n.Credential == "" {
		if kind.Name != "" && !slices.Contains(kind.Credentials, "") {
			wrong.add("credential", "is missing: the id of one made by POST /v1/credentials")
		}
		return nil
	}
	row, err := c.credential(ctx, g, n.Credential)
	switch {
	case errors.Is(err, store.ErrNotFound):
		wrong.add("credential", noCredential)
	case err != nil:
		return err
	case kind.Name != "" && !slices.Contains(kind.Credentials, row.Kind):
		wrong.add("credential", "is of the kind %s; the transport %s takes a %s", row.Kind, kind.Name, strings.Join(named(kind.Credentials), " or a "))
	case kind.Name != "" && notByItself(row) != "":
		wrong.add("credential", "%s", notByItself(row))
	case isUser(row.Kind) && !opens(row, n):
		wrong.add("credential", "opens the mailbox %s, not %s", publicOf(row.Public, "email"), n.Address)
	}
	return nil
}

// opens tells whether a user's consent is for the mailbox of an account: the user's own,
// or one of Exchange that the account's settings say is shared with them.
func opens(row store.Credential, n NewAccount) bool {
	return store.SameMailbox(publicOf(row.Public, "email"), n.Address) ||
		row.Kind == KindMicrosoftUser && store.SameMailbox(mailboxOf(n.Config), n.Address)
}

// named leaves out the empty kind, which says that none is needed.
func named(kinds []string) []string {
	return slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "" })
}

// checkTwin refuses a second account for the same address and transport, which
// is a request sent twice rather than a wish.
func (c *Control) checkTwin(ctx context.Context, g access.Grant, a *store.Account, wrong *problems) error {
	all, err := c.cfg.Store.OfMailbox(ctx, g.Team, a.Address)
	if err != nil {
		return err
	}
	for _, b := range all {
		if a.Transport == b.Transport {
			wrong.add("address", "is connected by %s already, as %s", a.Transport, b.ID)
		}
	}
	return nil
}

// Accounts lists the team's accounts, oldest first.
func (c *Control) Accounts(ctx context.Context, g access.Grant) ([]Account, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.Accounts(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Account, len(rows))
	for i, r := range rows {
		out[i] = accountOf(r)
	}
	return out, nil
}

// Account returns one account, or ErrNotFound.
func (c *Control) Account(ctx context.Context, g access.Grant, id email.ID) (Account, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Account{}, err
	}
	return c.account(ctx, g, id)
}

func (c *Control) account(ctx context.Context, g access.Grant, id email.ID) (Account, error) {
	if err := known(email.PrefixAccount, id); err != nil {
		return Account{}, err
	}
	a, err := c.cfg.Store.Account(ctx, g.Team, id)
	if err != nil {
		return Account{}, err
	}
	return accountOf(a), nil
}

// ReleaseAccount lets a held or parked account send again at once, with its
// credential tried afresh, and forgets what refusals have taught about its limits. It
// is not an error when it was neither.
func (c *Control) ReleaseAccount(ctx context.Context, g access.Grant, id email.ID) (Account, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Account{}, err
	}
	a, err := c.account(ctx, g, id)
	if err != nil {
		return Account{}, err
	}
	c.cfg.Vault.ForgetFor(a.Credential, a.Address)
	if err := c.cfg.Engine.ForgetLearned(ctx, g.Team, id); err != nil {
		return Account{}, err
	}
	if err := c.release(ctx, g, id); err != nil {
		return Account{}, err
	}
	c.cfg.Engine.AccountChanged(g.Team, id)
	return c.account(ctx, g, id)
}

func (c *Control) release(ctx context.Context, g access.Grant, id email.ID) error {
	e, err := c.event(email.EventAccountReleased)
	if err != nil {
		return err
	}
	return c.cfg.Store.ReleaseAccount(ctx, g.Team, id, e)
}
