package control

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/entra"
)

// SetupQuery asks what has to be done at a provider.
type SetupQuery struct {
	Kind       string   // workspace, gmail, microsoft, microsoft_user or relay
	Credential email.ID // one that is there already; empty: from the beginning
	Transport  string   // of the provider's two; empty: its API
	Purposes   []string // send, look, draft, read, modify, smtp; empty: what the transport needs
	Address    string   // microsoft: the mailbox, for the lines to paste; may be empty
	Redirect   string   // gmail: where consent ends when not at gatepost itself
	// Source is for workspace without a key: external_account or metadata, as
	// oauth.KeylessFields has it. Empty: with a key, or as the credential says.
	Source string
}

// Setup is what has to be done at a provider, with the values to paste.
type Setup struct{ Steps []SetupStep }

// SetupStep is one thing to do.
type SetupStep struct {
	Title  string
	Text   string
	URL    string // the page where it is done
	Values []SetupValue
	// Commands are lines to paste into a shell, or where Text says.
	Commands []string
}

// SetupValue is a value to paste.
type SetupValue struct{ Name, Value string }

// The kinds of set-up.
const (
	SetupWorkspace = "workspace"
	SetupGmail     = "gmail"
	SetupRelay     = "relay"
	// SetupMicrosoft is an app that acts by itself, SetupMicrosoftUser one that asks
	// users for consent.
	SetupMicrosoft     = "microsoft"
	SetupMicrosoftUser = "microsoft_user"
)

// setupKinds is the list of them, in words.
const setupKinds = "workspace, gmail, microsoft, microsoft_user or relay"

// Google's pages, read November 2026.
const (
	pageEnableAPI  = "https://console.cloud.google.com/apis/library/gmail.googleapis.com"
	pageAccounts   = "https://console.cloud.google.com/iam-admin/serviceaccounts"
	pageDelegation = "https://admin.google.com/ac/owl/domainwidedelegation"
	pageAudience   = "https://console.cloud.google.com/auth/audience"
	pageScopes     = "https://console.cloud.google.com/auth/scopes"
	pageClients    = "https://console.cloud.google.com/auth/clients"
	pageRouting    = "https://admin.google.com/ac/apps/gmail/routing"
)

// SetupSteps tells what has to be done at a provider, with the values to paste.
func (c *Control) SetupSteps(ctx context.Context, g access.Grant, q SetupQuery) (Setup, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Setup{}, err
	}
	var wrong problems
	s := setup{query: q, public: c.publicURL()}
	transport := setupTransport(q.Kind)
	if q.Transport != "" && q.Kind != SetupRelay {
		transport = q.Transport
		if v := vendorOf(setupTransport(q.Kind)); c.consents(transport, &wrong) && vendorOf(transport) != v {
			wrong.add("transport", "is not for this set-up: %s or %s", v.api(), v.smtp())
		}
	}
	s.purposes = wrong.purposes(q.Purposes, transport)
	s.scopes = vendorOf(transport).scopes(s.purposes)
	if q.Address != "" {
		s.query.Address = wrong.mailbox(q.Address)
	}
	wrong.keylessSource(&s)
	if err := c.setupCredential(ctx, g, &s, &wrong); err != nil {
		return Setup{}, err
	}
	var steps []SetupStep
	switch q.Kind {
	case SetupWorkspace:
		steps = s.workspace()
	case SetupGmail:
		steps = s.gmail(&wrong)
	case SetupMicrosoft:
		steps = s.microsoft()
	case SetupMicrosoftUser:
		steps = s.microsoftUser()
	case SetupRelay:
		steps = s.relay()
	case "":
		wrong.add("kind", "is missing: %s", setupKinds)
	default:
		wrong.add("kind", "not a kind of set-up: %s", setupKinds)
	}
	return Setup{Steps: steps}, wrong.err()
}

