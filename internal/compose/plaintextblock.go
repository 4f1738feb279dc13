package compose

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

type list struct {
	ordered bool
	next    int
	width   int // of the marker of the item that is open
}

type heading struct {
	mark  byte // that underlines it; 0: none open
	start int  // of its text in out; -1: none yet
}

func (t *texter) startList(ordered bool, start int) {
	t.block(2 - min(len(t.lists), 1))
	if len(t.lists) == maxLists {
		t.deeper++
		return
	}
	t.lists = append(t.lists, list{ordered: ordered, next: start})
}

func (t *texter) endList() {
	t.marker = ""
	switch {
	case t.deeper > 0:
		t.deeper--
	case len(t.lists) > 0:
		t.lists = t.lists[:len(t.lists)-1]
	}
	t.block(2 - min(len(t.lists), 1))
}

func (t *texter) item() {
	t.block(1)
	t.marker = "- "
	if n := len(t.lists); n > 0 {
		l := &t.lists[n-1]
		if l.ordered {
			t.marker = strconv.Itoa(l.next) + ". "
			l.next++
		}
		l.width = len(t.marker)
	}
}

// startHeading underlines the two highest ranks; the others stand alone.
func (t *texter) startHeading(rank byte) {
	t.endHeading()
	t.block(2)
	switch rank {
	case '1':
		t.heading = heading{mark: '=', start: -1}
	case '2':
		t.heading = heading{mark: '-', start: -1}
	}
}

func (t *texter) endHeading() {
	h := t.heading
	t.heading = heading{}
	if h.mark != 0 && h.start >= 0 && len(t.out)-h.start <= utf8.UTFMax*underline && !slices.Contains(t.out[h.start:], '\n') {
		if n := utf8.RuneCount(t.out[h.start:]); n <= underline {
			t.breaks = 1
			t.begin()
			t.out = append(t.out, strings.Repeat(string(h.mark), n)...)
		}
	}
	t.block(2)
}

func (t *texter) rule() {
	t.block(2)
	t.begin()
	t.out = append(t.out, strings.Repeat("-", 20)...)
	t.block(2)
}

// startNumber is the first number of an ordered list.
func startNumber(s string) int {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > 1_000_000 {
		return 1
	}
	return n
}
