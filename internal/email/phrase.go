package email

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
)

// words decodes encoded words (RFC 2047). A charset that Go does not know gives
// replacement characters: a name is for people, the bytes sent stay as they are.
var words = mime.WordDecoder{CharsetReader: unknownCharset}

func unknownCharset(_ string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read encoded word: %w", err)
	}
	ascii := func(c rune) rune {
		if c >= 0x80 {
			return '\ufffd'
		}
		return c
	}
	return bytes.NewReader(bytes.Map(ascii, b)), nil
}

// parsePhrase decodes a display name: atoms, quoted strings and encoded words
// (RFC 5322 section 3.2.5). Dots and UTF-8 are accepted outside quotes.
func parsePhrase(s string) (string, error) {
	var name strings.Builder
	afterEncoded := false
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		w, err := nextWord(s)
		if err != nil {
			return "", err
		}
		// Blanks between encoded words are not part of the text (RFC 2047 6.2).
		if name.Len() > 0 && !(afterEncoded && w.encoded) {
			name.WriteByte(' ')
		}
		name.WriteString(w.text)
		s, afterEncoded = w.rest, w.encoded
	}
	return name.String(), nil
}

// word is a piece of a phrase and what comes after it.
type word struct {
	text, rest string
	encoded    bool
}

func nextWord(s string) (word, error) {
	if s[0] == '"' {
		return quotedWord(s)
	}
	end := strings.IndexAny(s, " \t\"")
	if end < 0 {
		end = len(s)
	}
	w := word{text: s[:end], rest: s[end:]}
	if i := strings.IndexAny(w.text, `()<>[]:;@\,`); i >= 0 {
		return word{}, fmt.Errorf("%q in a name needs quotes, or there is more than one address", w.text[i])
	}
	if decoded, err := words.Decode(w.text); err == nil {
		w.text, w.encoded = decoded, true
	}
	return w, nil
}

// quotedWord reads a quoted string and resolves its quoted pairs.
func quotedWord(s string) (word, error) {
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return word{text: text.String(), rest: s[i+1:]}, nil
		case '\\':
			if i++; i == len(s) {
				return word{}, errors.New("the quotes of the name do not end")
			}
		}
		text.WriteByte(s[i])
	}
	return word{}, errors.New("the quotes of the name do not end")
}
