package sandbox

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	entity "github.com/emersion/go-message"
)

// partReader takes a message apart in the form of messages.get?format=full. With
// a wanted part it only looks for that one.
type partReader struct {
	parts  int
	wanted string // partId
	found  []byte
}

// full is the payload of a copy with all its parts. What cannot be taken apart
// is shown as far as it can.
func (b *boxed) full() *payload {
	root := b.payload(nil)
	e, err := parse(b.raw)
	if err != nil {
		root.Body = &payloadBody{}
		return root
	}
	_ = (&partReader{}).fill(root, e, "", 0)
	return root
}

// fill reads the body of a part, or its parts.
func (r *partReader) fill(p *payload, e *entity.Entity, id string, depth int) error {
	r.parts++
	if r.parts > maxParts || depth > maxDepth {
		return errBudget
	}
	p.PartID, p.Body = id, &payloadBody{}
	if many := e.MultipartReader(); many != nil {
		return r.children(p, many, id, depth)
	}
	data, err := io.ReadAll(io.LimitReader(e.Body, maxMessage))
	p.Body.Size = len(data)
	if r.wanted != "" && r.wanted == id {
		r.found = data
	}
	if p.Filename != "" {
		p.Body.AttachmentID = attachmentID(id)
	} else {
		p.Body.Data = base64.URLEncoding.EncodeToString(data)
	}
	return err
}

func (r *partReader) children(p *payload, many entity.MultipartReader, id string, depth int) error {
	for n := 0; ; n++ {
		child, err := many.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !entity.IsUnknownCharset(err) && !entity.IsUnknownEncoding(err) {
			return err
		}
		below := partOf(child)
		p.Parts = append(p.Parts, below)
		if err := r.fill(below, child, strings.TrimPrefix(id+"."+strconv.Itoa(n), "."), depth+1); err != nil {
			return err
		}
	}
}

// partOf is a part's header.
func partOf(e *entity.Entity) *payload {
	kind, params, err := e.Header.ContentType()
	if err != nil || kind == "" {
		kind = "text/plain"
	}
	_, more, _ := e.Header.ContentDisposition()
	name := more["filename"]
	if name == "" {
		name = params["name"]
	}
	p := &payload{MimeType: kind, Filename: decodeWords(name)}
	for fields := e.Header.Fields(); fields.Next(); {
		p.Headers = append(p.Headers, payloadHeader{fields.Key(), fields.Value()})
	}
	return p
}

// attachmentID is opaque to clients, and names the part.
func attachmentID(part string) string {
	return "ANGjdJ8" + base64.RawURLEncoding.EncodeToString([]byte("part "+part))
}

// showAttachment is users.messages.attachments.get.
func (g *google) showAttachment(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	b, ok := g.post.store.copy(who.user, r.PathValue("id"), g.now())
	if !ok {
		return notFound()
	}
	text, _ := strings.CutPrefix(r.PathValue("attachment"), "ANGjdJ8")
	name, err := base64.RawURLEncoding.DecodeString(text)
	part, named := strings.CutPrefix(string(name), "part ")
	if err != nil || !named || part == "" {
		return invalidArgument("Invalid attachment token")
	}
	e, err := parse(b.raw)
	if err != nil {
		return notFound()
	}
	find := partReader{wanted: part}
	_ = find.fill(partOf(e), e, "", 0)
	if find.found == nil {
		return notFound()
	}
	writeJSON(w, http.StatusOK, payloadBody{Size: len(find.found), Data: base64.URLEncoding.EncodeToString(find.found)})
	return nil
}

// maxSnippet is how much of a message's text the API shows in a list.
const maxSnippet = 200

// snippet is the beginning of a copy's text in one line.
func (b *boxed) snippet() string {
	d := (&message{raw: b.raw}).detail()
	text := []rune(strings.Join(strings.Fields(d.Text), " "))
	return string(text[:min(len(text), maxSnippet)])
}

// gmailLabel is a label as labels.list shows it.
type gmailLabel struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// systemLabels are those that every mailbox has; the world makes no others.
func systemLabels() []gmailLabel {
	var all []gmailLabel
	for _, name := range []string{
		"CHAT", labelSent, labelInbox, "IMPORTANT", "TRASH", "DRAFT", "SPAM",
		"CATEGORY_FORUMS", "CATEGORY_UPDATES", "CATEGORY_PERSONAL", "CATEGORY_PROMOTIONS", "CATEGORY_SOCIAL",
		"STARRED", labelUnread,
	} {
		all = append(all, gmailLabel{name, name, "system"})
	}
	return all
}

// listLabels is users.labels.list.
func (g *google) listLabels(w http.ResponseWriter, _ *http.Request, _ caller) *apiError {
	writeJSON(w, http.StatusOK, map[string][]gmailLabel{"labels": systemLabels()})
	return nil
}
