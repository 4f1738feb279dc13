package api

import (
	"errors"
	"slices"
	"strings"

	"gatepost/internal/control"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// alsoWrong joins the problems with a request's form with what the operation
// found, so that all of it is told in one answer. Without problems it is the
// operation's error.
func alsoWrong(problems []email.Problem, err error) error {
	if len(problems) == 0 {
		return err
	}
	found, ok := findings(err)
	if err != nil && !ok {
		return err
	}
	form := len(problems)
	for _, p := range found {
		if !follows(p.Field, problems[:form]) {
			problems = append(problems, p)
		}
	}
	return wrongFields(problems)
}

// findings is what an error says about fields, whoever found it.
func findings(err error) ([]email.Problem, bool) {
	var w wrongFields
	var q *queue.Invalid
	var c *control.Invalid
	switch {
	case errors.As(err, &w):
		return w, true
	case errors.As(err, &q):
		return q.Problems, true
	case errors.As(err, &c):
		return c.Problems, true
	}
	return nil, false
}

// follows tells whether a finding about a field only follows from a problem with
// the form: the value was left out because of that.
func follows(field string, form []email.Problem) bool {
	for _, f := range form {
		root, _, _ := strings.Cut(f.Field, "[")
		switch {
		case f.Field == "body": // which is no object, so it has no fields
			return true
		case f.Field == field, below(f.Field, field), below(field, f.Field):
			return true
		case field == "text" && (root == "html" || root == "attachments"): // "the message is empty"
			return true
		case root == "raw" && slices.Contains([]string{"from", "to", "text"}, field):
			return true
		}
	}
	return false
}

// below tells whether a path lies below another.
func below(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}
