package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// graphDraft is a message that was not sent. The copy in Sent Items that it becomes
// carries its key, so the immutable id of both is one.
type graphDraft struct {
	key   string
	owner *entraUser
	raw   []byte
	files []graphFile
	at    time.Time
}

// graphFile is an attachment that was added to a draft.
type graphFile struct {
	graphAttachment
	id string
}

// createDraft makes a draft from JSON, or from MIME in base64 as text/plain
// (learn.microsoft.com/graph/api/user-post-messages).
func (m *microsoft) createDraft(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	body, bad := m.readGraphBody(w, r)
	if bad != nil {
		return bad
	}
	raw, bad := m.draftOf(r, body, who)
	if bad != nil {
		return bad
	}
	head := readHeader(raw)
	if head.first("Message-Id") == "" {
		raw = head.with(change{"Message-ID", newExchangeID()})
	}
	to, _ := recipientsOf(head) // a draft may lack them
	p := m.faults.plan(question{
		stage: atDraft, via: viaMicrosoft, accounts: []string{who.box.Address, who.app.ClientID}, recipients: to, key: attemptKey(head),
	})
	switch p.outcome.name {
	case faultGraphDraft:
		return m.asked(p.outcome.arg, 0)
	case faultDraftProxy:
		return &graphError{status: p.outcome.proxyStatus(), proxy: true}
	}
	d := &graphDraft{key: m.post.store.nextID(), owner: who.box, raw: raw, at: m.now()}
	m.mu.Lock()
	full := len(m.drafts) >= maxDrafts
	if !full && !p.is(faultDraftGone) {
		m.drafts[d.key] = d
	}
	m.mu.Unlock()
	switch {
	case full:
		return m.asked("quota", 0)
	case p.is(faultDraftErrorAfter):
		return m.newGraphError(p.outcome.number(serverErrorAs), "UnknownError", "")
	}
	item := d.item()
	w.Header().Set("Location", m.url+"/v1.0/users('"+who.box.id+"')/messages('"+item.id(r)+"')")
	writeJSON(w, http.StatusCreated, item.json(r, nil))
	return nil
}

// draftOf reads the body of a new draft.
func (m *microsoft) draftOf(r *http.Request, body []byte, who actor) ([]byte, *graphError) {
	if isMIME(r) {
		return m.rawOf(body)
	}
	var in graphMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, m.newGraphError(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	raw, problem := in.mime(who.box.Address, m.now())
	if problem != "" {
		return nil, m.newGraphError(http.StatusBadRequest, "ErrorInvalidRequest", problem)
	}
	return raw, nil
}

// draft finds a draft of a mailbox by one of its ids. It runs under the lock.
func (m *microsoft) draft(who actor, id string) *graphDraft {
	kind, key, ok := readGraphID(id)
	d := m.drafts[key]
	if !ok || kind == idStored || d == nil || d.owner != who.box {
		return nil
	}
	return d
}

// sendDraft is message: send (learn.microsoft.com/graph/api/message-send). The draft
// is gone in the moment in which its message is taken: of several calls one sends it.
func (m *microsoft) sendDraft(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	if _, bad := m.readGraphBody(w, r); bad != nil {
		return bad
	}
	m.mu.Lock()
	d := m.draft(who, r.PathValue("id"))
	var out graphOutgoing
	if d != nil {
		out = graphOutgoing{raw: d.whole(), id: d.key}
	}
	m.mu.Unlock()
	if d == nil {
		return m.noItem()
	}
	out.last = func() bool {
		_, there := m.drafts[d.key]
		delete(m.drafts, d.key)
		return there
	}
	return m.sendNow(w, r, who, out)
}

// whole is the draft's message with what was attached to it.
func (d *graphDraft) whole() []byte {
	var files []graphAttachment
	for _, f := range d.files {
		files = append(files, f.graphAttachment)
	}
	return attach(d.raw, files)
}

// deleteItem deletes a draft. Other messages stay: the world keeps what it took.
func (m *microsoft) deleteItem(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	m.mu.Lock()
	d := m.draft(who, r.PathValue("id"))
	if d != nil {
		delete(m.drafts, d.key)
	}
	m.mu.Unlock()
	if d == nil {
		return m.noItem()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
