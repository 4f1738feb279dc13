package sandbox

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Who may sign in to an app: signInAudience of its manifest.
const (
	AudienceOrg      = "AzureADMyOrg"
	AudienceOrgs     = "AzureADMultipleOrgs"
	AudienceAll      = "AzureADandPersonalMicrosoftAccount"
	AudiencePersonal = "PersonalMicrosoftAccount"
)

// AppOptions say what app to register.
type AppOptions struct {
	Name string `json:"name"`
	// Tenant is the home, by id or domain: MicrosoftDomain where it is empty.
	Tenant string `json:"tenant"`
	// Audience is one of the four above: AudienceOrg where it is empty.
	Audience string `json:"audience"`
	// RedirectURIs are those of the platform Web, which are matched exactly;
	// PublicRedirects those of Mobile and desktop applications, where any port of
	// localhost will do; SPARedirects those of single-page apps, whose refresh tokens
	// live a day.
	RedirectURIs    []string `json:"redirect_uris"`
	PublicRedirects []string `json:"public_redirects"`
	SPARedirects    []string `json:"spa_redirects"`
	// Public is Allow public client flows, which the device code needs.
	Public bool `json:"public"`
	// NoSecret makes none; SecretExpires is its end: two years from now where it is
	// zero.
	NoSecret      bool      `json:"no_secret"`
	SecretExpires time.Time `json:"secret_expires"`
	// Certificates are in PEM.
	Certificates []string `json:"certificates"`
	// Roles are application permissions: Mail.Send and its like are Graph's,
	// SMTP.SendAsApp is Exchange's. Scopes are delegated ones, for all users.
	Roles  []string `json:"roles"`
	Scopes []string `json:"scopes"`
	// Pending leaves both without the administrator's consent.
	Pending bool `json:"pending"`
	// AdminOnly means that users cannot consent by themselves (AADSTS90094).
	AdminOnly bool `json:"admin_only"`
	// Disabled apps get no token (AADSTS7000112).
	Disabled bool `json:"disabled"`
}

// App is a registered app as its owner sees it.
type App struct {
	ClientID string `json:"client_id"`
	TenantID string `json:"tenant_id"`
	// ObjectID is of the app registration. It is the wrong one for Exchange.
	ObjectID string `json:"object_id"`
	// PrincipalID is the object id of the enterprise application in the home tenant,
	// for New-ServicePrincipal -ObjectId.
	PrincipalID string `json:"principal_id"`
	// Secret is the value of the client secret and SecretID its id.
	Secret   string `json:"secret"`
	SecretID string `json:"secret_id"`
}

// entraApp is an app registration.
type entraApp struct {
	AppOptions
	App
	home         *tenant
	certificates []*x509.Certificate
}

// principal is the enterprise application of an app in one tenant, with what the
// administrator has agreed to.
type principal struct {
	id     string
	roles  []permission
	scopes []permission
}

func (o AppOptions) check() error {
	if !slices.Contains([]string{AudienceOrg, AudienceOrgs, AudienceAll, AudiencePersonal}, o.Audience) {
		return fmt.Errorf("audience %q is none of signInAudience", o.Audience)
	}
	for _, uri := range slices.Concat(o.RedirectURIs, o.PublicRedirects, o.SPARedirects) {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Fragment != "" {
			return fmt.Errorf("redirect URI %q must be absolute and without fragment", uri)
		}
	}
	return nil
}

// AddApp registers an app.
func (w *World) AddApp(o AppOptions) (App, error) { return w.microsoft.addApp(o) }

func (m *microsoft) addApp(o AppOptions) (App, error) {
	o = o.withDefaults(m.now())
	if err := o.check(); err != nil {
		return App{}, err
	}
	certificates, err := readCertificates(o.Certificates)
	if err != nil {
		return App{}, err
	}
	a := &entraApp{AppOptions: o, certificates: certificates}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.home = m.tenants[strings.ToLower(o.Tenant)]; a.home == nil {
		return App{}, fmt.Errorf("there is no tenant %q", o.Tenant)
	}
	a.App = App{ClientID: newGUID(), TenantID: a.home.ID, ObjectID: newGUID(), PrincipalID: newGUID()}
	if !o.NoSecret {
		a.Secret, a.SecretID = rand.Text()[:3]+"8Q~"+rand.Text()+rand.Text()[:8], newGUID()
	}
	m.apps[a.ClientID] = a
	p := &principal{id: a.PrincipalID}
	if !o.Pending {
		p.grant(a)
	}
	a.home.principals[a.ClientID] = p
	return a.App, nil
}

func (o AppOptions) withDefaults(now time.Time) AppOptions {
	if o.Name == "" {
		o.Name = "gatepost"
	}
	if o.Tenant == "" {
		o.Tenant = MicrosoftDomain
	}
	if o.Audience == "" {
		o.Audience = AudienceOrg
	}
	if o.SecretExpires.IsZero() {
		o.SecretExpires = now.AddDate(2, 0, 0)
	}
	return o
}

func readCertificates(texts []string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, text := range texts {
		cert, err := readCertificate(text)
		if err != nil {
			return nil, err
		}
		all = append(all, cert)
	}
	return all, nil
}

func readCertificate(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("the certificate is no PEM of type CERTIFICATE")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return cert, nil
}

// grant is the administrator's consent to all that the app is registered for.
func (p *principal) grant(a *entraApp) {
	for _, name := range a.Roles {
		p.roles = append(p.roles, rolePermission(name))
	}
	for _, name := range a.Scopes {
		if one, ok := scopePermission(name); ok {
			p.scopes = append(p.scopes, one)
		}
	}
}

// multi tells whether users of other tenants may sign in.
func (a *entraApp) multi() bool { return a.Audience != AudienceOrg }

// admits tells whether a user may sign in to the app at all.
func (a *entraApp) admits(u *entraUser) bool {
	switch a.Audience {
	case AudienceOrg:
		return u.tenant == a.home
	case AudienceOrgs:
		return !u.personal()
	case AudiencePersonal:
		return u.personal()
	}
	return true
}

// ChangeApp changes a registered app from now on: expired secrets, other
// permissions, disabled. What the administrator has agreed to stays.
func (w *World) ChangeApp(clientID string, change func(*AppOptions)) error {
	return w.microsoft.changeApp(clientID, change)
}

func (m *microsoft) changeApp(clientID string, change func(*AppOptions)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.apps[clientID]
	if a == nil {
		return fmt.Errorf("there is no app %q", clientID)
	}
	o := a.AppOptions
	change(&o)
	certificates, err := readCertificates(o.Certificates)
	if err := errors.Join(o.check(), err); err != nil {
		return err
	}
	a.AppOptions, a.certificates = o, certificates
	return nil
}

// DeleteApp deletes an app registration with its enterprise applications.
func (w *World) DeleteApp(clientID string) {
	m := w.microsoft
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.apps, clientID)
	for _, t := range m.tenants {
		delete(t.principals, clientID)
	}
}
