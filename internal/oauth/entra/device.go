package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// Device is a request for a user's consent on another machine (RFC 8628;
// learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code). The app must
// allow public client flows; a secret or certificate is not shown.
type Device struct {
	App       *App
	Endpoints Endpoints
	Scopes    []string // of one resource
}

// DeviceCode is what Start gives. Code is secret, the rest is for the user's eyes.
type DeviceCode struct {
	Code            email.Secret
	UserCode        string
	VerificationURI string
	Interval        time.Duration // the least time between two calls of Poll
	Expires         time.Time
}

// What Poll says while there is no decision, and what the errors of one are besides.
var (
	ErrPending  = errors.New("the user has not decided yet")
	ErrSlowDown = fmt.Errorf("%w; poll five seconds less often (RFC 8628 section 3.5)", ErrPending)
	ErrDeclined = errors.New("the user declined")
	ErrExpired  = errors.New("the device code has expired")
)

// Start asks for a code to show to the user. Every error is a *provider.Error.
func (d Device) Start(ctx context.Context, client *http.Client, now time.Time) (DeviceCode, error) {
	if _, err := ResourceOf(d.Scopes); err != nil {
		return DeviceCode{}, err
	}
	q := d.question(url.Values{})
	form := url.Values{"client_id": {d.App.id}, "scope": {strings.Join(withOpenID(d.Scopes), " ")}}
	resp, body, err := endpoint.Post(ctx, client, d.Endpoints.device(d.App.cloud, d.App.tenant), form)
	if err != nil {
		return DeviceCode{}, err
	}
	code, err := readDeviceCode(body, now)
	if resp.StatusCode == http.StatusOK && err == nil {
		return code, nil
	}
	var a answer
	parsed := json.Unmarshal(body, &a) == nil
	return DeviceCode{}, q.refusal(resp, body, a, parsed, now)
}

func (d Device) question(form url.Values) question {
	return question{app: d.App, at: d.Endpoints, scopes: d.Scopes, public: true, form: form}
}

// readDeviceCode reads the answer (RFC 8628 section 3.2).
func readDeviceCode(body []byte, now time.Time) (DeviceCode, error) {
	var said struct {
		Code     string      `json:"device_code"`
		UserCode string      `json:"user_code"`
		URI      string      `json:"verification_uri"`
		Expires  json.Number `json:"expires_in"`
		Interval json.Number `json:"interval"`
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return DeviceCode{}, err
	}
	if u, err := url.Parse(said.URI); err != nil || u.Scheme != "https" || said.Code == "" || said.UserCode == "" {
		return DeviceCode{}, errors.New("the answer holds no code for the user")
	}
	return DeviceCode{
		Code: email.NewSecret(said.Code), UserCode: said.UserCode, VerificationURI: said.URI,
		Interval: within(said.Interval, 5*time.Second, time.Second, time.Minute),
		Expires:  now.Add(within(said.Expires, 15*time.Minute, time.Minute, time.Hour)),
	}, nil
}

// within reads a number of seconds within sense; without one it is usual.
func within(n json.Number, usual, least, most time.Duration) time.Duration {
	seconds, err := n.Float64()
	if err != nil {
		return usual
	}
	return time.Duration(min(max(seconds, least.Seconds()), most.Seconds()) * float64(time.Second))
}

// Poll asks once what became of a code. While the user has not decided the error is
// ErrPending, or ErrSlowDown, which is one too. Every other error is a *provider.Error,
// which is ErrDeclined or ErrExpired besides where it is that; after a passing one the
// code may be asked for again.
func (d Device) Poll(ctx context.Context, client *http.Client, code DeviceCode, now time.Time) (Grant, error) {
	resource, err := ResourceOf(d.Scopes)
	if err != nil {
		return Grant{}, err
	}
	q := d.question(url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {code.Code.Reveal()},
	})
	got, err := q.ask(ctx, client, now)
	if err != nil {
		return Grant{}, deviceError(got.Error, err)
	}
	g, err := d.App.grant(got, grantCheck{at: d.Endpoints, scopes: d.Scopes, resource: resource}, now)
	g.Public = true
	return g, err
}

// deviceError reads the words that say how far a user is.
func deviceError(word string, err error) error {
	is := func(which error) error {
		if e, ok := errors.AsType[*provider.Error](err); ok && e.Err == nil {
			e.Err = which
		}
		return err
	}
	switch word {
	case "authorization_pending":
		return ErrPending
	case "slow_down":
		return ErrSlowDown
	case "authorization_declined", "access_denied":
		return is(ErrDeclined)
	case "expired_token", "code_expired":
		return is(ErrExpired)
	}
	return err
}
