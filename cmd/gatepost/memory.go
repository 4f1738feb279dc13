package main

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// unused is bytes that are never touched, and so are no memory. But the collector takes
// them for alive and lets as many bytes of garbage gather: what lives is small beside
// what is made for each message, and it would collect many times a second. Where much
// lives they change little, which a higher GOGC would not. A limit counts them: under a
// low one there are none.
func unused(limit int64) []byte {
	if 0 < limit && limit < 256<<20 {
		return nil
	}
	return make([]byte, 32<<20)
}

// keepToMemory makes the Go runtime keep to the limit of the control group, unless
// GOMEMLIMIT names one, and returns how many bytes this process may have; 0: as
// many as there are.
func keepToMemory() int64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		groups = nil // no control groups here
	}
	limit := groupLimit(os.DirFS("/sys/fs/cgroup"), string(groups))
	if set := debug.SetMemoryLimit(-1); set < math.MaxInt64 {
		return min(set, limit)
	}
	if limit == math.MaxInt64 {
		return 0
	}
	debug.SetMemoryLimit(limit / 10 * 9) // the runtime does not count all that the system does
	return limit
}

// groupLimit is the lowest limit of the control groups that a process is in, as
// /proc/self/cgroup lists them, and of those around them. Within a container the
// listed path may not be there, but the container's own is at the top.
func groupLimit(files fs.FS, groups string) int64 {
	limit := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		top, name := ".", "memory.max" // version 2
		if parts[1] == "memory" {
			top, name = "memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			limit = min(limit, readLimit(files, path.Join(top, at, name)))
			if at == "/" {
				break
			}
		}
	}
	return limit
}

// readLimit is the limit that a file tells; one that is not there tells none, nor
// does one that says "max".
func readLimit(files fs.FS, name string) int64 {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 || n > 1<<60 { // version 1 says none by a huge number
		return math.MaxInt64
	}
	return n
}
