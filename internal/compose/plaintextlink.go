package compose

import "strings"

type link struct {
	open  bool
	href  string
	start int // of its text in out
}

func (t *texter) startLink(href string) {
	t.endLink()
	t.link = link{open: true, href: cleanLink(href), start: len(t.out)}
}

// endLink writes where the link leads, unless its text says that.
func (t *texter) endLink() {
	l := t.link
	t.link = link{}
	if !l.open || l.href == "" {
		return
	}
	// A bounded look: hidden elements can end the same link over and over.
	text := strings.TrimSpace(string(t.out[l.start:min(len(t.out), l.start+2*maxLink)]))
	if sameLink(text, l.href) {
		return
	}
	due := *t
	if text != "" { // on the same line, also where blocks are within the link
		t.breaks, t.space, t.cell = 0, true, false
	}
	t.begin()
	t.out = append(t.out, "<"+strings.TrimPrefix(l.href, "mailto:")+">"...)
	if text != "" {
		t.breaks, t.space, t.cell = due.breaks, due.space, due.cell
	}
}

func sameLink(text, href string) bool {
	text = strings.TrimSuffix(text, "/")
	href = strings.TrimSuffix(href, "/")
	for _, scheme := range []string{"", "https://", "http://", "mailto:", "tel:"} {
		if rest, ok := strings.CutPrefix(href, scheme); ok && rest == text {
			return true
		}
	}
	return false
}

// cleanLink is a link as text shows it; empty if it leads nowhere from there.
func cleanLink(s string) string {
	s = strings.Map(func(r rune) rune {
		if !shown(r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	s = strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E").Replace(s)
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || len(s) > maxLink {
		return ""
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https", "mailto", "tel":
		return scheme + ":" + rest
	}
	return ""
}
