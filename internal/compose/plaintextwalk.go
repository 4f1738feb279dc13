package compose

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// walker goes through the tokens of HTML and tells a texter what they mean.
type walker struct {
	z      *html.Tokenizer
	t      texter
	silent bool // the next text is not for people: a style, a script
	hidden *hidden
}

// hidden is an element that is not displayed: its text is taken back at its end.
// Where it has no end, the text stays: too much is better than nothing.
type hidden struct {
	tag    string
	open   int // elements of that name that are open
	before texter
}

// step handles one token; false at the end.
func (w *walker) step() bool {
	kind := w.z.Next()
	silent := w.silent
	w.silent = false
	switch kind {
	case html.ErrorToken:
		return false
	case html.TextToken:
		if !silent {
			w.t.text(string(w.z.Token().Data))
		}
	case html.StartTagToken, html.SelfClosingTagToken:
		tag := w.z.Token()
		w.hide(tag)
		w.start(tag)
	case html.EndTagToken:
		tag := w.z.Token()
		w.end(tag.Data)
		w.show(tag.Data)
	}
	return true
}

func (w *walker) hide(tag html.Token) {
	switch {
	case void(tag.Data):
	case w.hidden != nil:
		if w.hidden.tag == tag.Data {
			w.hidden.open++
		}
	case isHidden(tag):
		before := w.t
		before.lists = slices.Clone(w.t.lists)
		w.hidden = &hidden{tag: tag.Data, open: 1, before: before}
	}
}

func (w *walker) show(name string) {
	if w.hidden == nil || w.hidden.tag != name {
		return
	}
	if w.hidden.open--; w.hidden.open == 0 {
		w.t, w.hidden = w.hidden.before, nil
	}
}

func isHidden(tag html.Token) bool {
	for _, a := range tag.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "style":
			style := strings.ToLower(strings.Join(strings.Fields(a.Val), ""))
			return strings.Contains(style, "display:none")
		}
	}
	return false
}

// void elements have no end tag.
func void(name string) bool {
	switch name {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr":
		return true
	}
	return false
}

func attr(tag html.Token, name string) string {
	for _, a := range tag.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (w *walker) start(tag html.Token) {
	t := &w.t
	switch tag.Data {
	case "style", "script", "title", "iframe", "noembed", "noframes":
		w.silent = true
	case "br":
		t.lineBreak()
	case "hr":
		t.rule()
	case "img":
		t.text(attr(tag, "alt"))
	case "a":
		t.startLink(attr(tag, "href"))
	case "h1", "h2", "h3", "h4", "h5", "h6":
		t.startHeading(tag.Data[1])
	case "ul", "menu":
		t.startList(false, 1)
	case "ol":
		t.startList(true, startNumber(attr(tag, "start")))
	case "li":
		t.item()
	case "td", "th":
		t.nextCell()
	case "blockquote":
		t.block(2)
		t.quotes++
	case "pre":
		t.block(2)
		t.pre++
	default:
		t.block(breaksOf(tag.Data))
	}
}

func (w *walker) end(name string) {
	t := &w.t
	switch name {
	case "a":
		t.endLink()
	case "h1", "h2", "h3", "h4", "h5", "h6":
		t.endHeading()
	case "ul", "ol", "menu":
		t.endList()
	case "blockquote":
		t.block(2)
		t.quotes = max(t.quotes-1, 0)
	case "pre":
		t.block(2)
		t.pre = max(t.pre-1, 0)
	default:
		t.block(breaksOf(name))
	}
}

// breaksOf is how many line breaks are around an element; 0 for those within a
// line.
func breaksOf(name string) int {
	switch name {
	case "p", "table", "dl", "fieldset", "figure":
		return 2
	case "address", "article", "aside", "body", "caption", "center", "dd", "details", "dialog", "div", "dt", "figcaption",
		"footer", "form", "header", "html", "legend", "li", "main", "nav", "option", "section", "summary", "tr":
		return 1
	}
	return 0
}
