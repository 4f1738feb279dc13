package web

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gatepost/internal/sandbox"
	"gatepost/internal/store"
)

// The same journeys in a real browser, with the simulated Google's own pages:
// cookies, policies of content and buttons are what browsers make of them.

// browser is a new profile of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// chromium finds the browser; without one the test is skipped, and with CI=true
// it fails.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no Chromium: install the package chromium")
	}
	t.Skip("there is no Chromium: install the package chromium")
	return ""
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		// the simulated Google's certificate is made at its start
		chromedp.Flag("ignore-certificate-errors", true),
	}
	parent, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	allocator, end := chromedp.NewExecAllocator(parent, options...)
	t.Cleanup(end)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	return &browser{t, ctx}
}

func (b *browser) open(address string) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.Navigate(address)))
}

// click presses what a CSS selector names.
func (b *browser) click(selector string) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, chromedp.Click(selector)))
}

// sees waits until a text is on the page.
func (b *browser) sees(text string) {
	b.t.Helper()
	var page string
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		page, err = chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
		if err == nil && strings.Contains(page, text) {
			return
		}
	}
	b.t.Fatalf("%q does not appear on the page:\n%s", text, page)
}

const (
	buttonStart = `form button[type=submit]`
	buttonAllow = `button[value=allow]`
	buttonDeny  = `button[value=cancel]`
)

// start opens a link and goes to Google's page.
func (b *browser) start(link string) {
	b.t.Helper()
	b.open(link)
	b.sees("Connect your mailbox")
	b.click(buttonStart)
	b.sees("wants access to your Google Account")
}

func TestBrowserConsents(t *testing.T) {
	w := start(t)
	l := w.link()
	b := newBrowser(t)
	b.start(l.URL)
	b.click(buttonAllow)
	b.sees("Mail can be sent through this mailbox now.")
	if got := w.status(l.ID); got.Status != store.LinkUsed || w.accounts() != 1 {
		t.Errorf("link %+v, %d accounts", got, w.accounts())
	}
	b.open(l.URL)
	b.sees("This link was used")
	other := newBrowser(t)
	other.open(l.URL)
	other.sees("This link was used")
}

func TestBrowserLeavesBoxesUnticked(t *testing.T) {
	w := start(t)
	b := newBrowser(t)
	b.start(w.link().URL)
	b.click(`input[value$="gmail.send"]`)
	b.click(buttonAllow)
	b.sees("A box was left unticked")
	b.click(buttonStart)
	b.sees("wants access to your Google Account")
	b.click(`input[value$="gmail.metadata"]`)
	b.click(buttonAllow)
	b.sees("You left out")
	if w.accounts() != 1 {
		t.Errorf("%d accounts", w.accounts())
	}
}

func TestBrowserDenies(t *testing.T) {
	w := start(t)
	l := w.link()
	b := newBrowser(t)
	b.start(l.URL)
	b.click(buttonDeny)
	b.sees("You did not allow it")
	if got := w.status(l.ID); got.Status != store.LinkOpen || w.accounts() != 0 {
		t.Errorf("link %+v, %d accounts", got, w.accounts())
	}
	b.click(buttonStart)
	b.sees("wants access to your Google Account")
}

func TestBrowserChoosesAnotherMailbox(t *testing.T) {
	w := start(t)
	b := newBrowser(t)
	b.start(w.link().URL)
	b.click(`a[href*="/consent?request="]`)
	b.sees("Choose an account")
	b.click(`a[href*="account=ada"]`)
	b.sees("ada@" + sandbox.Domain)
	b.click(buttonAllow)
	b.sees("That is another mailbox")
	b.sees("ada@" + sandbox.Domain)
	b.sees(grace)
	if w.accounts() != 0 {
		t.Fatal("the wrong mailbox was connected")
	}
	b.click(buttonStart)
	b.sees("wants access to your Google Account")
	b.sees(grace)
	b.click(buttonAllow)
	b.sees("Mail can be sent through this mailbox now.")
}

// The answer of one browser is worth nothing in another, however often that tries.
func TestBrowserBringsAnothersAnswer(t *testing.T) {
	w := start(t)
	l := w.link()
	back, err := w.google.Decide(w.visitor().press(l.URL), sandbox.Decision{Account: grace})
	must(t, err)
	b := newBrowser(t)
	b.open(back)
	b.sees("Another browser began this")
	b.open(back)
	b.sees("Another browser began this")
	if n := len(w.google.TokenCalls()) - w.asked; n != 0 || w.accounts() != 0 {
		t.Errorf("%d calls for tokens, %d accounts", n, w.accounts())
	}
}
