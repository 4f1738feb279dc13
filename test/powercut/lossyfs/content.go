//go:build linux

package lossyfs

import "maps"

// content is the bytes of a file: as read now, and as last synced.
type content struct {
	live, durable []byte
	lo, hi        int // bytes of live that may differ from durable
}

func (c *content) readAt(buf []byte, off int) []byte {
	if off >= len(c.live) {
		return nil
	}
	return buf[:copy(buf, c.live[off:])]
}

func (c *content) writeAt(b []byte, off int) {
	if end := off + len(b); end > len(c.live) {
		c.resize(end)
	}
	copy(c.live[off:], b)
	c.touch(off, off+len(b))
}

// resize cuts the file or fills it with zeros.
func (c *content) resize(size int) {
	old := len(c.live)
	c.live = sized(c.live, size)
	c.touch(min(old, size), max(old, size))
}

func (c *content) touch(lo, hi int) {
	if c.lo == c.hi {
		c.lo, c.hi = lo, hi
		return
	}
	c.lo, c.hi = min(c.lo, lo), max(c.hi, hi)
}

func (c *content) sync() {
	c.durable = sized(c.durable, len(c.live))
	if hi := min(c.hi, len(c.live)); c.lo < hi {
		copy(c.durable[c.lo:hi], c.live[c.lo:hi])
	}
	c.lo, c.hi = 0, 0
}

func (c *content) restore() {
	c.live = append([]byte(nil), c.durable...)
	c.lo, c.hi = 0, 0
}

// sized is b with that many bytes, zeros where it grows.
func sized(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

// names are what a folder holds: as listed now, and as last synced.
type names struct {
	live, durable map[string]*inode
}

func (n *names) set(name string, child *inode) {
	if n.live == nil {
		n.live = map[string]*inode{}
	}
	n.live[name] = child
}

func (n *names) sync()    { n.durable = maps.Clone(n.live) }
func (n *names) restore() { n.live = maps.Clone(n.durable) }
