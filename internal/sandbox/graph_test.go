package sandbox

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const immutable = `IdType="ImmutableId"`

type graphShown struct {
	ID       string
	IsDraft  bool
	ParentID string       `json:"parentFolderId"`
	Internet string       `json:"internetMessageId"`
	Headers  []HeaderLine `json:"internetMessageHeaders"`
}

type graphList struct {
	Value []graphShown
	Next  string `json:"@odata.nextLink"`
}

func (m ms) writer() (App, string) {
	a := m.app(AppOptions{Roles: []string{"Mail.Send", "Mail.ReadWrite", "User.Read.All"}})
	return a, m.appToken(a, defaultG)
}

func (m ms) send(token, user, raw string) answer {
	return m.graph("POST", "/v1.0/users/"+user+"/sendMail", token, "text/plain", mimeBody(raw))
}

// wants checks a refusal of Graph.
func (a answer) wants(t *testing.T, what string, status int, code, text string) {
	t.Helper()
	if gotCode, gotText := a.graphCode(); a.status != status || gotCode != code || !strings.Contains(gotText, text) {
		t.Errorf("%s: %d %.300s, want %d %s %s", what, a.status, a.body, status, code, text)
	}
}

func TestADraftKeepsItsImmutableID(t *testing.T) {
	m := microsoftWorld(t)
	_, token := m.writer()
	room := "/v1.0/users/" + adaMS
	made := m.graph("POST", room+"/messages", token, "text/plain", mimeBody(mailFrom(adaMS, "bob@example.net", "Bcc: eve@example.net")), "Prefer", immutable)
	var d, plain graphShown
	if made.into(t, &d); made.status != 201 || !d.IsDraft || d.Internet != "<one@acme.example>" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	m.graph("GET", room+"/messages/"+d.ID, token, "", "").into(t, &plain)
	if plain.ID == d.ID || !plain.IsDraft {
		t.Errorf("the default id: %+v", plain)
	}
	m.add(Rule{Fault: faultErrorAfter, Count: 1})
	if got := m.graph("POST", room+"/messages/"+d.ID+"/send", token, "", ""); got.status != 504 {
		t.Fatalf("send: %d %s", got.status, got.body)
	}
	m.graph("POST", room+"/messages/"+d.ID+"/send", token, "", "").wants(t, "send again", 404, "ErrorItemNotFound", "")
	m.graph("GET", room+"/messages/"+plain.ID, token, "", "").wants(t, "the old id", 404, "ErrorItemNotFound", "")
	var sent, folder graphShown
	m.graph("GET", room+"/messages/"+d.ID+"?$select=isDraft,parentFolderId,internetMessageHeaders", token, "", "", "Prefer", immutable).into(t, &sent)
	m.graph("GET", room+"/mailFolders/sentitems", token, "", "").into(t, &folder)
	if sent.IsDraft || sent.ID != d.ID || sent.ParentID != folder.ID || headerOf(sent.Headers, "X-Gatepost-Id") != "msg_1" {
		t.Errorf("%+v, folder %s", sent, folder.ID)
	}
	if got := m.ledger(t); len(got) != 1 || strings.Join(got[0].Recipients, " ") != "bob@example.net eve@example.net" {
		t.Errorf("ledger: %+v", got)
	}
	for _, one := range m.post.store.in("bob@example.net", labelInbox, 1) {
		if strings.Contains(string(one.raw), "Bcc") {
			t.Error("the recipient sees Bcc")
		}
	}
}

// add puts a fault in force.
func (m ms) add(r Rule) {
	m.t.Helper()
	m.must(r.check())
	m.faults.add(r)
}

