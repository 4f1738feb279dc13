//go:build linux

package lossyfs

import (
	"fmt"
	"os"

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

// Unmount takes the disk out of its folder. It fails while a process has a file of it open.
func (d *Disk) Unmount() error {
	if d.server == nil {
		return nil
	}
	if err := d.server.Unmount(); err != nil {
		return fmt.Errorf("unmount: %w", err)
	}
	d.server = nil
	return nil
}

func (d *Disk) owner() fuse.Owner {
	return fuse.Owner{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
}
