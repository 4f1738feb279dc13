package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"gatepost/client"
)

// consent leads through the provider's consent page. The redirect comes back to this
// machine (RFC 8252 section 7.3), or is pasted.
func (c *consenting) consent(ctx context.Context, g *guide, credential, address string) (client.Connected, error) {
	n := client.NewConsent{
		Credential: credential, Address: address, Purposes: c.purposes, Transport: c.transport(), Senders: c.senders, SharedWith: c.shared,
		RedirectURI: c.redirectAt(pastedPort),
	}
	if c.headless {
		return g.pasted(ctx, n)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return client.Connected{}, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return client.Connected{}, errors.Join(err, l.Close())
	}
	n.RedirectURI = c.redirectAt(port)
	started, err := g.StartConsent(ctx, n)
	if err != nil {
		_ = l.Close()
		return client.Connected{}, err
	}
	g.note("\nOpen this in your browser, choose the mailbox and press Allow:\n\n  %s\n", started.URL)
	start := "/" + rand.Text()
	g.browse("http://" + l.Addr().String() + start)
	g.progress("waiting for your browser …")
	defer g.progressEnd()
	return g.awaitRedirect(ctx, l, start, started)
}

// redirectAt is this machine's address as a provider takes it: Entra ID has localhost
// alone, with any port; Google advises against the name.
func (c *consenting) redirectAt(port string) string {
	if c.microsoft {
		return "http://localhost:" + port
	}
	return "http://127.0.0.1:" + port + "/"
}

// finishConsent hands over what a redirect brought.
func (g *guide) finishConsent(ctx context.Context, id string, q url.Values) (client.Connected, error) {
	done, err := g.FinishConsent(ctx, id, redirected(q))
	return done, anotherMailbox(err, g.way)
}

// mailboxes are the two that a refusal names.
var mailboxes = regexp.MustCompile(`^(The mailbox (\S+) was expected and (\S+) was chosen: nothing was connected\.) `)

// anotherMailbox is an error of a consent by command for who gave the command:
// gatepost's own advice about another mailbox is for who was sent a link.
func anotherMailbox(err error, way string) error {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Cause != "wrong_mailbox" {
		return err
	}
	said := mailboxes.FindStringSubmatch(refused.Detail)
	if said == nil {
		return err
	}
	refused.Detail = fmt.Sprintf("%s Give the same command again and sign in as %s. If that is an alias of %s, connect the mailbox with the alias among its senders:\n  gatepost connect %s %s --senders %s",
		said[1], said[2], said[3], cmp.Or(way, "gmail"), said[3], said[2])
	return err
}

// browse opens an address in the browser where there is one to open. Everybody on
// this machine sees it in the list of processes: it must tell nothing.
func (g *guide) browse(address string) {
	command, named := g.env.lookup("BROWSER")
	if !named || command == "" {
		if !g.interactive {
			return
		}
		command = "xdg-open"
		if runtime.GOOS == "darwin" {
			command = "open"
		}
	}
	words := strings.Fields(command)
	if cmd := exec.Command(words[0], append(words[1:], address)...); cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // the person sees whether it worked
	}
}

// finished is what a redirect led to.
type finished struct {
	done client.Connected
	err  error
}

// awaitRedirect serves the loopback address until Google's redirect has come: start
// leads the browser to Google. What does not carry this consent's state is somebody
// else's and changes nothing.
func (g *guide) awaitRedirect(ctx context.Context, l net.Listener, start string, started client.Consent) (client.Connected, error) {
	ctx, cancel := context.WithDeadline(ctx, started.ExpiresAt.Time)
	defer cancel()
	result := make(chan finished, 1)
	doors := http.NewServeMux()
	doors.Handle("GET "+start, startHandler(started.URL))
	doors.Handle("/", g.redirectHandler(ctx, started, result))
	srv := &http.Server{ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader, Handler: doors}
	go srv.Serve(l) //nolint:errcheck // it ends by Shutdown
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = srv.Shutdown(end) // the page is on its way to the browser
	}()
	select {
	case r := <-result:
		return r.done, r.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return client.Connected{}, errors.New("no consent came in time: give the same command again")
		}
		return client.Connected{}, errors.New("stopped before there was a consent; nothing was stored")
	}
}

// startHandler sends the first who comes on to Google, and nobody after: the address
// of the consent page holds its state, which is for one browser.
func startHandler(consent string) http.Handler {
	var used atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		if r.Method != http.MethodGet || used.Swap(true) {
			showPage(w, http.StatusGone, "Opened before", "This address works once. Was that not you? Then stop the command with Ctrl-C and give it again. Else open the address that it has printed.")
			return
		}
		http.Redirect(w, r, consent, http.StatusFound)
	})
}

func (g *guide) redirectHandler(ctx context.Context, started client.Consent, result chan<- finished) http.Handler {
	state := stateOf(started.URL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/" || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			showPage(w, http.StatusBadRequest, "Not this consent", "This page belongs to another consent, perhaps to an earlier one, and changed nothing. The command is still waiting: open the address that it has printed, or stop it with Ctrl-C and give it again.")
			return
		}
		done, err := g.finishConsent(ctx, started.ID, q)
		showConsent(w, done, err)
		select {
		case result <- finished{done, err}:
		default: // a page loaded twice
		}
	})
}

func redirected(q url.Values) client.FinishConsent {
	return client.FinishConsent{Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

func stateOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get("state")
}

var consentPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{.Title}} – gatepost</title>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
`))

func showConsent(w http.ResponseWriter, done client.Connected, err error) {
	if err != nil {
		showPage(w, http.StatusBadRequest, "Not connected", explain(err))
		return
	}
	showPage(w, http.StatusOK, "Connected", done.Account.Address+" is connected to gatepost. You can close this window and go back to the terminal.")
}

func showPage(w http.ResponseWriter, status int, title, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = consentPage.Execute(w, struct{ Title, Text string }{title, text}) // the terminal says the same
}

// pastedPort is one on which nothing listens.
const pastedPort = "53682"

// pasted is a consent on a machine without a browser: it ends in vain where nothing
// listens, and its address line has what is needed.
func (g *guide) pasted(ctx context.Context, n client.NewConsent) (client.Connected, error) {
	started, err := g.StartConsent(ctx, n)
	if err != nil {
		return client.Connected{}, err
	}
	g.note("\n1. Open this in a browser on any machine, choose the mailbox and press Allow:\n\n  %s\n", started.URL)
	g.note("2. The browser then fails to open a page at %s: that is expected.\n   Copy the whole address from its address line and paste it here, before %s.", n.RedirectURI, when(started.ExpiresAt.Time))
	q, err := g.redirectPasted(n.RedirectURI, stateOf(started.URL))
	if err != nil {
		return client.Connected{}, err
	}
	return g.finishConsent(ctx, started.ID, q)
}

// redirectPasted asks until it gets the address where this consent ended.
func (g *guide) redirectPasted(redirect, state string) (url.Values, error) {
	for {
		fmt.Fprint(g.err, "\nAddress: ")
		line, err := g.lines.ReadString('\n')
		line = strings.TrimSpace(line)
		if line == "" && err != nil {
			return nil, usagef("no address was pasted (%v): give the same command again", err)
		}
		switch got := stateOf(line); got {
		case state:
			u, err := url.Parse(line)
			if err != nil {
				return nil, err
			}
			return u.Query(), nil
		case "":
			g.errLine("That is not the whole address: it begins with %s?state=… Paste it again.", redirect)
		default:
			g.errLine("That is the address of another consent, perhaps an earlier one. Open the one above and paste where it ends.")
		}
	}
}
