package sandbox

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const labelDraft = "DRAFT"

// draft is a message that was not sent. It keeps its id until it is sent or
// deleted; what is sent from it has an id of its own.
type draft struct {
	id    string
	seq   uint64
	owner string // in lower case
	out   outgoing
	ref   messageRef // of the message within
	at    int64      // milliseconds
}

// drafts are all drafts of all mailboxes.
type drafts struct {
	mu  sync.Mutex
	all []*draft // in the order in which they were made
	seq uint64
}

// maxDrafts bounds what a runaway client can leave here.
const maxDrafts = 100_000

func (d *drafts) add(one *draft) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) >= maxDrafts {
		return false
	}
	d.seq++
	one.seq = d.seq
	one.id = fmt.Sprintf("r%019d", rand.Uint64N(1e18))
	d.all = append(d.all, one)
	return true
}

// take removes a draft: of several that want the same one, one gets it.
func (d *drafts) take(owner, id string) (*draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.index(owner, id)
	if i < 0 {
		return nil, false
	}
	one := d.all[i]
	d.all = slices.Delete(d.all, i, i+1)
	return one, true
}

func (d *drafts) find(owner, id string) (*draft, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.index(owner, id)
	if i < 0 {
		return nil, false
	}
	return d.all[i], true
}

func (d *drafts) index(owner, id string) int {
	return slices.IndexFunc(d.all, func(x *draft) bool { return x.id == id && strings.EqualFold(x.owner, owner) })
}

// of lists a mailbox's drafts, newest first, below a place in their order.
func (d *drafts) of(owner string, below uint64, limit int) (page []*draft, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range slices.Backward(d.all) {
		if owner != "" && !strings.EqualFold(x.owner, owner) || below > 0 && x.seq >= below {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, x)
	}
	return page, false
}

