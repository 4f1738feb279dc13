package api

import (
	"fmt"
	"net/http"

	"gatepost/client"
)

// showHealth says that the process lives, and nothing of what it depends on: who
// restarts it on a failure should not do so because the database is away.
func (s *server) showHealth(c *call) error {
	return c.answer(http.StatusOK, client.Health{Status: "ok", Version: s.Version})
}

// showReady commits a write, so that a full or read-only disk shows; one in a
// second for all who ask.
func (s *server) showReady(c *call) error {
	if err := s.ready.check(c.r.Context()); err != nil {
		return fmt.Errorf("%w: %w", errNotReady, err)
	}
	return c.answer(http.StatusOK, client.Health{Status: "ok"})
}

// showDocument gives the OpenAPI document.
func (s *server) showDocument(c *call) error {
	c.w.Header().Set("Cache-Control", "max-age=300")
	c.write(http.StatusOK, "application/json", s.openapi)
	return nil
}