// setupTransport is what a kind of set-up is for when nobody says.
func setupTransport(kind string) string {
	if kind == SetupMicrosoft || kind == SetupMicrosoftUser {
		return transportMicrosoft
	}
	return transportGmail
}

// setup is a set-up being written.
type setup struct {
	query    SetupQuery
	public   string // gatepost's own address
	purposes []oauth.Purpose
	scopes   []string

	account string        // client id of the service account that is there
	keyless keylessSetup  // of a service account without a key
	client  *oauth.Client // the OAuth client that is there

	app       *entra.App // the app registration that is there
	principal string     // its Object ID in the tenant, where Microsoft tells it
}

// setupCredential reads what is there already.
func (c *Control) setupCredential(ctx context.Context, g access.Grant, s *setup, wrong *problems) error {
	kinds := map[string][]string{
		SetupWorkspace: {KindServiceAccount, KindKeyless}, SetupGmail: {KindOAuthClient}, SetupMicrosoft: {KindMicrosoftApp}, SetupMicrosoftUser: {KindMicrosoftApp},
	}
	if s.query.Credential == "" {
		return nil
	}
	row, err := c.credential(ctx, g, s.query.Credential)
	if err != nil {
		return err
	}
	if !slices.Contains(kinds[s.query.Kind], row.Kind) {
		wrong.add("credential", "is of the kind %s, which this set-up does not use", row.Kind)
		return nil
	}
	if row.Kind == KindOAuthClient {
		s.client, err = c.client(ctx, g.Team, row.ID)
		return err
	}
	if row.Kind == KindMicrosoftApp {
		return c.microsoftSetup(ctx, g, s)
	}
	s.account = publicOf(row.Public, "client_id")
	if row.Kind == KindKeyless {
		return c.readKeyless(ctx, g, s)
	}
	return nil
}

func (s *setup) scopeValue() SetupValue {
	return SetupValue{"OAuth scopes", strings.Join(s.scopes, ",")}
}

var enableAPI = SetupStep{
	Title: "Switch on the Gmail API",
	Text:  "Choose or make a project in Google Cloud, then press Enable.",
	URL:   pageEnableAPI,
}

// workspace: a service account that acts for users (facts of
// developers.google.com/identity/protocols/oauth2/service-account).
func (s *setup) workspace() []SetupStep {
	id := s.account
	if id == "" {
		id = "the number under “OAuth 2 Client ID” (Unique ID) of the service account"
	}
	delegate := SetupStep{
		Title: "Let the service account act for your users",
		Text: "A super administrator presses Add new and pastes these two values. Every one of these scopes must be on the list; where the client id " +
			"has an entry already, add what is missing there, and what is on its list stays. It works after some minutes, at most 24 hours.",
		URL: pageDelegation, Values: []SetupValue{{"Client ID", id}, s.scopeValue()},
	}
	mailbox := SetupStep{
		Title: "Choose the mailbox",
		Text:  "It is the primary address of a licensed user of your Workspace. An alias, a group or an address at gmail.com cannot be acted for.",
	}
	if s.keyless.source != "" {
		steps := s.keyless.steps()
		if s.account != "" {
			steps = steps[:len(steps)-1] // the number is known
		}
		return append(steps, delegate, mailbox)
	}
	if s.account != "" {
		return []SetupStep{delegate, mailbox}
	}
	return []SetupStep{
		enableAPI,
		{
			Title: "Make a service account and its key",
			Text: "Press Create service account; it needs no role. Open it, then Keys, Add key, Create new key, JSON: a file is downloaded, once. " +
				"If keys are forbidden (iam.disableServiceAccountKeyCreation), gatepost can do without one where it has an identity of its own (--keyless, --metadata); " +
				"else an administrator of the organisation has to make an exception for the project.",
			URL: pageAccounts,
		},
		{Title: "Give gatepost the file", Text: "It is checked and sealed, and never shown again. Then delete your copy."},
		delegate, mailbox,
	}
}

