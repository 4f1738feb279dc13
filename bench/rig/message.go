package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// bodyText is size bytes of text in lines of 76 characters, none starting with a dot.
func bodyText(size int) string {
	const words = "the quick brown fox jumps over the lazy dog 0123456789 and then goes home "
	var b strings.Builder
	b.Grow(size + 80)
	for i := 0; b.Len() < size; i++ {
		n := min(76, max(1, size-b.Len()-2))
		line := strings.Repeat(words[(i*7)%37:], 3)[:n]
		b.WriteString("x" + line[1:] + "\r\n")
	}
	return b.String()
}

// message is a whole RFC 5322 message, with the two headers that the sink reads.
func (c *config) message(text string, m job) []byte {
	var b bytes.Buffer
	b.Grow(len(text) + 512)
	for _, h := range [][2]string{
		{"From", "Bench <" + c.from + ">"},
		{"To", "<" + c.rcptOf(m.n) + ">"},
		{"Subject", "bench " + m.id},
		{"Message-ID", "<" + m.id + "@bench.test>"},
		{"Date", m.at.UTC().Format(time.RFC1123Z)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=us-ascii"},
		{"X-Bench-Id", m.id},
		{"X-Bench-Sent-Ns", fmt.Sprint(m.at.UnixNano())},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if m.urgent {
		for _, h := range c.urgentHdr {
			b.WriteString(h + "\r\n")
		}
	}
	b.WriteString("\r\n")
	b.WriteString(text)
	return b.Bytes()
}

func (c *config) rcptOf(n int) string {
	return strings.ReplaceAll(c.rcpt, "%d", fmt.Sprint(n))
}
