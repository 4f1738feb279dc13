package smtp

import (
	"bytes"
	"encoding/binary"
)

// stuffer writes content in the form of DATA (RFC 5321 section 4.5.2) and notes
// what the server must be told about it. Blocks may end anywhere.
type stuffer struct {
	line           int     // bytes of the current line so far, without its CR
	cr             bool    // the last byte was CR
	body           bool    // the header is over
	name           [4]byte // start of a header line
	eightBit       bool
	eightBitHeader bool
}

// add appends a block.
func (st *stuffer) add(out, block []byte) ([]byte, error) {
	for len(block) > 0 {
		if st.line == 0 && !st.cr && block[0] == '.' {
			out = append(out, '.')
		}
		n := bytes.IndexByte(block, '\n') + 1
		piece := block[:n]
		if n == 0 {
			piece = block
		}
		if err := st.see(piece, n > 0); err != nil {
			return out, err
		}
		out = append(out, piece...)
		block = block[len(piece):]
	}
	return out, nil
}

// see notes one piece of a line; ends tells whether LF is its last byte.
func (st *stuffer) see(piece []byte, ends bool) error {
	text := piece
	if ends {
		text = piece[:len(piece)-1]
	}
	if st.cr && len(text) > 0 {
		return errBareLine
	}
	if cr := bytes.IndexByte(text, '\r'); cr >= 0 {
		if cr != len(text)-1 {
			return errBareLine
		}
		st.cr, text = true, text[:cr]
	}
	if ends && !st.cr {
		return errBareLine
	}
	if err := st.note(text); err != nil {
		return err
	}
	st.line += len(text)
	if ends {
		st.body = st.body || st.line == 0
		st.line, st.cr = 0, false
	}
	return nil
}

// note looks at the text of a piece: bytes above ASCII, and in the header the
// name of the field.
func (st *stuffer) note(text []byte) error {
	if !st.eightBit || !st.body && !st.eightBitHeader {
		if above := hasHigh(text); above {
			st.eightBit, st.eightBitHeader = true, st.eightBitHeader || !st.body
		}
	}
	if st.body || st.line >= len(st.name) {
		return nil
	}
	n := copy(st.name[st.line:], text)
	if st.line+n == len(st.name) && bytes.EqualFold(st.name[:3], []byte("bcc")) && bytes.IndexByte([]byte(": \t"), st.name[3]) >= 0 {
		return errBcc
	}
	return nil
}

// end appends what closes the content: a line end where it lacks one, and the
// final dot.
func (st *stuffer) end(out []byte) ([]byte, error) {
	if st.cr {
		return out, errBareLine
	}
	if st.line > 0 {
		out = append(out, "\r\n"...)
	}
	return append(out, ".\r\n"...), nil
}

// hasHigh tells whether a byte is above ASCII, eight at a time.
func hasHigh(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