// createDraft is users.drafts.create, with the message in JSON.
func (g *google) createDraft(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	body, bad := readBody(w, r, maxJSONBody)
	if bad != nil {
		return bad
	}
	var in struct {
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &in) != nil {
		return newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if len(in.Message) == 0 {
		return invalidArgument(textNoRaw)
	}
	out, bad := rawOfJSON(in.Message)
	if bad != nil {
		return bad
	}
	return g.keepDraft(w, r, who, out)
}

// uploadDraft is users.drafts.create with the message as it is (uploadType=media),
// or after the draft's metadata (uploadType=multipart).
func (g *google) uploadDraft(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, bad := readBody(w, r, maxMessage+uploadFrame)
	if bad != nil {
		return bad
	}
	out := outgoing{raw: body}
	switch r.URL.Query().Get("uploadType") {
	case "media":
		if !strings.HasPrefix(kind, "message/") {
			return badMedia(kind)
		}
	case "multipart":
		if params["boundary"] == "" {
			return badMultipart()
		}
		if out, bad = draftOfMultipart(body, params["boundary"]); bad != nil {
			return bad
		}
	default:
		return invalidArgument("Invalid value for uploadType: drafts take media or multipart here")
	}
	if len(out.raw) > maxMessage {
		return tooLarge()
	}
	return g.keepDraft(w, r, who, out)
}

// keepDraft makes a draft, unless a fault is asked for.
func (g *google) keepDraft(w http.ResponseWriter, r *http.Request, who caller, out outgoing) *apiError {
	if bad := g.checkThread(who.user, out.thread); bad != nil {
		return bad
	}
	head := readHeader(out.raw)
	to, _ := recipientsOf(head) // a draft may lack them
	p := g.faults.plan(question{stage: atDraft, via: viaGmail, accounts: []string{who.user}, recipients: to, key: attemptKey(head)})
	switch p.outcome.name {
	case faultGmailDraft:
		return gmailFault(p.outcome.arg)
	case faultDraftProxy:
		return &apiError{Code: p.outcome.proxyStatus(), proxy: true}
	}
	id := g.post.store.nextID()
	one := &draft{
		owner: strings.ToLower(who.user), out: out, at: g.now().UnixMilli(),
		ref: messageRef{ID: id, ThreadID: id, LabelIDs: []string{labelDraft}},
	}
	if out.thread != "" {
		one.ref.ThreadID = out.thread
	}
	if !g.drafts.add(one) {
		return newError(http.StatusForbidden, "quotaExceeded", "There are too many drafts")
	}
	switch p.outcome.name {
	case faultDraftErrorAfter:
		return backendError(p.outcome.number(serverErrorAs))
	case faultDraftGone:
		g.drafts.take(who.user, one.id)
	}
	writeJSON(w, http.StatusOK, one.answer(nil))
	return nil
}

// draftAnswer is a draft as the API shows it.
type draftAnswer struct {
	ID      string `json:"id"`
	Message any    `json:"message"`
}

func (d *draft) answer(message any) draftAnswer {
	if message == nil {
		message = d.ref
	}
	return draftAnswer{d.id, message}
}

// listDrafts is users.drafts.list: newest first.
func (g *google) listDrafts(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	q, bad := g.listQuery(r.URL.Query(), who)
	if bad != nil {
		return bad
	}
	page, more := g.drafts.of(who.user, q.before, q.limit)
	answer := struct {
		Drafts        []draftAnswer `json:"drafts,omitempty"`
		NextPageToken string        `json:"nextPageToken,omitempty"`
		Estimate      int           `json:"resultSizeEstimate"`
	}{Estimate: len(page)}
	for _, one := range page {
		answer.Drafts = append(answer.Drafts, one.answer(messageRef{ID: one.ref.ID, ThreadID: one.ref.ThreadID}))
	}
	if more {
		answer.NextPageToken = pageToken(page[len(page)-1].seq)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// showDraft is users.drafts.get.
func (g *google) showDraft(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	one, ok := g.drafts.find(who.user, r.PathValue("id"))
	if !ok {
		return notFound()
	}
	format := r.URL.Query().Get("format")
	if format == "" {
		format = "full"
	}
	b := &boxed{id: one.ref.ID, thread: one.ref.ThreadID, labels: one.ref.LabelIDs, raw: one.out.raw, of: &message{}}
	m, bad := b.as(format, nil)
	if bad != nil {
		return bad
	}
	m.InternalDate = strconv.FormatInt(one.at, 10)
	writeJSON(w, http.StatusOK, one.answer(m))
	return nil
}

// sendDraft is users.drafts.send for a draft that is there. It is gone in the moment
// in which its message is taken: of several calls one sends it.
func (g *google) sendDraft(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	body, bad := readBody(w, r, maxJSONBody)
	if bad != nil {
		return bad
	}
	var in struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(body, &in) != nil {
		return newError(http.StatusBadRequest, "parseError", "Parse Error")
	}
	if in.ID == "" {
		return invalidArgument("Missing draft id")
	}
	one, ok := g.drafts.find(who.user, in.ID)
	if !ok {
		return notFound()
	}
	out := one.out
	out.last = func() bool {
		_, there := g.drafts.take(who.user, in.ID)
		return there
	}
	return g.sendNow(w, r, who, out)
}

// deleteDraft is users.drafts.delete: for good.
func (g *google) deleteDraft(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	if _, ok := g.drafts.take(who.user, r.PathValue("id")); !ok {
		return notFound()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listAllDrafts shows the drafts of a mailbox (account), or of all, to whoever runs
// the world.
func (c *control) listAllDrafts(w http.ResponseWriter, r *http.Request) {
	page, _ := c.google.drafts.of(r.URL.Query().Get("account"), 0, maxDrafts)
	type shown struct {
		ID         string `json:"id"`
		Account    string `json:"account"`
		GatepostID string `json:"gatepost_id"`
	}
	list := []shown{}
	for _, one := range page {
		list = append(list, shown{one.id, one.owner, attemptKey(readHeader(one.out.raw))})
	}
	writeJSON(w, http.StatusOK, map[string]any{"drafts": list})
}
