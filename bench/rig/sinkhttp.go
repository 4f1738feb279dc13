package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// handler serves the providers' paths and the sink's own.
func (s *sink) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", s.showStats)
	mux.HandleFunc("/count", s.showCount)
	mux.HandleFunc("/ids", s.showIDs)
	mux.HandleFunc("/reset", s.reset)
	mux.HandleFunc("/config", s.configure)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /gmail/v1/users/{user}/messages/send", s.taking("gmail", gmailJSON))
	mux.HandleFunc("POST /upload/gmail/v1/users/{user}/messages/send", s.taking("gmail", gmailUpload))
	mux.HandleFunc("POST /v1.0/users/{id}/sendMail", s.graphSend)
	mux.HandleFunc("POST /v1.0/me/sendMail", s.graphSend)
	return mux
}

func (s *sink) token(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)); err != nil {
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": fmt.Sprintf("bench-access-%d", s.tokenReqs.Add(1)), "token_type": "Bearer",
		"expires_in": 3599, "refresh_token": "bench-refresh", "scope": "https://mail.google.com/",
	})
}

// taking reads a request, has it opened into message bytes, and books them as Gmail does.
func (s *sink) taking(via string, open func(*http.Request, []byte) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := s.admitted(w, r)
		if !ok {
			return
		}
		raw, err := open(r, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.record(raw[:min(len(raw), headLen)], len(raw), via)
		s.pause()
		id := strconv.FormatInt(time.Now().UnixNano(), 16)
		answer(w, http.StatusOK, map[string]any{"id": id, "threadId": id, "labelIds": []string{"SENT"}})
	}
}

// admitted is the body of a request with a bearer token that is within the rate.
func (s *sink) admitted(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if a := r.Header.Get("Authorization"); len(a) < 8 || !strings.EqualFold(a[:7], "bearer ") {
		http.Error(w, `{"error":{"code":401,"message":"no bearer token"}}`, http.StatusUnauthorized)
		return nil, false
	}
	if !s.admit() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"error":{"code":429,"message":"rate limit"}}`, http.StatusTooManyRequests)
		return nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	return body, err == nil
}

func gmailJSON(_ *http.Request, body []byte) ([]byte, error) {
	var m struct {
		Raw string `json:"raw"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(m.Raw, "="))
}

// gmailUpload takes media as it is, and of a multipart upload the part after the metadata.
func gmailUpload(r *http.Request, body []byte) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return body, nil
	}
	if _, rest, ok := bytes.Cut(body, []byte("message/rfc822")); ok {
		if _, raw, ok := bytes.Cut(rest, []byte("\r\n\r\n")); ok {
			return raw, nil
		}
	}
	return body, nil
}

func (s *sink) graphSend(w http.ResponseWriter, r *http.Request) {
	body, ok := s.admitted(w, r)
	if !ok {
		return
	}
	take := s.graphMIME
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		take = s.graphJSON
	}
	if err := take(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.pause()
	w.WriteHeader(http.StatusAccepted)
}

func (s *sink) graphJSON(body []byte) error {
	var m struct {
		Message struct {
			Headers []struct{ Name, Value string } `json:"internetMessageHeaders"`
		} `json:"message"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	a := arrival{At: time.Now().UnixNano(), Size: len(body), Via: "graph"}
	for _, h := range m.Message.Headers {
		a.header(h.Name, h.Value)
	}
	s.add(a)
	return nil
}

func (s *sink) graphMIME(body []byte) error {
	raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body)))
	if err != nil {
		return err
	}
	s.record(raw[:min(len(raw), headLen)], len(raw), "graph-mime")
	return nil
}

// answer writes JSON; a client that is gone does not read it.
func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
