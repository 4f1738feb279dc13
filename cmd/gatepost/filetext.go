package main

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
)

// textOf is the text of a file as UTF-8 without a byte order mark (The Unicode Standard,
// section 23.8). Editors of Windows put one before UTF-8, and the > of Windows PowerShell
// writes UTF-16. What bears no mark stays as it is.
func textOf(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	}
	units := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) > 1; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}
