package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// longestLife bounds what an answer says of a token's life: continuous access
// evaluation gives tokens for up to 28 hours.
const longestLife = 24 * time.Hour

// question is one request to the token endpoint. The requests are our own rather than
// x/oauth2's, whose refresh names no scope: here the scope says for which resource the
// token is.
type question struct {
	app      *App
	at       Endpoints
	tenant   string // empty: the app's
	form     url.Values
	public   bool // asked as a public client, whatever the app has
	scopes   []string
	subject  string // the mailbox, for the words of errors
	redirect string // for the words of errors
}

// answer is the JSON of the token endpoint, of either kind
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow).
type answer struct {
	AccessToken  string      `json:"access_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    json.Number `json:"expires_in"`
	RefreshToken string      `json:"refresh_token"`
	IDToken      string      `json:"id_token"`
	Scope        string      `json:"scope"`

	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Suberror      string `json:"suberror"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
}

// ask makes one request. Every error is a *provider.Error; beside one of the endpoint's
// own stands what it said.
func (q question) ask(ctx context.Context, client *http.Client, now time.Time) (answer, error) {
	to := q.at.Token(q.app.cloud, q.tenantOrOwn())
	q.form.Set("client_id", q.app.id)
	if !q.public {
		if err := q.app.prove(q.form, to, now); err != nil {
			return answer{}, err
		}
	}
	resp, body, err := endpoint.Post(ctx, client, to, q.form)
	if err != nil {
		return answer{}, err
	}
	var a answer
	parsed := json.Unmarshal(body, &a) == nil
	if resp.StatusCode == http.StatusOK && parsed && a.AccessToken != "" && endpoint.Bearer(a.TokenType) {
		return a, nil
	}
	return answer{Error: a.Error}, q.refusal(resp, body, a, parsed, now)
}

func (q question) tenantOrOwn() string {
	if q.tenant != "" {
		return q.tenant
	}
	return q.app.tenant
}

// refusal gives an answer other than yes its class. The body of a yes is never put
// into an error: it may hold a token.
func (q question) refusal(resp *http.Response, body []byte, a answer, parsed bool, now time.Time) error {
	said := provider.Answer{
		Stage: provider.StageToken, Code: resp.StatusCode, RetryAfter: resp.Header.Get("Retry-After"), About: q.about(),
	}
	said.About.ClockOffset = endpoint.ClockOffset(resp, now)
	switch {
	case resp.StatusCode == http.StatusOK:
		said.Text = "(an answer without a usable token)"
	case parsed && a.Error != "":
		said.Reason, said.Text = a.Error, a.words()
	default:
		said.Code, said.Text = endpoint.Strange(resp.StatusCode), resp.Status+" "+string(body)
	}
	e := provider.Classify(said, now)
	e.Reply = a.traced(e.Reply)
	return e
}

func (q question) about() provider.About {
	return provider.About{
		Vendor: provider.VendorMicrosoft, Tenant: q.tenantOrOwn(), Login: q.at.Login(q.app.cloud), RedirectURI: q.redirect,
		ClientID: q.app.id, Credential: q.app.stored, KeyID: q.app.Thumbprint(), Scopes: q.scopes, Subject: q.subject,
	}
}

// words is the description without what is of this one request: its ids and its time,
// which Microsoft puts at the end. The AADSTS number is its beginning.
func (a answer) words() string {
	text, _, _ := strings.Cut(strings.ReplaceAll(a.Description, "\r\n", " "), "Trace ID:")
	text = strings.TrimSpace(text)
	if a.Suberror != "" {
		text = strings.TrimSpace(text + " (" + a.Suberror + ")")
	}
	return text
}

// maxReply is as much as a reply may have (provider.Error).
const maxReply = 512

// traced adds the ids that Microsoft's support asks for, where there is room.
func (a answer) traced(reply string) string {
	if !isGUID(a.TraceID) || !isGUID(a.CorrelationID) {
		return reply
	}
	ids := " [trace " + a.TraceID + ", correlation " + a.CorrelationID + "]"
	if len(reply)+len(ids) > maxReply {
		return reply
	}
	return reply + ids
}

func (a answer) token(now time.Time) oauth.Token {
	return oauth.Token{Access: email.NewSecret(a.AccessToken), Expires: now.Add(endpoint.Life(a.ExpiresIn, longestLife))}
}
