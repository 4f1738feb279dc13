//go:build linux

// Package lossyfs is a file system for tests that forgets what was not synced, as a disk does when the
// power fails: it shows whether a program that promises durability calls fsync where it must.
//
// It is stricter than most real ones. Bytes of a file last from fsync or fdatasync of that file. Names
// (of files made, renamed, removed; of folders made) last from fsync of the folder that holds them:
// syncing a new file does not, as on ext4, sync its name with it. What was not synced is always lost,
// never kept by luck. Modes and times are not put to the test, and sync(2) of the whole machine is not
// seen. It lives in memory and is not for keeping anything.
package lossyfs

import (
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Disk holds the files: as programs see them, and as they would be after a power cut. It outlives its
// mounts.
type Disk struct {
	mu     sync.Mutex
	off    bool // power is cut: everything fails until the next mount
	inodes map[uint64]*inode
	last   uint64
	fails  []Failure
	server *fuse.Server
}

// New makes an empty disk: a root folder, which is durable.
func New() *Disk {
	d := &Disk{inodes: map[uint64]*inode{}, last: fuse.FUSE_ROOT_ID - 1}
	d.add(syscall.S_IFDIR|0o755, d.owner())
	return d
}

// Cut is the power failing: what was not synced is gone, and every operation on the mounted disk fails
// with EIO until it is unmounted and mounted again.
func (d *Disk) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	root := d.inodes[fuse.FUSE_ROOT_ID]
	d.inodes = map[uint64]*inode{}
	d.revive(root)
}

// revive brings a node and, if it is a folder, what it durably holds to the state last synced.
func (d *Disk) revive(n *inode) {
	if d.inodes[n.ino] != nil { // a second name of the same file
		n.links++
		return
	}
	d.inodes[n.ino] = n
	n.links = 1
	n.data.restore()
	n.names.restore()
	for _, child := range n.names.live {
		d.revive(child)
	}
}

// inode is a file or a folder.
type inode struct {
	ino      uint64
	mode     uint32
	owner    fuse.Owner
	links    uint32
	modified time.Time
	data     content
	names    names
	syncs    int
}

// Syncs counts the times a file of the root folder was synced, and tells whether bytes of it were
// written since.
func (d *Disk) Syncs(name string) (n int, unsynced bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.inodes[fuse.FUSE_ROOT_ID].names.live[name]
	if f == nil {
		return 0, false
	}
	return f.syncs, f.data.lo != f.data.hi
}

func (d *Disk) add(mode uint32, owner fuse.Owner) *inode {
	d.last++
	n := &inode{ino: d.last, mode: mode, owner: owner, links: 1, modified: time.Now()}
	d.inodes[n.ino] = n
	return n
}

func (n *inode) isDir() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

func (n *inode) attr() fuse.Attr {
	size := uint64(len(n.data.live))
	a := fuse.Attr{
		Ino: n.ino, Mode: n.mode, Owner: n.owner, Nlink: n.links,
		Size: size, Blocks: (size + 511) / 512, Blksize: 4096,
	}
	a.SetTimes(&n.modified, &n.modified, &n.modified)
	return a
}
