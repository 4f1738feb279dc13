//go:build linux

package lossyfs

import (
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// raw answers the kernel for one mount. Node ids are inode numbers; nothing is forgotten before a cut,
// so an unlinked file that is open goes on working.
type raw struct {
	fuse.RawFileSystem
	disk *Disk

	mu      sync.Mutex
	handles map[uint64]*handle
	lastFh  uint64
}

// handle is an open file or folder.
type handle struct {
	sync    bool // O_SYNC or O_DSYNC: each write is durable
	listing []fuse.DirEntry
}

func newRaw(d *Disk) *raw {
	return &raw{RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d, handles: map[uint64]*handle{}}
}

// on runs do with the disk locked and the node looked up, unless power is cut.
func (r *raw) on(id uint64, do func(n *inode) fuse.Status) fuse.Status {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	if r.disk.off {
		return fuse.EIO
	}
	n := r.disk.inodes[id]
	if n == nil {
		return fuse.ENOENT
	}
	return do(n)
}

func (r *raw) open(h *handle) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastFh++
	r.handles[r.lastFh] = h
	return r.lastFh
}

func (r *raw) handle(fh uint64) *handle {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.handles[fh]; h != nil {
		return h
	}
	return &handle{}
}

func (r *raw) release(fh uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.handles, fh)
}

func (r *raw) String() string { return "lossyfs" }

func (r *raw) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	*out = fuse.StatfsOut{Bsize: 4096, Blocks: 1 << 20, Bfree: 1 << 20, Bavail: 1 << 20, NameLen: 255}
	return fuse.OK
}

func (r *raw) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return r.on(in.NodeId, func(n *inode) fuse.Status {
		out.Attr = n.attr()
		return fuse.OK
	})
}

func (r *raw) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return r.on(in.NodeId, func(n *inode) fuse.Status {
		if size, ok := in.GetSize(); ok {
			n.data.resize(int(size))
			n.modified = time.Now()
		}
		if mode, ok := in.GetMode(); ok {
			n.mode = n.mode&syscall.S_IFMT | mode&^uint32(syscall.S_IFMT)
		}
		if uid, ok := in.GetUID(); ok {
			n.owner.Uid = uid
		}
		if gid, ok := in.GetGID(); ok {
			n.owner.Gid = gid
		}
		if t, ok := in.GetMTime(); ok {
			n.modified = t
		}
		out.Attr = n.attr()
		return fuse.OK
	})
}

func (r *raw) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return r.on(in.NodeId, func(n *inode) fuse.Status {
		r.openFile(n, in.Flags, out)
		return fuse.OK
	})
}

func (r *raw) openFile(n *inode, flags uint32, out *fuse.OpenOut) {
	if flags&syscall.O_TRUNC != 0 {
		n.data.resize(0)
	}
	out.Fh = r.open(&handle{sync: flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0})
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
}

func (r *raw) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	var got []byte
	status := r.on(in.NodeId, func(n *inode) fuse.Status {
		got = n.data.readAt(buf, int(in.Offset))
		return fuse.OK
	})
	return fuse.ReadResultData(got), status
}

func (r *raw) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	status := r.on(in.NodeId, func(n *inode) fuse.Status {
		if f, fails := r.disk.failure(Write, n); fails {
			if f.Half {
				n.data.writeAt(b[:len(b)/2], int(in.Offset))
			}
			return fuse.Status(f.With)
		}
		n.data.writeAt(b, int(in.Offset))
		n.modified = time.Now()
		if r.handle(in.Fh).sync {
			n.data.sync()
		}
		return fuse.OK
	})
	if status != fuse.OK {
		return 0, status
	}
	return uint32(len(b)), fuse.OK
}

// Fsync makes the file's bytes durable, for fdatasync too: their number is needed to read them.
func (r *raw) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return r.on(in.NodeId, func(n *inode) fuse.Status {
		if f, fails := r.disk.failure(Sync, n); fails {
			n.data.lo, n.data.hi = 0, 0
			return fuse.Status(f.With)
		}
		n.syncs++
		n.data.sync()
		return fuse.OK
	})
}

// FsyncDir makes the folder's names durable, not what the named files hold.
func (r *raw) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return r.on(in.NodeId, func(n *inode) fuse.Status {
		n.names.sync()
		return fuse.OK
	})
}

// Flush is close(2), which syncs nothing.
func (r *raw) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (r *raw) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { r.release(in.Fh) }

func (r *raw) ReleaseDir(in *fuse.ReleaseIn) { r.release(in.Fh) }
