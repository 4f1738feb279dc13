package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// pages are the parsed pages, by name.
type pages map[string]*template.Template

func readPages() pages {
	set := pages{}
	for _, name := range []string{"link", "connected", "refused", "problem"} {
		set[name] = template.Must(template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html"))
	}
	return set
}

// page is what every page has.
type page struct {
	Title string
	Host  string // where this gatepost is
}

func (s *server) page(title string) page {
	u, err := url.Parse(s.PublicURL())
	if err != nil {
		return page{Title: title}
	}
	return page{Title: title, Host: u.Host}
}

// show answers with a page. It is made whole first: half a page tells nothing.
func (s *server) show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout", data); err != nil {
		s.Log.Error("a page could not be made", "page", name, "error", err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// asset serves a file that is part of the program.
func asset(contentType, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(b)
	}
}

// problemPage is a page for what leads nowhere.
type problemPage struct {
	page
	Text, Fix string
}

func (s *server) notFound(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusNotFound, "problem", problemPage{
		s.page("There is no such link"),
		"The address is not complete, or the link was never made here.",
		"Open it from the message that it came in, in one piece, or ask whoever sent it for a new one.",
	})
}

func (s *server) crossOrigin(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusForbidden, "problem", problemPage{
		s.page("Another site pressed this button"), "So nothing was done.", "Open the link again and press the button there.",
	})
}

// failed is for what a visitor can do nothing about; the log says more.
func (s *server) failed(w http.ResponseWriter, r *http.Request, what string, err error) {
	s.Log.ErrorContext(r.Context(), what, "error", err)
	s.show(w, http.StatusInternalServerError, "problem", problemPage{
		s.page("Something went wrong here"), "It is not your fault, and it has been noted.",
		"Open the link again in a few minutes. If it stays so, tell whoever sent it.",
	})
}
