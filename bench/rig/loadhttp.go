package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// httpSender submits by POST of a body template, without ever repeating a request that may have
// reached the server.
type httpSender struct {
	*config
	cl   *http.Client
	text string
}

func (c *config) httpSenders(text string) func() sender {
	tr := &http.Transport{MaxIdleConnsPerHost: c.c + c.urgentC, DisableCompression: true, TLSClientConfig: unverified()}
	tr.TLSClientConfig.ServerName = ""
	cl := &http.Client{Transport: tr, Timeout: 2 * time.Minute}
	return func() sender { return &httpSender{config: c, cl: cl, text: text} }
}

func (s *httpSender) close() {}

func (s *httpSender) send(m job) (outcome, error) {
	url, tpl := s.http.url, s.http.body
	if m.urgent && s.http.urgentURL != "" {
		url = s.http.urgentURL
	}
	if m.urgent && s.http.urgentBody != "" {
		tpl = s.http.urgentBody
	}
	rep, err := s.replacer(tpl, m)
	if err != nil {
		return notSent, err
	}
	url, body := rep.Replace(url), rep.Replace(tpl)
	until := time.Now().Add(s.reconnect)
	for {
		req, err := s.request(url, body, rep, m.urgent)
		if err != nil {
			return notSent, err
		}
		o, err := s.do(req)
		if o != notSent || s.killCmd == "" || time.Now().After(until) {
			return o, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// replacer fills a template for one message.
func (s *httpSender) replacer(tpl string, m job) (*strings.Replacer, error) {
	pairs := []string{
		"{{id}}", m.id, "{{sent_ns}}", strconv.FormatInt(m.at.UnixNano(), 10), "{{n}}", strconv.Itoa(m.n),
		"{{rcpt}}", s.rcptOf(m.n), "{{from}}", s.from,
	}
	if strings.Contains(tpl, "{{text}}") {
		j, err := json.Marshal(s.text)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, "{{text}}", string(j[1:len(j)-1]))
	}
	if strings.Contains(tpl, "{{raw_b64") {
		raw := s.message(s.text, m)
		pairs = append(pairs, "{{raw_b64}}", base64.StdEncoding.EncodeToString(raw), "{{raw_b64url}}", base64.URLEncoding.EncodeToString(raw))
	}
	return strings.NewReplacer(pairs...), nil
}

func (s *httpSender) request(url, body string, rep *strings.Replacer, urgent bool) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // never resend by itself
	req.Header.Set("Content-Type", "application/json")
	headers := s.http.headers
	if urgent {
		headers = append(headers[:len(headers):len(headers)], s.http.urgentHeaders...)
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ":")
		req.Header.Set(strings.TrimSpace(k), rep.Replace(strings.TrimSpace(v)))
	}
	return req, nil
}

func (s *httpSender) do(req *http.Request) (outcome, error) {
	resp, err := s.cl.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return notSent, fmt.Errorf("%w: %w", errDial, err)
		}
		return ambiguous, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode/100 == 2 {
		return accepted, err
	}
	return refused, fmt.Errorf("%s: %.200s", resp.Status, b)
}
