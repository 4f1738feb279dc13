//go:build linux

package lossyfs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// renameNoReplace and renameExchange are flags of renameat2(2).
const (
	renameNoReplace = 1
	renameExchange  = 2
)

func (n *inode) fill(out *fuse.EntryOut) {
	out.NodeId = n.ino
	out.Attr = n.attr()
}

func (r *raw) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		child := dir.names.live[name]
		if child == nil {
			return fuse.ENOENT
		}
		child.fill(out)
		return fuse.OK
	})
}

func (r *raw) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		file := dir.names.live[name]
		switch {
		case file == nil:
			if f, fails := r.disk.failure(Create, nil); fails {
				return fuse.Status(f.With)
			}
			file = r.disk.add(syscall.S_IFREG|in.Mode&0o7777, in.Owner)
			dir.names.set(name, file)
		case in.Flags&syscall.O_EXCL != 0:
			return fuse.Status(syscall.EEXIST)
		}
		file.fill(&out.EntryOut)
		r.openFile(file, in.Flags, &out.OpenOut)
		return fuse.OK
	})
}

func (r *raw) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		if dir.names.live[name] != nil {
			return fuse.Status(syscall.EEXIST)
		}
		child := r.disk.add(syscall.S_IFDIR|in.Mode&0o7777, in.Owner)
		dir.names.set(name, child)
		child.fill(out)
		return fuse.OK
	})
}

func (r *raw) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		file := r.disk.inodes[in.Oldnodeid]
		switch {
		case file == nil:
			return fuse.ENOENT
		case dir.names.live[name] != nil:
			return fuse.Status(syscall.EEXIST)
		}
		dir.names.set(name, file)
		file.links++
		file.fill(out)
		return fuse.OK
	})
}

func (r *raw) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status { return dir.remove(name) })
}

func (r *raw) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status { return dir.remove(name) })
}

// remove takes a name away; the kernel has checked that it fits the call.
func (n *inode) remove(name string) fuse.Status {
	child := n.names.live[name]
	switch {
	case child == nil:
		return fuse.ENOENT
	case child.isDir() && len(child.names.live) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	delete(n.names.live, name)
	child.links--
	return fuse.OK
}

func (r *raw) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		dest, moved := r.disk.inodes[in.Newdir], dir.names.live[from]
		if dest == nil || moved == nil {
			return fuse.ENOENT
		}
		replaced := dest.names.live[to]
		switch {
		case in.Flags&renameExchange != 0:
			return fuse.EINVAL
		case replaced == moved:
			return fuse.OK
		case replaced != nil && in.Flags&renameNoReplace != 0:
			return fuse.Status(syscall.EEXIST)
		case replaced != nil:
			if status := dest.remove(to); status != fuse.OK {
				return status
			}
		}
		delete(dir.names.live, from)
		dest.names.set(to, moved)
		return fuse.OK
	})
}

func (r *raw) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return r.on(in.NodeId, func(dir *inode) fuse.Status {
		h := &handle{}
		for name, child := range dir.names.live {
			h.listing = append(h.listing, fuse.DirEntry{Mode: child.mode, Name: name, Ino: child.ino, Off: uint64(len(h.listing) + 1)})
		}
		out.Fh = r.open(h)
		return fuse.OK
	})
}

func (r *raw) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return r.on(in.NodeId, func(*inode) fuse.Status {
		listing := r.handle(in.Fh).listing
		for i := int(in.Offset); i < len(listing); i++ {
			if !out.AddDirEntry(listing[i]) {
				break
			}
		}
		return fuse.OK
	})
}
