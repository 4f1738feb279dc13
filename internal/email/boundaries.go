package email

import "bytes"

// boundaries are those of the open multiparts, outermost first, for walks that
// take a message as it is. (CheckRaw's own walk is stricter and has its own.)
type boundaries []boundary

type boundary struct {
	text   string
	sealed bool // a signature covers what is within, or it is encrypted
}

// delimiter finds the open multipart whose boundary line this is (RFC 2046 section
// 5.1.1), by its depth.
func (bs boundaries) delimiter(line []byte) (depth int, last, ok bool) {
	if len(bs) == 0 || !bytes.HasPrefix(line, []byte("--")) {
		return 0, false, false
	}
	text := string(bytes.TrimRight(line[2:], " \t\r\n"))
	for i := len(bs) - 1; i >= 0; i-- {
		if text == bs[i].text {
			return i, false, true
		}
		if text == bs[i].text+"--" {
			return i, true, true
		}
	}
	return 0, false, false
}

// cross is what is open behind a boundary line.
func (bs boundaries) cross(depth int, last bool) boundaries {
	if last {
		return bs[:depth]
	}
	return bs[:depth+1]
}
