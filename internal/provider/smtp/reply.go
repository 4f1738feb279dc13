package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
)

// reply is what a server says to a command (RFC 5321 section 4.2), its enhanced
// status code apart (RFC 2034).
type reply struct {
	code     int
	enhanced string
	text     string // lines joined by \n
}

// errReply is an answer that is none of SMTP. What it says is not repeated: whoever
// may connect accounts could read the banners of other servers in our errors.
var errReply = errors.New("not an SMTP reply")

// What is read of one reply at most.
const (
	maxLine  = 4096
	maxLines = 128
)

// readReply reads one reply of one or more lines.
func readReply(in *bufio.Reader) (reply, error) {
	var r reply
	for n := 0; n < maxLines; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return r, fmt.Errorf("%w: a line of more than %d bytes", errReply, maxLine)
		}
		if err != nil {
			return r, err
		}
		more, err := r.add(bytes.TrimRight(line, "\r\n"), n == 0)
		if err != nil || !more {
			return r, err
		}
	}
	return r, fmt.Errorf("%w: more than %d lines", errReply, maxLines)
}

// add takes one line and tells whether another follows.
func (r *reply) add(line []byte, first bool) (more bool, err error) {
	code, ok := digits(line)
	if !ok || len(line) > 3 && line[3] != ' ' && line[3] != '-' || !first && code != r.code {
		return false, errReply
	}
	r.code = code
	var text []byte
	if len(line) > 4 {
		text = line[4:]
	}
	enhanced, rest := cutEnhanced(text)
	if first {
		r.enhanced, r.text = string(enhanced), string(rest)
	} else {
		if string(enhanced) != r.enhanced { // belongs to the text then
			rest = text
		}
		r.text += "\n" + string(rest)
	}
	return len(line) > 3 && line[3] == '-', nil
}

func digits(line []byte) (int, bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, false
	}
	code := 0
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		code = code*10 + int(c-'0')
	}
	return code, true
}

// cutEnhanced takes an enhanced status code off the start of a line (RFC 3463
// section 2: class "." subject "." detail).
func cutEnhanced(text []byte) (enhanced, rest []byte) {
	word, rest, _ := bytes.Cut(text, []byte(" "))
	if len(word) < 5 || len(word) > 9 || word[1] != '.' || word[0] != '2' && word[0] != '4' && word[0] != '5' {
		return nil, text
	}
	dots, last := 0, byte(0)
	for _, c := range word {
		if c == '.' && last != '.' {
			dots++
		} else if c < '0' || c > '9' {
			return nil, text
		}
		last = c
	}
	if dots != 2 || last == '.' {
		return nil, text
	}
	return word, rest
}

func (r reply) ok() bool { return r.code/100 == 2 }

// words is the whole reply as text, for receipts.
func (r reply) words() string {
	return provider.CleanReply(fmt.Sprintf("%d %s %s", r.code, r.enhanced, r.text))
}

// problem classifies a reply that is not the one hoped for.
func (a *account) problem(stage provider.Stage, r reply) *provider.Error {
	return a.classify(stage, r, a.about())
}

// problem is that of a message, whose author may be why.
func (t *transaction) problem(stage provider.Stage, r reply) *provider.Error {
	if t.author == nil {
		author := email.Author(t.body.msg)
		t.author = &author
	}
	about := t.about()
	about.Sender = *t.author
	return t.classify(stage, r, about)
}

func (a *account) classify(stage provider.Stage, r reply, about provider.About) *provider.Error {
	return provider.Classify(provider.Answer{
		Stage: stage, Code: r.code, Reason: r.enhanced, Text: strings.ReplaceAll(r.text, "\n", " "), About: about,
	}, a.deps.Now())
}

// about names whom and what an advice speaks of.
func (a *account) about() provider.About {
	switch {
	case a.bearer == nil:
		return provider.About{Subject: a.settings.User}
	case a.bearer.About != nil:
		return a.bearer.About()
	}
	about := provider.About{Subject: a.settings.User, Scopes: []string{a.bearer.Scope}}
	if a.deps.ClientID != nil {
		about.ClientID = a.deps.ClientID()
	}
	return about
}

// noReply classifies a conversation that broke, or went on in another protocol.
func (a *account) noReply(stage provider.Stage, err error) *provider.Error {
	handedOver := stage == provider.StageBody
	if errors.Is(err, errReply) && !handedOver {
		return provider.Classify(provider.Answer{Stage: stage, Text: err.Error()}, a.deps.Now())
	}
	return provider.NoAnswer(stage, handedOver, err)
}
