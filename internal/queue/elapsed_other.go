//go:build !linux

package queue

import "time"

// sinceBoot is the system's monotonic clock.
func sinceBoot() func() time.Duration {
	origin := time.Now()
	return func() time.Duration { return time.Since(origin) }
}
