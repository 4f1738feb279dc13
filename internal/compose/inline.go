package compose

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// maxContentID bounds a content id.
const maxContentID = 200

// maxUnknown is how many names without a part are told.
const maxUnknown = 20

// inline holds the content ids of the attachments against those that the HTML
// names. An image that nothing shows and one that cannot be shown are both
// mistakes that nobody sees before the recipient does.
func (ps *problems) inline(p Parts) {
	named, given := namedIDs(p.HTML), map[string]bool{}
	for i, a := range p.Attachments {
		if a.ContentID == "" {
			continue
		}
		ps.add(fmt.Sprintf("attachments[%d].content_id", i), checkInline(a.ContentID, named, given))
		given[a.ContentID] = true
	}
	for i, id := range named.order {
		if i == maxUnknown {
			break
		}
		if !given[id] {
			ps.add("html", fmt.Errorf("names %.100q, and no attachment has that content_id", "cid:"+id))
		}
	}
}

func checkInline(id string, named ids, given map[string]bool) error {
	if err := checkContentID(id); err != nil {
		return err
	}
	switch {
	case given[id]:
		return errors.New("given twice")
	case !named.has[id]:
		return errors.New("the HTML does not name it: write cid: and this id where the image belongs, or leave content_id empty for a file")
	}
	return nil
}

// checkContentID holds an id to what needs no escape in a header (RFC 2045 section
// 7) or in a cid: URL (RFC 2392).
func checkContentID(id string) error {
	if len(id) > maxContentID {
		return fmt.Errorf("longer than %d bytes", maxContentID)
	}
	for _, r := range id {
		alnum := r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !alnum && !strings.ContainsRune("._-+@=~$!*", r) {
			return fmt.Errorf("%q may not be in a content id: use letters, digits and . _ - + @ = ~ $ ! *", r)
		}
	}
	return nil
}

// ids are content ids in the order in which they were found, each once.
type ids struct {
	order []string
	has   map[string]bool
}

// namedIDs finds the content ids that HTML names by cid: URLs: in attributes that
// hold URLs, in styles and in the conditional comments that Outlook reads.
func namedIDs(s string) ids {
	found := ids{has: map[string]bool{}}
	if strings.Contains(strings.ToLower(s), "cid:") {
		found.scan(s, true)
	}
	return found
}

// scan goes through the tokens: a tree is not needed, and takes long to build of
// hostile HTML.
func (f *ids) scan(s string, comments bool) {
	z := html.NewTokenizer(strings.NewReader(s))
	inStyle := false
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			inStyle = string(name) == "style"
			for more {
				var key, value []byte
				key, value, more = z.TagAttr()
				f.attribute(string(key), string(value))
			}
		case html.TextToken:
			if inStyle {
				f.style(string(z.Text()))
			}
		case html.CommentToken:
			if text := string(z.Text()); comments && strings.HasPrefix(text, "[if") {
				f.scan(text, false)
			}
		default:
			inStyle = false
		}
	}
}

func (f *ids) attribute(name, value string) {
	switch name {
	case "src", "href", "xlink:href", "background", "poster", "data":
		f.url(value)
	case "srcset":
		for candidate := range strings.SplitSeq(value, ",") {
			if u := strings.Fields(candidate); len(u) > 0 {
				f.url(u[0])
			}
		}
	case "style":
		f.style(value)
	}
}

func (f *ids) url(s string) {
	s = strings.TrimSpace(s)
	if len(s) < 4 || !strings.EqualFold(s[:4], "cid:") {
		return
	}
	id := s[4:]
	if plain, err := url.PathUnescape(id); err == nil {
		id = plain
	}
	if !f.has[id] {
		f.has[id] = true
		f.order = append(f.order, id)
	}
}

var styleURL = regexp.MustCompile(`(?i)url\(\s*["']?\s*(cid:[^"')\s]*)`)

func (f *ids) style(css string) {
	for _, m := range styleURL.FindAllStringSubmatch(css, -1) {
		f.url(m[1])
	}
}
