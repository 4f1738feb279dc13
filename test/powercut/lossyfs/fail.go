//go:build linux

package lossyfs

import (
	"slices"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Op is what a program asks of the disk that may fail.
type Op int

// Operations that change something. Create is that of files.
const (
	Write Op = iota + 1
	Sync
	Create
)

// Failure makes operations fail.
type Failure struct {
	Op   Op
	File string        // the end of the names of files of the root folder; "": all files
	With syscall.Errno // what the program gets
	Left int           // so many times; 0: until Fail is called again
	Half bool          // the first half of a write is done before
}

// Fail makes operations fail from now on, instead of what was to fail before; without arguments none.
// The bytes of a failed sync are lost, as Linux does it: they can be read, and a later sync does not
// write them, unless they were written again before.
func (d *Disk) Fail(fs ...Failure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = fs
}

// failure is what an operation on a file fails with now, if it does.
func (d *Disk) failure(op Op, n *inode) (Failure, bool) {
	for i, f := range d.fails {
		if f.Op != op || f.File != "" && !d.named(n, f.File) {
			continue
		}
		if f.Left == 1 {
			d.fails = slices.Delete(slices.Clone(d.fails), i, i+1)
		} else if f.Left > 1 {
			d.fails[i].Left--
		}
		return f, true
	}
	return Failure{}, false
}

func (d *Disk) named(n *inode, end string) bool {
	for name, child := range d.inodes[fuse.FUSE_ROOT_ID].names.live {
		if child == n && strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
