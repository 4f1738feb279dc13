package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gatepost/client"
)

// readyWithin is how long the store may take for the write of /readyz.
const readyWithin = 5 * time.Second

// showHealth says that the process lives, and nothing of what it depends on: who
// restarts it on a failure should not do so because the database is away.
func (s *server) showHealth(c *call) error {
	return c.answer(http.StatusOK, client.Health{Status: "ok", Version: s.Version})
}

// showReady commits a write, so that a full or read-only disk shows.
func (s *server) showReady(c *call) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), readyWithin)
	defer cancel()
	if err := s.Engine.Ready(ctx); err != nil {
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
