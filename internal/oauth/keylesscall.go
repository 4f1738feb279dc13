package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatepost/internal/oauth/endpoint"
	"gatepost/internal/provider"
)

// maxKeylessAnswer bounds what is read of an answer, and of a file with a token.
const maxKeylessAnswer = 64 << 10

// call is one request of a keyless credential.
type call struct {
	method, address string
	header          map[string]string
	body            string
}

// do makes the call once, follows no redirect, and reads the answer, whatever its
// status. An error is a *provider.Error: there was no answer. It does not show the
// address, which may have a secret in it.
func (c call) do(ctx context.Context, client *http.Client) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, endpoint.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, c.address, strings.NewReader(c.body))
	if err != nil {
		return nil, nil, provider.NoAnswer(provider.StageToken, false, errors.New("the address cannot be asked"))
	}
	req.Header.Set("User-Agent", "gatepost")
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	resp, err := endpoint.Direct(client).Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, nil, provider.NoAnswer(provider.StageToken, false, fmt.Errorf("ask %s: %w", req.URL.Hostname(), err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeylessAnswer))
	if err != nil {
		return nil, nil, provider.NoAnswer(provider.StageToken, false, fmt.Errorf("read the answer of %s: %w", req.URL.Hostname(), err))
	}
	return resp, body, nil
}

// linkPatience bounds the way to a server on this machine's own link.
const linkPatience = 5 * time.Second

// onLink is a client for servers on this machine's own link: it never goes through a
// proxy, which would have another metadata server than this machine.
func onLink() *http.Client {
	return &http.Client{Timeout: 2 * linkPatience, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: linkPatience}).DialContext,
	}}
}
