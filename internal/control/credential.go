package control

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/store"
)

// Credential is what may be shown of a credential; the secret never is.
type Credential struct {
	ID        email.ID
	Kind      string
	Name      string
	Public    json.RawMessage // an object: what tells the secret from others
	CreatedAt time.Time
	UpdatedAt time.Time
}

func credentialOf(r store.Credential) Credential {
	return Credential{ID: r.ID, Kind: r.Kind, Name: r.Name, Public: r.Public, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// NewCredential is a secret that is handed over.
type NewCredential struct {
	Kind string // one of CredentialKinds
	Name string
	// Key is Google's file for a service account or an OAuth client, as an object or
	// as a string that holds it; for an app registration of Entra ID the private key of
	// its certificate, PEM in a string.
	Key json.RawMessage
	// Source and ServiceAccount are of a service account without a key, whose file of
	// workload identity federation is Key: see oauth.KeylessFields. Its unique ID is
	// ClientID.
	Source, ServiceAccount string
	// ClientID and ClientSecret are an OAuth client in place of its file, or an app
	// registration.
	ClientID     string
	ClientSecret email.Secret
	// Tenant, Cloud, Certificate and SecretExpires are of an app registration: see
	// entra.AppFields. SecretExpires is when the client secret ends, a date.
	Tenant, Cloud string
	Certificate   email.Secret
	SecretExpires string
	// Testing says of an OAuth client of Google's that its app's publishing status is
	// Testing: consents to it end after seven days.
	Testing  bool
	Password email.Secret
	// OnlyCheck tells what is wrong, as *Invalid, and changes nothing: for a door
	// that knows already that the request cannot be taken.
	OnlyCheck bool
}

// CreateCredential seals a secret in the vault. It is never shown again. A key or
// client that Google says it does not know is *Invalid.
func (c *Control) CreateCredential(ctx context.Context, g access.Grant, n NewCredential) (Credential, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Credential{}, err
	}
	var wrong problems
	wrong.name(n.Name)
	s := c.secret(n, &wrong)
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return Credential{}, err
	}
	if err := c.recognised(ctx, n, s); err != nil {
		return Credential{}, err
	}
	id, now, err := c.newID(email.PrefixCredential)
	if err != nil {
		return Credential{}, err
	}
	row := store.Credential{Team: g.Team, ID: id, Kind: n.Kind, Name: n.Name, Public: s.public, CreatedAt: now, UpdatedAt: now}
	if row.Sealed, err = c.cfg.Vault.SealSecret(ctx, g.Team, id, s.value); err != nil {
		return Credential{}, fmt.Errorf("seal credential %s: %w", id, err)
	}
	if err := c.cfg.Store.AddCredential(ctx, row); err != nil {
		return Credential{}, err
	}
	return credentialOf(row), nil
}

// ReplaceCredential puts a new secret of the same kind in a credential's place.
// An empty name or kind stays what it was, and a key or client that Google does not
// know leaves the old one in force. Accounts that use the credential and
// were held are released: should the new secret be refused too, they are held
// again and no mail is lost.
func (c *Control) ReplaceCredential(ctx context.Context, g access.Grant, id email.ID, n NewCredential) (Credential, error) {
	if err := may(g, access.ScopeAccountsWrite); err != nil {
		return Credential{}, err
	}
	row, err := c.credential(ctx, g, id)
	if err != nil {
		return Credential{}, err
	}
	if err := c.replace(ctx, &row, n); err != nil || n.OnlyCheck {
		return Credential{}, err
	}
	c.cfg.Vault.Forget(id)
	return credentialOf(row), c.releaseUsers(ctx, g, id)
}

func (c *Control) replace(ctx context.Context, row *store.Credential, n NewCredential) error {
	var wrong problems
	if n.Name == "" {
		n.Name = row.Name
	}
	wrong.name(n.Name)
	if n.Kind != "" && n.Kind != row.Kind {
		wrong.add("kind", "cannot be changed: this credential is of the kind %s; make a new one", row.Kind)
	}
	n.Kind = row.Kind
	n, err := c.sameSecret(ctx, row, c.sameAccount(n.sameApp(row.Public), row.Public))
	if err != nil {
		return err
	}
	s := c.secret(n, &wrong)
	if err := c.checkSameClient(ctx, row, s, &wrong); err != nil {
		return err
	}
	if err := c.checkStillByItself(ctx, row, s, &wrong); err != nil {
		return err
	}
	if err := c.checkSameCloud(ctx, row, s, &wrong); err != nil {
		return err
	}
	if err := wrong.err(); err != nil || n.OnlyCheck {
		return err
	}
	seen, public := row.UpdatedAt, row.Public
	if err := c.recognised(ctx, n, s); err != nil {
		return err
	}
	sealed, err := c.cfg.Vault.SealSecret(ctx, row.Team, row.ID, s.value)
	if err != nil {
		return fmt.Errorf("seal credential %s: %w", row.ID, err)
	}
	row.Name, row.Sealed, row.UpdatedAt = n.Name, sealed, laterThan(row.UpdatedAt, c.cfg.Now())
	if row.Kind == KindPassword { // it stays good for the place where it is used alone
		return c.cfg.Store.ReplaceSecret(ctx, *row)
	}
	row.Public = s.public
	return c.swap(ctx, *row, seen, public)
}

