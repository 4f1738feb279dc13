package sandbox

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed pages
var pageFiles embed.FS

// How much a page shows.
const (
	pageMailboxes = 200
	pageMessages  = 100
	pageSource    = 128 << 10
	pageRefresh   = 5 // seconds
)

// page is what every page needs.
type page struct {
	Title   string
	Refresh int // seconds; 0 for never
}

type indexPage struct {
	page
	Mailboxes    []boxSummary
	MailboxTotal int
	Messages     []Summary
	Faults       []Rule
}

type mailboxPage struct {
	page
	Address        string
	Received, Sent []Summary
}

type messagePage struct {
	page
	Detail
	Source     string
	SourceMore bool
}

type missingPage struct{ page }

// pages are the parsed templates.
type pages map[string]*template.Template

func newPages() pages {
	set := pages{}
	for _, name := range []string{"index", "mailbox", "message", "missing"} {
		set[name] = template.Must(template.New("layout.html").Funcs(pageFuncs()).
			ParseFS(pageFiles, "pages/layout.html", "pages/list.html", "pages/"+name+".html"))
	}
	return set
}

func pageFuncs() template.FuncMap {
	return template.FuncMap{
		"clock":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"size":    size,
		"join":    func(list []string) string { return strings.Join(list, ", ") },
		"escape":  url.PathEscape,
		"header":  headerOf,
		"initial": initial,
	}
}

// initial stands for a picture of someone.
func initial(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	if size == 0 {
		return "?"
	}
	return string(unicode.ToUpper(first))
}

// headerOf finds the first field of a name among a message's lines.
func headerOf(lines []HeaderLine, name string) string {
	for _, l := range lines {
		if strings.EqualFold(l.Name, name) {
			return l.Value
		}
	}
	return ""
}

// size is a number of bytes for people.
func size(b int) string {
	switch {
	case b < 1000:
		return fmt.Sprintf("%d B", b)
	case b < 1000*1000:
		return fmt.Sprintf("%.1f KB", float64(b)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(b)/1000/1000)
}

// addPages is the site map.
func (c *control) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", c.showIndex)
	mux.HandleFunc("GET /mailbox", c.showIndex)
	mux.HandleFunc("GET /mailbox/{address}", c.showMailbox)
	mux.HandleFunc("GET /message/{id}", c.showMessagePage)
	mux.HandleFunc("GET /message/{id}/raw", c.showRaw)
	mux.HandleFunc("GET /message/{id}/html", c.showHTML)
	mux.HandleFunc("GET /message/{id}/part/{n}", c.showPart)
	mux.HandleFunc("GET /style.css", showStyle)
	mux.HandleFunc("GET /", c.showMissing)
}

func (c *control) showIndex(w http.ResponseWriter, _ *http.Request) {
	boxes, total := c.post.store.summaries(pageMailboxes)
	c.show(w, http.StatusOK, "index", indexPage{
		page{"Mailboxes", pageRefresh},
		boxes, total,
		summaries(c.post.store.latest(pageMessages)), c.faults.list(),
	})
}

func (c *control) showMailbox(w http.ResponseWriter, r *http.Request) {
	address := r.PathValue("address")
	c.show(w, http.StatusOK, "mailbox", mailboxPage{
		page{address, pageRefresh},
		address,
		summaries(c.post.store.in(address, labelInbox, pageMessages)),
		summaries(c.post.store.in(address, labelSent, pageMessages)),
	})
}

func (c *control) showMessagePage(w http.ResponseWriter, r *http.Request) {
	m, ok := c.post.store.message(r.PathValue("id"))
	if !ok {
		c.showMissing(w, r)
		return
	}
	d := m.detail()
	title := d.Subject
	if title == "" {
		title = "(no subject)"
	}
	c.show(w, http.StatusOK, "message", messagePage{
		page{Title: title},
		d,
		strings.ToValidUTF8(string(m.raw[:min(len(m.raw), pageSource)]), "\uFFFD"), len(m.raw) > pageSource,
	})
}

// showRaw gives the message's bytes as a file to keep, never to be shown as a
// page of this site.
func (c *control) showRaw(w http.ResponseWriter, r *http.Request) {
	m, ok := c.post.store.message(r.PathValue("id"))
	if !ok {
		c.showMissing(w, r)
		return
	}
	secure(w)
	w.Header().Set("Content-Type", "message/rfc822")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.ProviderID+`.eml"`)
	_, _ = w.Write(m.raw)
}

func (c *control) showMissing(w http.ResponseWriter, _ *http.Request) {
	c.show(w, http.StatusNotFound, "missing", missingPage{page{Title: "Not found"}})
}

func (c *control) show(w http.ResponseWriter, status int, name string, data any) {
	var body bytes.Buffer
	if err := c.pages[name].Execute(&body, data); err != nil {
		c.post.log.Error("page not shown", "page", name, "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	secure(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

// secure keeps what a message brings from acting: no script, no frame but of this
// site, nothing loaded from elsewhere.
func secure(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

func showStyle(w http.ResponseWriter, r *http.Request) {
	secure(w)
	http.ServeFileFS(w, r, pageFiles, "pages/style.css")
}
