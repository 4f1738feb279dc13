package running

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Address is a free one of this machine, outside the range from which systems take the
// ports of outgoing connections: while a program that had it is dead, nobody else shall
// come to own it.
func Address(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000))))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port was found")
	return ""
}
