package store

import (
	"time"

	"gatepost/internal/email"
)

// Upload is a file that messages can attach.
type Upload struct {
	Team, ID    email.ID
	Filename    string
	ContentType string
	Size        int64
	CreatedAt   time.Time
	ExpiresAt   time.Time
}
