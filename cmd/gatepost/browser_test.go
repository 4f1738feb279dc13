package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// browserCode is a user with a browser and no JavaScript: it opens an address and
// sends the forms that it meets, until a page has none. BROWSER_ACCOUNT chooses
// another mailbox, BROWSER_LEAVE leaves the boxes of scopes unticked that end so,
// BROWSER_CANCEL presses Cancel. The last page is printed.
func browserCode() int {
	b, err := newBrowser()
	if err == nil {
		err = errors.Join(seen(), b.visit(os.Args[1]))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// seen keeps what the browser was opened with, as the list of processes shows it, in
// the file BROWSER_SEEN.
func seen() error {
	name := os.Getenv("BROWSER_SEEN")
	if name == "" {
		return nil
	}
	return os.WriteFile(name, []byte(strings.Join(os.Args[1:], " ")+"\n"), 0o600)
}

type browser struct{ http *http.Client }

func newBrowser() (*browser, error) {
	pem, err := os.ReadFile(os.Getenv("GATEPOST_CA_FILE"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	jar, err := cookiejar.New(nil)
	return &browser{&http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}}, err
}

func (b *browser) visit(address string) error {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	for range 6 {
		resp, err := b.http.Do(req)
		if err != nil {
			return err
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if req, err = form(resp.Request.URL, page); err != nil || req == nil {
			fmt.Printf("%s\n%s\n", resp.Status, page)
			return err
		}
	}
	return fmt.Errorf("a form after a form at %s", req.URL.Path)
}

// form is the request that the page's first form makes; nil when it has none.
func form(at *url.URL, page []byte) (*http.Request, error) {
	root, err := html.Parse(strings.NewReader(string(page)))
	if err != nil {
		return nil, err
	}
	var node *html.Node
	values := url.Values{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && attr(n, "method") == "post" && node == nil {
			node = n
		}
	}
	if node == nil || at.Path == "/connect/callback" { // there the form is to begin again
		return nil, nil
	}
	for n := range node.Descendants() {
		if n.Type == html.ElementNode {
			fill(values, n)
		}
	}
	to, err := at.Parse(cmp.Or(attr(node, "action"), at.String()))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

func fill(values url.Values, n *html.Node) {
	name, value := attr(n, "name"), attr(n, "value")
	ticked := slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "checked" })
	leave := os.Getenv("BROWSER_LEAVE")
	switch {
	case name == "":
	case name == "account":
		values.Set(name, cmp.Or(os.Getenv("BROWSER_ACCOUNT"), value))
	case name == "action":
		values.Set(name, "allow")
		if os.Getenv("BROWSER_CANCEL") != "" {
			values.Set(name, "cancel")
		}
	case attr(n, "type") == "checkbox" && (!ticked || leave != "" && strings.HasSuffix(value, leave)):
	default:
		values.Add(name, value)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