// gmail: an OAuth client and what users are asked
// (developers.google.com/identity/protocols/oauth2/web-server, …/native-app).
func (s *setup) gmail(wrong *problems) []SetupStep {
	redirect, kind := s.redirect(wrong)
	audience := SetupStep{
		Title: "Say who may use the app",
		Text: "For mailboxes of your own Workspace choose Internal: there is nothing to verify. For others choose External, and Publish app: " +
			"while it is in Testing, every consent ends after 7 days.",
		URL: pageAudience,
	}
	ask := SetupStep{
		Title: "Say what the app asks for", Text: "Press Add or remove scopes and paste the list under “Manually add scopes”.",
		URL: pageScopes, Values: []SetupValue{s.scopeValue()},
	}
	if s.client != nil {
		return append([]SetupStep{ask}, s.register(redirect, wrong)...)
	}
	make := SetupStep{
		Title: "Make an OAuth client",
		Text:  "Press Create client, choose the type below, then download its JSON file: the secret in it is shown once.",
		URL:   pageClients + "/create", Values: []SetupValue{{"Application type", kind}},
	}
	if kind == kindWeb {
		make.Values = append(make.Values, SetupValue{"Authorized redirect URI", redirect})
	}
	return []SetupStep{
		enableAPI, audience, ask, make,
		{Title: "Give gatepost the file", Text: "It is checked and sealed, and never shown again. Then delete your copy."},
	}
}

// The types of OAuth clients as Google's page calls them.
const (
	kindWeb     = "Web application"
	kindDesktop = "Desktop app"
)

// redirect is where consent ends, and the type of client for that. A loopback
// address needs no registration with a desktop client.
func (s *setup) redirect(wrong *problems) (uri, kind string) {
	uri = s.query.Redirect
	if uri == "" && s.public != "" {
		return s.public + callbackPath, kindWeb
	}
	if uri == "" {
		return "http://127.0.0.1/", kindDesktop
	}
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" {
		wrong.add("redirect", "is not an address such as https://mail.example.com/connect/callback")
		return uri, kindWeb
	}
	if u.Scheme == "http" && onThisMachine(u.Hostname()) {
		return uri, kindDesktop
	}
	return uri, kindWeb
}

// register is what is missing at the client that is there.
func (s *setup) register(redirect string, wrong *problems) []SetupStep {
	if len(*wrong) > 0 || oauth.CheckRedirectURI(s.client, redirect) == nil && len(s.client.Redirects()) > 0 {
		return nil
	}
	step := SetupStep{
		Title: "Let consent come back to gatepost",
		Text:  "Open the client, add this address under Authorized redirect URIs, letter by letter, and save.",
		URL:   pageClients, Values: []SetupValue{{"Client ID", s.client.ID()}, {"Authorized redirect URI", redirect}},
	}
	if s.client.Kind() == oauth.ClientInstalled {
		step.Title, step.Text = "Make a client for the web", "This client is a Desktop app, which cannot send a browser back to "+redirect+
			". Press Create client, choose Web application, and download its file."
		step.Values[0] = SetupValue{"Application type", kindWeb}
	}
	return []SetupStep{step}
}

// relay: smtp-relay.gmail.com for a Workspace, or any relay
// (support.google.com/a/answer/2956491).
func (s *setup) relay() []SetupStep {
	return []SetupStep{
		{
			Title: "Workspace: allow this machine to relay",
			Text: "Under SMTP relay service press Configure. Allowed senders: only registered Apps users. Authentication: only accept mail from " +
				"the specified IP addresses, and add the public address of the machine that gatepost runs on. Encryption: require TLS.",
			URL:    pageRouting,
			Values: []SetupValue{{"Host", "smtp-relay.gmail.com"}, {"Port", "587"}, {"TLS", "starttls"}, {"Preset", "gmail_relay"}},
		},
		{
			Title: "Another relay: have its values at hand",
			Text:  "Host, port and kind of TLS; the name and password to sign in with, if it asks for them; and which sender addresses it accepts.",
		},
	}
}