func TestSentItemsAreFoundLate(t *testing.T) {
	now := time.Now()
	m := microsoftWorld(t, func(c *Config) { c.Now, c.SentDelay = func() time.Time { return now }, time.Minute })
	_, token := m.writer()
	for i := range 3 {
		raw := strings.ReplaceAll(mailFrom(adaMS, "bob@example.net"), "<one@", fmt.Sprintf("<n%d@", i))
		if got := m.send(token, adaMS, raw); got.status != 202 || got.body != "" {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	find := "/v1.0/users/" + adaMS + "/messages?" + url.Values{"$filter": {"internetMessageId eq '<n1@acme.example>'"}}.Encode()
	var got graphList
	if m.graph("GET", find, token, "", "").into(t, &got); len(got.Value) != 0 {
		t.Errorf("too early: %+v", got)
	}
	now = now.Add(2 * time.Minute)
	token = m.appToken(m.app(AppOptions{Roles: []string{"Mail.ReadBasic.All"}}), defaultG)
	if m.graph("GET", find, token, "", "").into(t, &got); len(got.Value) != 1 || got.Value[0].Internet != "<n1@acme.example>" {
		t.Errorf("later: %+v", got)
	}
	next := "/v1.0/users/" + adaMS + "/mailFolders/sentitems/messages?$top=2&$select=internetMessageId"
	var all []string
	for next != "" {
		got = graphList{}
		m.graph("GET", next, token, "", "").into(t, &got)
		for _, one := range got.Value {
			all = append(all, one.Internet)
		}
		next = got.Next
	}
	if strings.Join(all, " ") != "<n2@acme.example> <n1@acme.example> <n0@acme.example>" {
		t.Errorf("pages: %v", all)
	}
	m.graph("GET", find+"&$orderby=subject", token, "", "").wants(t, "orderby", 400, "InefficientFilter", "")
}

func TestGraphRefusesTokensAndMailboxes(t *testing.T) {
	m := microsoftWorld(t)
	a, token := m.writer()
	raw := mailFrom(adaMS, "bob@example.net")
	me := func(token string) answer {
		return m.graph("POST", "/v1.0/me/sendMail", token, "text/plain", mimeBody(raw))
	}
	me("").wants(t, "no token", 401, "InvalidAuthenticationToken", "Access token is empty.")
	me("x").wants(t, "no JWT", 401, "InvalidAuthenticationToken", "CompactToken parsing failed")
	me(m.appToken(a, defaultO)).wants(t, "for Outlook", 401, "InvalidAuthenticationToken", "Invalid audience.")
	me(token).wants(t, "/me without a user", 400, "BadRequest", "/me request is only valid with delegated authentication flow.")
	m.send(token, "nobody@"+MicrosoftDomain, raw).wants(t, "no user", 404, "ErrorInvalidUser", "")
	m.send(token, "no-mailbox@"+MicrosoftDomain, raw).wants(t, "no licence", 404, "MailboxNotEnabledForRESTAPI", "inactive, soft-deleted")
	m.send(m.appToken(m.app(AppOptions{}), defaultG), adaMS, raw).wants(t, "no role", 403, "ErrorAccessDenied", "Check credentials")
	m.send(token, adaMS, strings.Replace(raw, adaMS, "bob@"+MicrosoftDomain, 1)).wants(t, "another author", 403, "ErrorSendAsDenied", "on behalf of")
	m.graph("POST", "/v1.0/users/"+adaMS+"/sendMail", token, "text/plain", "%%%").wants(t, "no base64", 400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
	m.graph("POST", "/v1.0/users/"+adaMS+"/sendMail", token, "text/plain", strings.Repeat("QUFB", 1<<20+1)).wants(t, "too much", 413, "ErrorMessageSizeExceeded", "")
	m.send(token, adaMS, "From: "+adaMS+"\r\n\r\nx").wants(t, "no recipient", 400, "ErrorInvalidRecipients", "")
	m.must(m.AddAccessPolicy("", a.ClientID, "other@"+MicrosoftDomain))
	m.send(token, adaMS, raw).wants(t, "policy", 403, "ErrorAccessDenied", "[RAOP]")
	m.must(m.AddUser(UserOptions{Address: "full@" + MicrosoftDomain, Full: true}))
	m.must(m.AddUser(UserOptions{Address: "few@" + MicrosoftDomain, RecipientsPerDay: 1}))
	b := m.app(AppOptions{})
	m.must(m.AddRoleAssignment("", RoleAssignment{ClientID: b.ClientID, Role: "Application Mail.Send", Mailboxes: []string{"full@" + MicrosoftDomain, "few@" + MicrosoftDomain}}))
	scoped := m.appToken(b, defaultG)
	m.send(scoped, adaMS, raw).wants(t, "out of the role's scope", 403, "ErrorAccessDenied", "Check credentials")
	m.send(scoped, "full@"+MicrosoftDomain, mailFrom("full@"+MicrosoftDomain, "x@example.net")).wants(t, "full", 507, "ErrorQuotaExceeded", "")
	m.send(scoped, "few@"+MicrosoftDomain, mailFrom("few@"+MicrosoftDomain, "x@example.net, y@example.net")).wants(t, "quota", 429, "ErrorSubmissionQuotaExceeded", "")
	if got := m.ledger(t); len(got) != 0 {
		t.Errorf("something was taken: %+v", got)
	}
}

func TestASharedMailboxNeedsItsRights(t *testing.T) {
	m := microsoftWorld(t)
	shared := "info@" + MicrosoftDomain
	m.must(m.AddMailbox(UserOptions{Address: shared}))
	a := m.webApp()
	narrow := m.userToken(a, "bob@"+MicrosoftDomain, mailSend).AccessToken
	m.send(narrow, shared, mailFrom(shared, "x@example.net")).wants(t, "Mail.Send alone", 403, "ErrorAccessDenied", "")
	token := m.userToken(a, adaMS, mailSend+".Shared").AccessToken
	m.send(token, shared, mailFrom(shared, "x@example.net")).wants(t, "no right", 403, "ErrorAccessDenied", "")
	m.must(m.AddMailboxPermission(shared, adaMS))
	m.send(token, shared, mailFrom(shared, "x@example.net")).wants(t, "FullAccess alone", 403, "ErrorSendAsDenied", "")
	m.must(m.AddSendAs(shared, adaMS))
	if got := m.send(token, shared, mailFrom(shared, "x@example.net")); got.status != 202 {
		t.Errorf("%d %s", got.status, got.body)
	}
	from := `{"message":{"subject":"Hello","body":{"contentType":"HTML","content":"<p>ü</p>"},"from":{"emailAddress":{"address":"` + shared +
		`"}},"toRecipients":[{"emailAddress":{"address":"x@example.net"}}],"internetMessageHeaders":[{"name":"x-gatepost-id","value":"msg_2"}],` +
		`"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentType":"text/plain","contentBytes":"aGk="}]},"saveToSentItems":false}`
	if got := m.graph("POST", "/v1.0/me/sendMail", token, "application/json", from); got.status != 202 {
		t.Fatalf("JSON: %d %s", got.status, got.body)
	}
	one := m.post.store.latest(1)[0].detail()
	if one.GatepostID != "msg_2" || one.Account != adaMS || one.HTML != "<p>ü</p>\r\n" && one.HTML != "<p>ü</p>" || len(one.Attachments) != 1 || headerOf(one.Headers, "From") != "<"+shared+">" {
		t.Errorf("%+v", one)
	}
	if sent := m.post.store.in(adaMS, labelSent, 5); len(sent) != 0 {
		t.Errorf("saveToSentItems is false, and %d copies are there", len(sent))
	}
}

func TestTheFifthCallAtOnceIsTooMuch(t *testing.T) {
	m := microsoftWorld(t)
	a, token := m.writer()
	m.add(Rule{Fault: faultTimeoutBefore, Via: viaMicrosoft, Account: adaMS, Count: 4})
	for range 4 {
		go func() {
			_, _ = m.tryGraph("POST", "/v1.0/users/"+adaMS+"/sendMail", token, "text/plain", mimeBody(mailFrom(adaMS, "bob@example.net")))
		}()
	}
	box := func() int {
		m.microsoft.mu.RLock()
		defer m.microsoft.mu.RUnlock()
		return m.microsoft.busy[a.ClientID+" "+guidOf("user "+adaMS)]
	}
	for end := time.Now().Add(10 * time.Second); box() < 4; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("four calls are not under way")
		}
	}
	got := m.send(token, adaMS, mailFrom(adaMS, "bob@example.net"))
	if got.wants(t, "the fifth", 429, "ApplicationThrottled", "MailboxConcurrency"); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if other := m.send(token, "bob@"+MicrosoftDomain, mailFrom("bob@"+MicrosoftDomain, "x@example.net")); other.status != 202 {
		t.Errorf("another mailbox: %d", other.status)
	}
}

func TestALargeFileIsUploadedInOrder(t *testing.T) {
	m := microsoftWorld(t)
	_, token := m.writer()
	room := "/v1.0/users/" + adaMS + "/messages"
	var d, s struct {
		ID   string
		URL  string   `json:"uploadUrl"`
		Next []string `json:"nextExpectedRanges"`
	}
	m.graph("POST", room, token, "text/plain", mimeBody(mailFrom(adaMS, "bob@example.net", "Content-Type: text/plain"))).into(t, &d)
	file := strings.Repeat("0123456789abcdef", 5<<16)
	begin := m.graph("POST", room+"/"+d.ID+"/attachments/createUploadSession", token, "application/json",
		fmt.Sprintf(`{"AttachmentItem":{"attachmentType":"file","name":"big.bin","size":%d}}`, len(file)))
	if begin.into(t, &s); begin.status != 201 || len(s.Next) != 1 || s.Next[0] != "0-" {
		t.Fatalf("%d %s", begin.status, begin.body)
	}
	put := func(first, last int, token string) answer {
		return m.graph("PUT", s.URL, token, "application/octet-stream", file[first:last+1], "Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(file)))
	}
	half := 3 << 20
	if got := put(0, half-1, token); got.status != 401 {
		t.Errorf("with Authorization: %d", got.status)
	}
	if got := put(half, len(file)-1, ""); got.status != 416 {
		t.Errorf("out of order: %d", got.status)
	}
	if got := put(0, half-1, ""); got.status != 200 || !strings.Contains(got.body, fmt.Sprintf(`"nextExpectedRanges":["%d"]`, half)) {
		t.Errorf("first: %d %s", got.status, got.body)
	}
	if got := m.graph("GET", s.URL, "", "", ""); got.status != 200 || !strings.Contains(got.body, fmt.Sprintf(`"nextExpectedRanges":["%d-"]`, half)) {
		t.Errorf("how far: %d %s", got.status, got.body)
	}
	if got := put(half, len(file)-1, ""); got.status != 201 || got.header.Get("Location") == "" {
		t.Errorf("last: %d %s", got.status, got.body)
	}
	if got := m.graph("GET", s.URL, "", "", ""); got.status != 404 {
		t.Errorf("an upload that has ended: %d %s", got.status, got.body)
	}
	if got := m.graph("POST", room+"/"+d.ID+"/send", token, "", ""); got.status != 202 {
		t.Fatalf("send: %d %s", got.status, got.body)
	}
	one := m.post.store.latest(1)[0].detail()
	if len(one.Attachments) != 1 || one.Attachments[0].Size != len(file) || strings.TrimSpace(one.Text) != "Hi." || one.Problem != "" {
		t.Errorf("%+v %q %s", one.Attachments, one.Text, one.Problem)
	}
}

func TestTheDirectoryTellsOfUsers(t *testing.T) {
	m := microsoftWorld(t)
	_, token := m.writer()
	if got := m.graph("GET", "/v1.0/users/"+adaMS, token, "", ""); got.status != 200 || !strings.Contains(got.body, `"userPrincipalName":"`+adaMS+`"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	m.graph("GET", "/v1.0/users/nobody@"+MicrosoftDomain, token, "", "").wants(t, "nobody", 404, "Request_ResourceNotFound", "")
	a := m.webApp()
	got := m.userToken(a, adaMS, "https://graph.microsoft.com/User.Read https://graph.microsoft.com/User.RevokeSessions.All offline_access")
	if me := m.graph("GET", "/v1.0/me", got.AccessToken, "", ""); me.status != 200 {
		t.Errorf("/me: %d %s", me.status, me.body)
	}
	m.graph("GET", "/v1.0/users/bob@"+MicrosoftDomain, got.AccessToken, "", "").wants(t, "another user", 403, "Authorization_RequestDenied", "")
	if end := m.graph("POST", "/v1.0/me/revokeSignInSessions", got.AccessToken, "", ""); end.status != 200 {
		t.Errorf("revoke: %d %s", end.status, end.body)
	}
	m.token("common", m.refreshForm(a, got.RefreshToken, "https://graph.microsoft.com/User.Read")).wants(t, "after", 400, "invalid_grant", 50173)
}

func TestHeadersOfJSONMustBeginWithX(t *testing.T) {
	m := microsoftWorld(t)
	_, token := m.writer()
	body := `{"message":{"toRecipients":[{"emailAddress":{"address":"x@example.net"}}],"internetMessageHeaders":[{"name":"List-Id","value":"x"}]}}`
	m.graph("POST", "/v1.0/users/"+adaMS+"/sendMail", token, "application/json", body).wants(t, "List-Id", 400, "ErrorInvalidRequest", "should start with 'x-'")
	m.graph("POST", "/v1.0/users/"+adaMS+"/messages", token, "application/json", body[len(`{"message":`):len(body)-1]).wants(t, "a draft", 400, "ErrorInvalidRequest", "should start with 'x-'")
}

func FuzzReadGraphID(f *testing.F) {
	f.Add(graphID(idDraft, "1"))
	f.Add(graphID(idImmutable, "2"))
	f.Add(idPrefix + base64.URLEncoding.EncodeToString([]byte("M::")))
	f.Fuzz(func(t *testing.T, id string) {
		if kind, key, ok := readGraphID(id); ok && kind != "" && key != "" {
			if again, same, _ := readGraphID(graphID(kind, key)); again != kind || same != key {
				t.Errorf("%q", id)
			}
		}
	})
}
