package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client speaks to one gatepost with one API key. It is safe for use by many
// goroutines.
//
// A request is repeated by itself only when that cannot have an effect twice:
// reading, and sending with an idempotency key. That happens after a broken
// connection or a 502, 503 or 504, a few times, a little later each time; an
// answer's Retry-After is kept to. The context ends the waiting too. A request
// that used up its time limit (WithTimeout) is not repeated.
//
// A send that ends without a verdict has the error NoVerdict.
type Client struct {
	base    string // without a slash at its end
	key     string
	agent   string
	plain   bool
	timeout time.Duration // 0: by the request
	http    *http.Client
	wait    func(context.Context, time.Duration) error
}

// Option changes a client that New makes.
type Option func(*Client)

// WithHTTPClient makes requests through hc, of which a copy is taken. Redirects
// are not followed in any case: the key is for one place.
func WithHTTPClient(hc *http.Client) Option {
	return func(c *Client) { c.http = new(*hc) }
}

// WithUserAgent names the program in the header User-Agent.
func WithUserAgent(agent string) Option {
	return func(c *Client) { c.agent = agent }
}

// AllowPlain allows http to other machines. Whoever is on the way then reads the
// key and all mail: it is for networks that are protected otherwise.
func AllowPlain() Option {
	return func(c *Client) { c.plain = true }
}

// ErrKeyForm is the error of New for an API key that cannot be one.
var ErrKeyForm = errors.New("the API key has a blank, a line break or another character that no key has: copy it again")

// New makes a client for the gatepost at baseURL, such as http://127.0.0.1:8025
// or https://mail.example.com/gatepost. It makes no request.
func New(baseURL, key string, options ...Option) (*Client, error) {
	c := &Client{key: key, agent: "gatepost-client", wait: pause}
	for _, o := range options {
		o(c)
	}
	if err := c.setBase(baseURL); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, ErrKeyForm
	}
	if c.http == nil {
		c.http = &http.Client{Transport: transport()}
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// setBase checks the address. Errors do not show it whole: people put passwords
// into addresses.
func (c *Client) setBase(baseURL string) error {
	u, err := url.Parse(baseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("gatepost's address must read http://… or https://…, such as http://127.0.0.1:8025")
	case u.User != nil:
		return errors.New("gatepost's address has a user or password in it: leave them out, the API key is all that is needed")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("gatepost's address has a ? or # in it: give it without")
	case u.Scheme == "http" && !c.plain && !loopback(u.Hostname()):
		return fmt.Errorf("gatepost's address http://%s would send the API key in clear text over the network: use https, or a tunnel to this machine", u.Host)
	}
	c.base = strings.TrimRight(u.String(), "/")
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// pause waits, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const (
	maxTries  = 5
	firstWait = 250 * time.Millisecond
	maxWait   = 15 * time.Second
)

// waitBefore is how long to wait before a further try: longer each time, spread
// so that many clients do not come back together, and no less than was asked for.
func waitBefore(try int, asked time.Duration) time.Duration {
	d := firstWait << (try - 1)
	return min(max(d/2+rand.N(d), asked), maxWait)
}
