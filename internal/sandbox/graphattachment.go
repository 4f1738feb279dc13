package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// attachmentSession is an upload of a large file to a draft, in parts
// (learn.microsoft.com/graph/outlook-large-attachments).
type attachmentSession struct {
	id, token string
	draft     *graphDraft
	file      graphFile
	size      int64
	data      []byte
	until     time.Time
}

// Limits of attachments.
const (
	smallFile   = 3 << 20
	largeFile   = 150 << 20
	maxPart     = 4 << 20
	sessionLife = 24 * time.Hour
)

// addAttachment is message: add attachment, up to 3 MB.
func (m *microsoft) addAttachment(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	body, bad := m.readGraphBody(w, r)
	if bad != nil {
		return bad
	}
	f := graphFile{id: graphID(idImmutable, "file"+randomHex(8))}
	if err := json.Unmarshal(body, &f.graphAttachment); err != nil || f.Name == "" {
		return m.newGraphError(http.StatusBadRequest, "ErrorInvalidRequest", "The attachment needs @odata.type, name and contentBytes.")
	}
	if len(f.Content) > smallFile {
		return m.asked("size", 0)
	}
	m.mu.Lock()
	d := m.draft(who, r.PathValue("id"))
	if d != nil {
		d.files = append(d.files, f)
	}
	m.mu.Unlock()
	if d == nil {
		return m.noItem()
	}
	writeJSON(w, http.StatusCreated, f.json())
	return nil
}

func (f graphFile) json() map[string]any {
	return map[string]any{
		"@odata.type": "#microsoft.graph.fileAttachment", "id": f.id, "name": f.Name, "contentType": f.Kind,
		"size": len(f.Content), "isInline": f.Inline, "contentId": f.ContentID,
	}
}

// listAttachments shows the files of a draft, or of a message.
func (m *microsoft) listAttachments(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	item, ok := m.find(who, r.PathValue("id"))
	if !ok {
		return m.noItem()
	}
	list := []map[string]any{}
	for i, a := range (&message{raw: item.raw}).detail().Attachments {
		f := graphFile{id: graphID(idImmutable, "file"+item.key+strconv.Itoa(i))}
		f.Name, f.Kind, f.ContentID = a.Filename, a.ContentType, a.ContentID
		one := f.json()
		one["size"] = a.Size
		list = append(list, one)
	}
	m.mu.RLock()
	if d := m.draft(who, r.PathValue("id")); d != nil {
		for _, f := range d.files {
			list = append(list, f.json())
		}
	}
	m.mu.RUnlock()
	writeJSON(w, http.StatusOK, map[string]any{"value": list})
	return nil
}

