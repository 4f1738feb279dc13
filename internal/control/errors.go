package control

import (
	"time"

	"gatepost/internal/provider"
)

// KnownErrors lists the catalogue of what providers answer, which is the same for all.
func KnownErrors() []provider.Entry { return provider.Catalogue() }

// ExplainError says what a text from a log means, the likeliest first.
func ExplainError(text string, now time.Time) []provider.Explanation {
	return provider.Explain(text, now)
}
