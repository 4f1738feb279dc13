package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatepost/client"
	"gatepost/internal/control"
)

// listErrors lists what providers answer, or explains one text. It is the same for all.
func (s *server) listErrors(c *call) error {
	one, wrong, err := c.only("text")
	if err != nil {
		return err
	}
	text, asked := one["text"], c.r.URL.Query().Has("text")
	if asked && strings.TrimSpace(text) == "" {
		wrong.add("text", "is empty; without it, all that is known is listed")
	}
	if len(wrong) > 0 {
		return wrong
	}
	if asked {
		return c.answer(http.StatusOK, ExplainError(text, time.Now()))
	}
	return c.answer(http.StatusOK, knownErrors())
}

func knownErrors() client.ErrorList {
	known := control.KnownErrors()
	list := client.ErrorList{Data: make([]client.ErrorEntry, len(known))}
	for i, e := range known {
		list.Data[i] = client.ErrorEntry{
			Numbers: wordsOf(e.Numbers), Vendor: string(e.Vendor), Stages: wordsOf(e.Stages), Codes: wordsOf(e.Codes), Reasons: wordsOf(e.Reasons), Texts: wordsOf(e.Texts),
			Class: e.Class.String(), Scope: string(e.Scope), Cause: e.Cause, Action: string(e.Action),
			Meaning: e.Meaning, Fix: e.Fix, Link: e.Link, Known: !e.Unlisted,
		}
	}
	return list
}

// ExplainError says what a text from a log means, as GET /v1/errors does. It needs no
// server.
func ExplainError(text string, now time.Time) client.ErrorList {
	found := control.ExplainError(text, now)
	list := client.ErrorList{Data: make([]client.ErrorEntry, len(found))}
	for i, x := range found {
		e := x.Error
		list.Data[i] = client.ErrorEntry{
			Numbers: wordsOf(x.Numbers()), Vendor: string(x.Answer.About.Vendor), Stages: []string{string(x.Answer.Stage)},
			Codes: wordsOf[string](nil), Reasons: wordsOf[string](nil), Texts: wordsOf[string](nil),
			Class: e.Class.String(), Scope: string(e.Scope), Cause: e.Cause, Action: string(e.Action),
			Meaning: e.Text, Fix: e.Fix, Link: e.Link, Known: x.Known(), Until: timeAt(e.Until), Reply: e.Reply,
		}
		if x.Answer.Code != 0 {
			list.Data[i].Codes = []string{strconv.Itoa(x.Answer.Code)}
		}
		if x.Answer.Reason != "" {
			list.Data[i].Reasons = []string{x.Answer.Reason}
		}
	}
	return list
}

// wordsOf is a list that is never null in JSON.
func wordsOf[S ~string](words []S) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}
