package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// graphItem is a message in a mailbox, as Graph shows it.
type graphItem struct {
	key    string
	owner  string
	folder string
	raw    []byte
	at     time.Time
	files  int // attached to a draft
}

func (d *graphDraft) item() graphItem {
	return graphItem{d.key, d.owner.Address, folderDrafts, d.raw, d.at, len(d.files)}
}

func storedItem(b *boxed, folder string) graphItem {
	return graphItem{key: b.id, owner: strings.ToLower(b.owner), folder: folder, raw: b.raw, at: b.visible}
}

// id is the kind of id that the call asks for.
func (i graphItem) id(r *http.Request) string {
	switch {
	case wantsImmutable(r):
		return graphID(idImmutable, i.key)
	case i.folder == folderDrafts:
		return graphID(idDraft, i.key)
	}
	return graphID(idStored, i.key)
}

// json shows the fields that were selected; without a selection those that Graph
// shows by itself, which internetMessageHeaders is none of.
func (i graphItem) json(r *http.Request, fields []string) map[string]any {
	all := i.fields()
	all["id"] = i.id(r)
	if len(fields) == 0 {
		delete(all, "internetMessageHeaders")
		return all
	}
	out := map[string]any{"id": all["id"], "@odata.etag": all["@odata.etag"]}
	for _, name := range fields {
		if v, ok := all[name]; ok {
			out[name] = v
		}
	}
	return out
}

func (i graphItem) fields() map[string]any {
	d := (&message{raw: i.raw}).detail()
	head := readHeader(i.raw)
	content := map[string]string{"contentType": "text", "content": d.Text}
	if d.HTML != "" {
		content = map[string]string{"contentType": "html", "content": d.HTML}
	}
	fields := map[string]any{
		"@odata.etag": `W/"` + i.key + `"`, "changeKey": i.key,
		"internetMessageId": head.first("Message-Id"), "internetMessageHeaders": d.Headers,
		"subject": decodeWords(head.first("Subject")), "body": content, "bodyPreview": preview(d.Text),
		"isDraft": i.folder == folderDrafts, "isRead": i.folder != folderInbox, "parentFolderId": folderID(i.owner, i.folder),
		"conversationId": graphID(idImmutable, guidOf("conversation "+subjectRoot(d.Subject))),
		"importance":     "normal", "hasAttachments": len(d.Attachments)+i.files > 0,
		"createdDateTime": odataTime(i.at), "lastModifiedDateTime": odataTime(i.at),
		"receivedDateTime": odataTime(i.at), "sentDateTime": odataTime(i.at),
	}
	for name, header := range map[string]string{"toRecipients": "To", "ccRecipients": "Cc", "bccRecipients": "Bcc", "replyTo": "Reply-To"} {
		list := []graphRecipient{}
		for _, value := range head.all(header) {
			found, _ := addresses(value) // what cannot be read is not shown
			for _, a := range found {
				list = append(list, recipient(a))
			}
		}
		fields[name] = list
	}
	if from, err := addresses(head.first("From")); err == nil && len(from) > 0 {
		fields["from"], fields["sender"] = recipient(from[0]), recipient(from[0])
	}
	return fields
}

func preview(text string) string {
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), 255)])
}

// find finds a message by one of its ids: a draft, or what the store has. A draft's
// default id is worthless once it is sent; the immutable one goes on.
func (m *microsoft) find(who actor, id string) (graphItem, bool) {
	m.mu.RLock()
	d := m.draft(who, id)
	m.mu.RUnlock()
	if d != nil {
		return d.item(), true
	}
	kind, key, ok := readGraphID(id)
	if !ok || kind == idDraft {
		return graphItem{}, false
	}
	b, ok := m.post.store.copy(who.box.Address, key, m.now())
	if !ok {
		return graphItem{}, false
	}
	folder := folderInbox
	if b.has([]string{labelSent}) {
		folder = folderSent
	}
	return storedItem(b, folder), true
}

// showItem is message: get (learn.microsoft.com/graph/api/message-get).
func (m *microsoft) showItem(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	if _, _, ok := readGraphID(r.PathValue("id")); !ok {
		return m.newGraphError(http.StatusBadRequest, "ErrorInvalidIdMalformed", "Id is malformed.")
	}
	item, ok := m.find(who, r.PathValue("id"))
	if !ok {
		return m.noItem()
	}
	writeJSON(w, http.StatusOK, item.json(r, selected(r.URL.Query())))
	return nil
}

