package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// chromiumCode is the same user with a real browser: it opens an address, unticks
// the boxes of scopes that end as BROWSER_LEAVE says, presses Allow, and prints
// what the last page says.
func chromiumCode() int {
	if err := errors.Join(seen(), chromium(os.Args[1])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func chromium(address string) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return err
	}
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx, end := chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(profile),
		chromedp.Flag("headless", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors", true)) // the simulated Google's is made at its start
	defer end()
	ctx, shut := chromedp.NewContext(ctx)
	defer shut()
	if err := chromedp.Do(ctx, chromedp.Navigate(address), chromedp.WaitVisible(`button[value=allow]`)); err != nil {
		return err
	}
	if leave := os.Getenv("BROWSER_LEAVE"); leave != "" {
		if err := chromedp.Do(ctx, chromedp.Click(`input[type=checkbox][value$="`+leave+`"]`)); err != nil {
			return err
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click(`button[value=allow]`)); err != nil {
		return err
	}
	for ctx.Err() == nil {
		page, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body && location.port != "" ? location.pathname + "\n" + document.body.innerText : ""`))
		if err == nil && page != "" && !strings.HasPrefix(page, "/o/oauth2") {
			fmt.Println(page)
			return nil
		}
		time.Sleep(20 * time.Millisecond) // between two pages there is none to ask
	}
	return ctx.Err()
}
