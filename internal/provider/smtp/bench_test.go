package smtp_test

import (
	"strconv"
	"strings"
	"testing"

	"gatepost/internal/email"
)

// BenchmarkSend is one message on a kept connection, relay and all, without TLS:
// most of it is the kernel's work and the relay's.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10, 1 << 20} {
		for _, offers := range []string{"PIPELINING", "SIZE"} {
			b.Run(strconv.Itoa(size>>10)+"KB "+offers, func(b *testing.B) {
				r := startRelay(b, offers)
				r.forget = true
				p := r.account(b, nil)
				msg := email.Bytes("A: b\r\n\r\n" + strings.Repeat(strings.Repeat("x", 74)+"\r\n", size/76))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Send(b.Context(), toAnn, msg); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