// showMIME is the message as it is.
func (m *microsoft) showMIME(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	item, ok := m.find(who, r.PathValue("id"))
	if !ok {
		return m.noItem()
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(item.raw)
	return nil
}

func selected(v url.Values) []string {
	return strings.FieldsFunc(v.Get("$select"), func(c rune) bool { return c == ',' || c == ' ' })
}

// graphQuery asks for a page of a list.
type graphQuery struct {
	folder    string // "" for all
	messageID string // of $filter
	filtered  bool
	top, skip int
	fields    []string
}

// Sizes of a page.
const (
	graphPage    = 10
	maxGraphPage = 1000
)

func (m *microsoft) readQuery(v url.Values, folder string) (graphQuery, *graphError) {
	q := graphQuery{folder: folder, top: graphPage, fields: selected(v)}
	var err error
	if text := v.Get("$top"); text != "" {
		if q.top, err = strconv.Atoi(text); err != nil || q.top < 1 || q.top > maxGraphPage {
			return q, m.newGraphError(http.StatusBadRequest, "ErrorInvalidParameter", "Invalid value for $top: it must be from 1 to 1000.")
		}
	}
	if text := v.Get("$skip"); text != "" {
		if q.skip, err = strconv.Atoi(text); err != nil || q.skip < 0 {
			return q, m.newGraphError(http.StatusBadRequest, "BadRequest", "Invalid value for $skip.")
		}
	}
	text := v.Get("$filter")
	if text == "" {
		return q, nil
	}
	if v.Get("$orderby") != "" {
		return q, m.newGraphError(http.StatusBadRequest, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
	}
	value, ok := strings.CutPrefix(text, "internetMessageId eq '")
	if !ok || !strings.HasSuffix(value, "'") {
		return q, m.newGraphError(http.StatusBadRequest, "BadRequest", "Invalid filter clause: the sandbox knows internetMessageId eq '…' alone.")
	}
	q.filtered, q.messageID = true, strings.ReplaceAll(strings.TrimSuffix(value, "'"), "''", "'")
	return q, nil
}

// items lists a mailbox, newest first.
func (m *microsoft) items(who actor, q graphQuery) []graphItem {
	var all []graphItem
	if q.folder == "" || q.folder == folderDrafts {
		m.mu.RLock()
		for _, d := range m.drafts {
			if d.owner == who.box {
				all = append(all, d.item())
			}
		}
		m.mu.RUnlock()
	}
	for folder, label := range map[string]string{folderSent: labelSent, folderInbox: labelInbox} {
		if q.folder != "" && q.folder != folder {
			continue
		}
		page, _ := m.post.store.list(listQuery{
			owner: who.box.Address, limit: q.skip + q.top + 1 + maxGraphPage, now: m.now(),
			want: func(b *boxed) bool {
				return b.has([]string{label}) && (!q.filtered || bare(q.messageID) == b.link.id)
			},
		})
		for _, b := range page {
			all = append(all, storedItem(b, folder))
		}
	}
	if q.filtered {
		all = slices.DeleteFunc(all, func(i graphItem) bool { return readHeader(i.raw).first("Message-Id") != q.messageID })
	}
	slices.SortFunc(all, func(a, b graphItem) int {
		if c := b.at.Compare(a.at); c != 0 {
			return c
		}
		return strings.Compare(b.key, a.key)
	})
	return all
}

func (m *microsoft) listAll(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	return m.list(w, r, who, "")
}

func (m *microsoft) listFolder(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	folder, ok := folderOf(who.box.Address, r.PathValue("folder"))
	if !ok {
		return m.noItem()
	}
	return m.list(w, r, who, folder)
}

// list is user: list messages (learn.microsoft.com/graph/api/user-list-messages).
func (m *microsoft) list(w http.ResponseWriter, r *http.Request, who actor, folder string) *graphError {
	q, bad := m.readQuery(r.URL.Query(), folder)
	if bad != nil {
		return bad
	}
	all := m.items(who, q)
	all = all[min(q.skip, len(all)):]
	page := all[:min(q.top, len(all))]
	answer := map[string]any{"@odata.context": m.url + "/v1.0/$metadata#users('" + who.box.id + "')/messages"}
	shown := []map[string]any{}
	for _, i := range page {
		shown = append(shown, i.json(r, q.fields))
	}
	answer["value"] = shown
	if len(all) > len(page) {
		next := *r.URL
		v := next.Query()
		v.Set("$skip", strconv.Itoa(q.skip+len(page)))
		next.RawQuery = v.Encode()
		answer["@odata.nextLink"] = m.url + next.RequestURI()
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// showFolder is mailFolder: get.
func (m *microsoft) showFolder(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	folder, ok := folderOf(who.box.Address, r.PathValue("folder"))
	if !ok {
		return m.noItem()
	}
	titles := map[string]string{folderDrafts: "Drafts", folderSent: "Sent Items", folderInbox: "Inbox"}
	writeJSON(w, http.StatusOK, map[string]any{
		"id": folderID(who.box.Address, folder), "displayName": titles[folder], "isHidden": false,
		"totalItemCount": len(m.items(who, graphQuery{folder: folder, top: maxGraphPage})),
	})
	return nil
}
