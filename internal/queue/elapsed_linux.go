package queue

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a clock that nobody sets and that goes on while the machine sleeps:
// Go's own monotonic clock stands still then, and the wall clock would seem to have
// been set.
func sinceBoot() func() time.Duration {
	origin := time.Now()
	return func() time.Duration {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
			return time.Since(origin)
		}
		return time.Duration(ts.Nano())
	}
}
