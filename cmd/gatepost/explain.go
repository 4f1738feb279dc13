package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
	"gatepost/internal/api"
	"gatepost/internal/email"
)

// explainCommand explains what other programs, or gatepost itself, have logged. It asks
// nobody: the catalogue is in the program.
func explainCommand(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "explain TEXT", Short: "Say what a provider's error means and what to do about it",
		Long: `Say what a provider's error means and what to do about it: an SMTP reply, the JSON
of a token endpoint or an API, or what a mail library made of them, as it stands in
a log. Where the text leaves open what was going on, each meaning is shown, the
likeliest first; a cause that stands with a message or account is explained, too. It
needs no server and asks nobody. - reads the standard input.

What became of a message of gatepost's tells  gatepost messages explain MESSAGE-ID.

Exit codes, for scripts:
  0   the error is known
  1   it is not: nothing in the text, or only the safe class of its stage
  2   no text was given`,
		Example: `  gatepost explain '535 5.7.3 Authentication unsuccessful'
  gatepost explain 'AADSTS7000215: Invalid client secret provided.'
  tail -1 mail.log | gatepost explain -`,
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := textToExplain(env, args)
			if err != nil {
				return err
			}
			if strings.HasPrefix(text, email.PrefixMessage+"_") {
				return usagef("%s is a message of gatepost's: gatepost messages explain %s", text, text)
			}
			return newPrinter(env, asJSON).meanings(api.ExplainError(text, time.Now()))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, as GET /v1/errors does")
	return cmd
}

// maxLog is how much of the standard input is read: more than one error has.
const maxLog = 32 << 10

func textToExplain(env environment, args []string) (string, error) {
	text := strings.Join(args, " ")
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(env.stdin, maxLog+1))
		if err != nil {
			return "", fmt.Errorf("read the standard input: %w", err)
		}
		if len(b) > maxLog {
			fmt.Fprintln(env.stderr, "Only the first 32 KiB were read: give the lines of one error, such as by  tail -20")
		}
		text = string(b)
	}
	if strings.TrimSpace(text) == "" {
		return "", usageError{errors.New("no text: give the error in quotation marks, or - to read it from the standard input")}
	}
	return text, nil
}

// meanings prints what a text means.
func (p *printer) meanings(list client.ErrorList) error {
	known := len(list.Data) > 0 && list.Data[0].Known
	err := p.show(list, func() {
		if len(list.Data) == 0 {
			p.line("The text names no error that gatepost knows of.")
			p.line("Give the whole line, with code and words, as the server said it. All that is known: docs/errors.md")
		}
		for i, e := range list.Data {
			if i > 0 {
				p.line("")
			}
			p.meaning(e, i, len(list.Data))
		}
	})
	if err == nil && !known {
		err = toldError{exitFailed}
	}
	return err
}

// classWords are what gatepost does about each class.
var classWords = map[string]string{
	"retry":   "it passes: try again, later each time",
	"park":    "a limit: wait for its time, do not try before",
	"hold":    "nothing goes until a person has acted",
	"fail":    "this message or recipient is refused for good",
	"unknown": "it may have been taken: look before it is sent again",
}

func (p *printer) meaning(e client.ErrorEntry, i, all int) {
	title := e.Cause
	if all > 1 {
		title = fmt.Sprintf("%s (%d of %d, %s)", e.Cause, i+1, all, stageWords[e.Stages[0]])
	}
	p.line("%s", p.in(bold, title))
	if !e.Known {
		p.line("  gatepost does not know these words. What it does to be safe:")
	}
	for _, line := range wrap(e.Meaning, 90) {
		p.line("  %s", line)
	}
	p.line("  %s%s: %s", p.in(dim, "class  "), e.Class, classWords[e.Class])
	if e.Until != nil {
		p.line("  %snot before %s", p.in(dim, "until  "), whenAt(e.Until))
	}
	for n, line := range wrap(e.Fix, 83) {
		head := p.in(bold, "to do  ")
		if n > 0 {
			head = "       "
		}
		p.line("  %s%s", head, line)
	}
	if e.Link != "" {
		p.line("  %s%s", p.in(dim, "page   "), e.Link)
	}
	if len(e.Numbers) > 0 {
		p.line("  %s%s in docs/errors.md", p.in(dim, "no.    "), strings.Join(e.Numbers, ", "))
	}
}

// stageWords say when an error came.
var stageWords = map[string]string{
	"connect": "while connecting", "token": "while getting a token", "exchange": "while exchanging an outside token", "sign": "while having a request signed",
	"auth": "signing in with a password", "bearer": "signing in with a token",
	"mail": "after MAIL FROM", "rcpt": "after RCPT TO", "data": "after DATA", "body": "after the message", "upload": "while uploading", "send": "while sending by API",
	"call": "in another call of an API", "program": "in the program itself",
}
