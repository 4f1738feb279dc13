package control

import (
	"context"
	"slices"
	"strings"
	"sync"

	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
	"gatepost/internal/provider"
	"gatepost/internal/store"
	"gatepost/internal/vault"
)

func splitWords(s string) []string { return strings.Fields(s) }

// tokenPlaces is where tokens for a credential are asked for.
func (c *Control) tokenPlaces(row store.Credential) []provider.Place {
	switch row.Kind {
	case KindServiceAccount, KindGoogleUser, vault.KindGoogleKeyless:
		at := c.cfg.TokenURL
		if at == "" {
			at = oauth.GoogleTokenURL
		}
		return []provider.Place{provider.PlaceOf(at, c.cfg.RootCAs)}
	case KindMicrosoftApp, KindMicrosoftUser:
		cloud, _ := entra.ParseCloud(publicOf(row.Public, "cloud"))
		return []provider.Place{provider.PlaceOf(c.cfg.Entra.Login(cloud), c.cfg.RootCAs)}
	}
	return nil
}

// look probes the servers of all patients, each once.
func (x *examination) look(ctx context.Context) {
	var all []provider.Place
	for _, p := range x.at.Patients {
		for _, place := range p.Places {
			if place.Host != "" && !slices.ContainsFunc(all, func(o provider.Place) bool { return o.Address() == place.Address() && o.TLS == place.TLS }) {
				all = append(all, place)
			}
		}
	}
	prober := monitor.Prober{Dial: x.c.cfg.Engine.Dial, Now: x.c.cfg.Now, Patience: x.c.cfg.Patience}
	sights := make([]monitor.Sight, len(all))
	var looks sync.WaitGroup
	places := make(chan struct{}, 2*patientsAtATime)
	for i, place := range all {
		looks.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			sights[i] = prober.Look(ctx, place)
		})
	}
	looks.Wait()
	x.at.Sights = sights
}

// examine tries an account live, as its check does, and reads the tokens that it got.
func (x *examination) examine(ctx context.Context, i int) {
	p, row := &x.at.Patients[i], x.rows[i]
	if p.Unable != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patientTime)
	defer cancel()
	x.c.cfg.Vault.ForgetFor(row.Credential, row.Address) // a refusal that is remembered is not live
	steps, err := x.c.cfg.Engine.Prove(ctx, x.g.Team, row.ID)
	if err != nil {
		p.Unable = err
		return
	}
	p.Steps = append(steps, x.senders(ctx, row)...)
	for _, use := range x.ways[i].Uses {
		if t, ok := x.token(ctx, p, row, use); ok {
			p.Tokens = append(p.Tokens, t)
		}
	}
}

// senders is whether the provider lets an account write as its senders, where it tells.
func (x *examination) senders(ctx context.Context, row *store.Account) []provider.Step {
	found, err := x.c.proveSenders(ctx, accountOf(row), x.g.Team, nil)
	if err != nil || len(found) == 0 {
		return nil
	}
	s := found[0]
	step := provider.Step{Name: s.Name, Detail: s.Detail, Optional: s.Optional}
	if !s.OK {
		step.Err = &provider.Error{Class: provider.Hold, Scope: provider.ScopeAccount, Cause: s.Cause, Text: s.Text, Fix: s.Fix, Reply: s.Reply}
	}
	return []provider.Step{step}
}

// token reads a token that an account uses, the one that its proof has got.
func (x *examination) token(ctx context.Context, p *monitor.Patient, row *store.Account, use provider.TokenUse) (t monitor.Token, ok bool) {
	secret, err := x.mint(ctx, row, use.Scopes)
	if err != nil {
		return t, false
	}
	switch p.Kind {
	case KindMicrosoftApp, KindMicrosoftUser:
		t = monitor.ReadToken(secret)
	case KindGoogleUser:
		info, err := oauth.Inspect(ctx, x.c.cfg.HTTP, x.c.cfg.Endpoints, secret)
		if t = monitor.ReadInfo(info); err != nil {
			t = monitor.Token{Opaque: true}
		}
	default:
		t = monitor.Token{Opaque: true} // its scopes are those that were asked for
	}
	t.For, t.Asked = use.For, use.Scopes
	return t, true
}