// createUploadSession answers with the address to which a large file is put.
func (m *microsoft) createUploadSession(w http.ResponseWriter, r *http.Request, who actor) *graphError {
	body, bad := m.readGraphBody(w, r)
	if bad != nil {
		return bad
	}
	var in struct {
		Item struct {
			Type      string `json:"attachmentType"`
			Name      string `json:"name"`
			Size      int64  `json:"size"`
			Kind      string `json:"contentType"`
			Inline    bool   `json:"isInline"`
			ContentID string `json:"contentId"`
		} `json:"AttachmentItem"`
	}
	err := json.Unmarshal(body, &in)
	item := in.Item
	switch {
	case err != nil || item.Name == "" || item.Type != "file" || item.Size < 1:
		return m.newGraphError(http.StatusBadRequest, "ErrorInvalidRequest", "AttachmentItem needs attachmentType, name and size.")
	case item.Size > largeFile:
		return m.newGraphError(http.StatusBadRequest, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", "The attachment is larger than 150 MB.")
	case item.Size < smallFile:
		return m.newGraphError(http.StatusBadRequest, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", "Attachment size must be greater than the minimum size.")
	}
	p := m.faults.plan(question{stage: atUpload, via: viaMicrosoft, accounts: []string{who.box.Address, who.app.ClientID}})
	if p.is(faultGraphParts) {
		return m.asked(p.outcome.arg, 0)
	}
	s := &attachmentSession{id: rand.Text(), token: rand.Text() + rand.Text(), size: item.Size, until: m.now().Add(sessionLife)}
	s.file.Name, s.file.Kind, s.file.Inline, s.file.ContentID = item.Name, item.Kind, item.Inline, item.ContentID
	if !m.open(who, r.PathValue("id"), s) {
		return m.noItem()
	}
	writeJSON(w, http.StatusCreated, s.state(m.url+"/api/v2.0/AttachmentSessions/"+s.id+"?authtoken="+s.token))
	return nil
}

func (m *microsoft) open(who actor, id string, s *attachmentSession) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for old, x := range m.sessions {
		if !x.until.After(m.now()) || len(m.sessions) >= maxUploads {
			delete(m.sessions, old)
		}
	}
	s.draft = m.draft(who, id)
	m.sessions[s.id] = s
	return s.draft != nil
}

// state tells which bytes are wanted next.
func (s *attachmentSession) state(address string) map[string]any {
	next := fmt.Sprintf("%d-", len(s.data))
	if address == "" {
		next = strconv.Itoa(len(s.data))
	}
	answer := map[string]any{
		"expirationDateTime": odataTime(s.until), "nextExpectedRanges": []string{next},
	}
	if address != "" {
		answer["uploadUrl"] = address
	}
	return answer
}

// session finds an upload. Its address is all that proves the caller: a call with
// Authorization is refused.
func (m *microsoft) session(r *http.Request) (*attachmentSession, *graphError) {
	s := m.sessions[r.PathValue("id")]
	switch {
	case r.Header.Get("Authorization") != "":
		return nil, m.badToken("The upload address must be called without Authorization.")
	case s == nil || s.token != r.URL.Query().Get("authtoken") || !s.until.After(m.now()):
		return nil, m.noItem()
	}
	return s, nil
}

// putAttachment takes a part: in order, and less than 4 MB.
func (m *microsoft) putAttachment(w http.ResponseWriter, r *http.Request) {
	part, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPart))
	if err != nil {
		m.newGraphError(http.StatusRequestEntityTooLarge, "ErrorMessageSizeExceeded", "Request Entity Too Large").write(w, r)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, bad := m.session(r)
	if bad != nil {
		bad.write(w, r)
		return
	}
	span, err := parseContentRange(r.Header.Get("Content-Range"))
	if err != nil || span.first != int64(len(s.data)) || span.total != s.size || span.last-span.first+1 != int64(len(part)) {
		m.newGraphError(http.StatusRequestedRangeNotSatisfiable, "ErrorInvalidRange", "The range is not the next one that is expected.").write(w, r)
		return
	}
	s.data = append(s.data, part...)
	if int64(len(s.data)) < s.size {
		writeJSON(w, http.StatusOK, s.state(""))
		return
	}
	m.finish(s)
	w.Header().Set("Location", "https://outlook.office.com/api/v2.0/Users('"+s.draft.owner.id+"')/Messages('"+graphID(idDraft, s.draft.key)+"')/Attachments('"+s.file.id+"')")
	w.WriteHeader(http.StatusCreated)
}

// showAttachment tells which bytes are wanted next, as Microsoft's own client library
// asks before it goes on with an upload that was broken off.
func (m *microsoft) showAttachment(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, bad := m.session(r)
	if bad != nil {
		bad.write(w, r)
		return
	}
	answer := s.state("")
	answer["nextExpectedRanges"] = []string{fmt.Sprintf("%d-", len(s.data))}
	writeJSON(w, http.StatusOK, answer)
}

// finish attaches the file. It runs under the lock.
func (m *microsoft) finish(s *attachmentSession) {
	s.file.Content, s.file.id = s.data, graphID(idImmutable, "file"+randomHex(8))
	s.draft.files = append(s.draft.files, s.file)
	delete(m.sessions, s.id)
}

// dropAttachment ends an upload.
func (m *microsoft) dropAttachment(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, bad := m.session(r)
	if bad != nil {
		bad.write(w, r)
		return
	}
	delete(m.sessions, s.id)
	w.WriteHeader(http.StatusNoContent)
}
