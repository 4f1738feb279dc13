//go:build linux

package lossyfs

import (
	"fmt"
	"os"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mount shows the disk in the folder dir: power is on again. It needs /dev/fuse, and root or fusermount.
//
// The folder must not be used through mmap by the process that mounts it: a page fault stops a thread
// without Go's scheduler knowing, and the thread that would answer it may be waiting for that one.
func (d *Disk) Mount(dir string) error {
	d.mu.Lock()
	d.off = false
	d.mu.Unlock()
	server, err := fuse.NewServer(newRaw(d), dir, &fuse.MountOptions{
		FsName: "lossyfs", Name: "lossyfs",
		DirectMountStrict: os.Getuid() == 0,
		// Only the kernel changes what it has cached; else each fstat would throw away mapped pages.
		ExplicitDataCacheControl: true,
		DisableReadDirPlus:       true,
		DisableXAttrs:            true,
	})
	if err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return fmt.Errorf("wait for the mount on %s: %w", dir, err)
	}
	d.server = server
	return nil
}

// patience is how long files may still be open: a process that was killed, or one that
// has forked and not yet begun the other program, closes them a moment later.
const patience = 10 * time.Second

// Unmount takes the disk out of its folder. It fails while a process has a file of it open.
func (d *Disk) Unmount() error {
	if d.server == nil {
		return nil
	}
	err := d.server.Unmount()
	for end := time.Now().Add(patience); err != nil && time.Now().Before(end); err = d.server.Unmount() {
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	d.server = nil
	return nil
}

func (d *Disk) owner() fuse.Owner {
	return fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
}