func (x *examination) mint(ctx context.Context, row *store.Account, scopes []string) (email.Secret, error) {
	return x.c.cfg.Vault.Token(ctx, vault.TokenRequest{Team: row.Team, Credential: row.Credential, Subject: row.Address, Scopes: scopes})
}

// share joins what the accounts of a credential need, those that are not examined too,
// and finds what a service account may do beyond it.
func (x *examination) share(ctx context.Context, rows []*store.Account) error {
	credentials, err := x.c.cfg.Store.Credentials(ctx, x.g.Team)
	if err != nil {
		return err
	}
	consents, needs := map[email.ID]string{}, map[string][]string{}
	byID := map[email.ID]store.Credential{}
	for _, c := range credentials {
		consents[c.ID], byID[c.ID] = consentOf(c), c
	}
	for _, row := range rows {
		ways, _ := x.c.cfg.Engine.Ways(ctx, x.g.Team, row.ID) // one that cannot be opened needs nothing
		for _, use := range ways.Uses {
			by := consents[row.Credential]
			needs[by] = append(needs[by], use.For)
			if use.For != string(oauth.PurposeSMTP) && sharedFor(byID[row.Credential], mailboxOf(row.Config)) != "" {
				needs[by] = append(needs[by], string(entra.PurposeShared)) // SMTP alone knows no such permission
			}
		}
	}
	for i := range x.at.Patients {
		p := &x.at.Patients[i]
		p.Needs = inOrder(needs[consents[p.Credential]])
	}
	return nil
}

// consentOf is what the accounts of a credential have their permissions by. Those of a
// user of Microsoft's are of the user and the app: each further consent adds to them, and
// every token has all (learn.microsoft.com/entra/identity-platform/consent-types-developer).
func consentOf(c store.Credential) string {
	if c.Kind != KindMicrosoftUser {
		return c.ID
	}
	return strings.Join([]string{publicOf(c.Public, "client_id"), publicOf(c.Public, "tenant"), publicOf(c.Public, "subject")}, " ")
}

// inOrder are purposes, each once, in the order in which they are always told.
func inOrder(needs []string) (out []string) {
	for _, p := range entra.Purposes() {
		if slices.Contains(needs, string(p)) {
			out = append(out, string(p))
		}
	}
	return out
}

// sharedFor is the mailbox of an account, where its credential is the consent of somebody
// else; empty: it is the user's own.
func sharedFor(c store.Credential, mailbox string) string {
	if c.Kind != KindMicrosoftUser || mailbox == "" || store.SameMailbox(mailbox, publicOf(c.Public, "email")) {
		return ""
	}
	return mailbox
}

// beyond tries which wider scopes a service account may use. A delegation names scopes
// one by one (support.google.com/a/answer/162106), so each is asked for alone.
func (x *examination) beyond(ctx context.Context) {
	seen := map[email.ID]bool{}
	for i := range x.at.Patients {
		p, row := &x.at.Patients[i], x.rows[i]
		if p.Kind != KindServiceAccount && p.Kind != vault.KindGoogleKeyless || seen[p.Credential] || !wellUntilNow(p) {
			continue
		}
		seen[p.Credential] = true
		for _, purpose := range oauth.Purposes() {
			if slices.Contains(p.Needs, string(purpose)) {
				continue
			}
			if _, err := x.mint(ctx, row, []string{purpose.Scope()}); err == nil {
				p.Extra = append(p.Extra, purpose.Scope())
			}
		}
	}
}

func wellUntilNow(p *monitor.Patient) bool {
	return p.Unable == nil && !slices.ContainsFunc(p.Steps, func(s provider.Step) bool { return s.Err != nil && !s.Optional })
}

// proven tells of each patient whether another mailbox opens to the same credential at
// the same kind of server.
func (x *examination) proven() {
	for i := range x.at.Patients {
		p := &x.at.Patients[i]
		p.Proven = slices.ContainsFunc(x.at.Patients, func(o monitor.Patient) bool {
			return o.ID != p.ID && o.Credential == p.Credential && o.Transport == p.Transport && wellUntilNow(&o)
		})
	}
}
