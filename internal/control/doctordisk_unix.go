//go:build linux || darwin

package control

import "syscall"

// diskOf is how much room the disk of a folder has left for programs like this one, and
// its size; zero where that cannot be told.
func diskOf(folder string) (free, size uint64) {
	var s syscall.Statfs_t
	if folder == "" || syscall.Statfs(folder, &s) != nil {
		return 0, 0
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize)
}
