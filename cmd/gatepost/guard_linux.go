package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// guardMemory keeps what is in memory (the master key, tokens, mail) from being
// written to a core file or read by other processes of the same user: prctl(2),
// ptrace(2).
func guardMemory() error {
	var errs []error
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("switch core files off: %w", err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("close memory to other processes: %w", err))
	}
	return errors.Join(errs...)
}