// sameApp fills in which app registration it is that gets a new secret, where that is
// not said.
func (n NewCredential) sameApp(public json.RawMessage) NewCredential {
	if n.Kind != KindMicrosoftApp {
		return n
	}
	n.Tenant = cmp.Or(n.Tenant, publicOf(public, "tenant"))
	n.ClientID = cmp.Or(n.ClientID, publicOf(public, "client_id"))
	n.Cloud = cmp.Or(n.Cloud, publicOf(public, "cloud"))
	return n
}

// swap keeps what replaces a credential, unless its client has got users meanwhile
// and this is another one. Who was overtaken is told to come again.
func (c *Control) swap(ctx context.Context, row store.Credential, seen time.Time, before json.RawMessage) error {
	var uses func(store.Credential) bool
	if isClient(row.Kind) && publicOf(row.Public, "client_id") != publicOf(before, "client_id") {
		uses = ofClient(row.ID)
	}
	err := c.cfg.Store.SwapCredential(ctx, row, seen, uses)
	var wrong problems
	if use, ok := errors.AsType[*store.InUse](err); ok {
		wrong.otherClient(len(use.Users), publicOf(before, "client_id"))
		return wrong.err()
	}
	if errors.Is(err, store.ErrChanged) {
		return fmt.Errorf("credential %s: %w: %w", row.ID, err, store.ErrBusy)
	}
	return err
}

func (ps *problems) otherClient(users int, client string) {
	ps.add("client_id", "is another client's, and %d mailboxes are connected by %s: give that client's new secret, or make a new credential and connect them again", users, client)
}

// checkSameClient refuses another OAuth client in the place of one that users
// consented to: their refresh tokens are good with theirs alone.
func (c *Control) checkSameClient(ctx context.Context, row *store.Credential, s secret, wrong *problems) error {
	if !isClient(row.Kind) || s.public == nil || publicOf(s.public, "client_id") == publicOf(row.Public, "client_id") {
		return nil
	}
	users, err := c.usersOf(ctx, row.Team, row.ID)
	if err != nil || len(users) == 0 {
		return err
	}
	wrong.otherClient(len(users), publicOf(row.Public, "client_id"))
	return nil
}

// usersOf lists the users' credentials that an OAuth client gave.
func (c *Control) usersOf(ctx context.Context, team, client email.ID) ([]email.ID, error) {
	all, err := c.cfg.Store.Credentials(ctx, team)
	var out []email.ID
	for _, r := range all {
		if ofClient(client)(r) {
			out = append(out, r.ID)
		}
	}
	return out, err
}

func ofClient(client email.ID) func(store.Credential) bool {
	return func(r store.Credential) bool {
		return isUser(r.Kind) && publicOf(r.Public, "client") == client
	}
}

// publicOf reads one value of what may be shown of a credential.
func publicOf(public json.RawMessage, name string) string {
	var all map[string]string
	_ = json.Unmarshal(public, &all) // ours; what cannot be read is empty
	return all[name]
}

// releaseUsers releases the held accounts of a credential, and of the users of an
// OAuth client, and makes the engine read all of them again. Parked ones stay
// parked: a quota knows no new secret.
func (c *Control) releaseUsers(ctx context.Context, g access.Grant, credential email.ID) error {
	users, err := c.usersOf(ctx, g.Team, credential)
	if err != nil {
		return err
	}
	for _, u := range users {
		c.cfg.Vault.Forget(u)
	}
	all, err := c.cfg.Store.Accounts(ctx, g.Team)
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.Credential != credential && !slices.Contains(users, a.Credential) {
			continue
		}
		if a.Held {
			if err := c.release(ctx, g, a.ID); err != nil {
				return err
			}
		}
		c.cfg.Engine.AccountChanged(g.Team, a.ID)
	}
	return nil
}

// Credentials lists the team's credentials, oldest first.
func (c *Control) Credentials(ctx context.Context, g access.Grant) ([]Credential, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return nil, err
	}
	rows, err := c.cfg.Store.Credentials(ctx, g.Team)
	if err != nil {
		return nil, err
	}
	out := make([]Credential, len(rows))
	for i, r := range rows {
		out[i] = credentialOf(r)
	}
	return out, nil
}

func (c *Control) credential(ctx context.Context, g access.Grant, id email.ID) (store.Credential, error) {
	if err := known(email.PrefixCredential, id); err != nil {
		return store.Credential{}, err
	}
	return c.cfg.Store.Credential(ctx, g.Team, id)
}
