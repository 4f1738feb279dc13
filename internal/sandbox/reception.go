package sandbox

import (
	"net"
	"sync"
)

// reception takes the connections of a server that is not made of a library's, and
// knows all that are open.
type reception struct {
	mu     sync.Mutex
	talks  map[net.Conn]bool
	ended  bool
	talked sync.WaitGroup
}

func newReception() *reception { return &reception{talks: map[net.Conn]bool{}} }

// take serves each connection in a goroutine of its own until the listener is
// closed.
func (d *reception) take(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !d.enter(conn) {
			_ = conn.Close()
			return
		}
		go func() {
			defer d.talked.Done()
			defer d.leave(conn)
			serve(conn)
		}()
	}
}

func (d *reception) enter(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return false
	}
	d.talked.Add(1)
	d.talks[c] = true
	return true
}

func (d *reception) leave(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.talks, c)
}

// Close cuts all connections and waits for those who served them.
func (d *reception) Close() error {
	d.mu.Lock()
	d.ended = true
	for c := range d.talks {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.talked.Wait()
	return nil
}
