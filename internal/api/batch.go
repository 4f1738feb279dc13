package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"gatepost/client"
	"gatepost/internal/email"
	"gatepost/internal/queue"
)

// batch is a request with many messages: what the engine is to take of each, and
// what is wrong with the form of each and of the whole.
type batch struct {
	subs  []queue.Submission
	form  map[int][]email.Problem
	whole wrongFields
	all   bool
}

// createBatch takes many messages.
func (s *server) createBatch(c *call) error {
	b, problems, err := decodeBody(c, s.batches, nil)
	if err != nil {
		return err
	}
	in := batchOf(b, problems)
	in.header(c)
	if len(in.whole) > 0 || in.all && len(in.form) > 0 {
		return s.refuseBatch(c, in)
	}
	results, err := s.submitBatch(c, in)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.BatchAnswer{Data: results})
}

func batchOf(b client.NewBatch, problems []email.Problem) batch {
	in := batch{subs: make([]queue.Submission, len(b.Messages)), form: map[int][]email.Problem{}, all: b.Mode != "each"}
	for _, p := range problems {
		if i, field, ok := ofMessage(p.Field); ok && i < len(b.Messages) {
			in.form[i] = append(in.form[i], email.Problem{Field: field, Message: p.Message})
		} else {
			in.whole = append(in.whole, p)
		}
	}
	for i, m := range b.Messages {
		in.subs[i] = submissionOf(m)
		if form := withForm(in.form[i], m); len(form) > 0 {
			in.form[i] = form
		}
	}
	in.check(b)
	return in
}

// ofMessage tells which message of a batch a path leads into, and where there.
func ofMessage(path string) (i int, field string, ok bool) {
	rest, ok := strings.CutPrefix(path, "messages[")
	number, field, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	return i, strings.TrimPrefix(field, "."), ok && closed && err == nil && i >= 0
}

// inMessage is the path of a field of a message of a batch.
func inMessage(i int, field string) string {
	switch field {
	case "":
		return fmt.Sprintf("messages[%d]", i)
	}
	return fmt.Sprintf("messages[%d].%s", i, field)
}

// check tells what is wrong with the whole.
func (in *batch) check(b client.NewBatch) {
	switch n := len(b.Messages); {
	case b.Messages != nil && n == 0:
		in.whole.add("messages", "is empty: there is nothing to send")
	case n == 0 && !follows("messages", in.whole):
		in.whole.add("messages", "is missing")
	case n > queue.MaxBatch:
		in.whole.add("messages", fmt.Sprintf("%d of them: at most %d in one request", n, queue.MaxBatch))
		in.subs = in.subs[:0] // looking at each would be the work that the limit is for
	}
	if b.Mode != "" && b.Mode != "all" && b.Mode != "each" && !follows("mode", in.whole) {
		in.whole.add("mode", "must be all or each")
	}
}

// header refuses a key for the whole: each message has its own.
func (in *batch) header(c *call) {
	if len(c.r.Header["Idempotency-Key"]) > 0 {
		in.whole.add("Idempotency-Key", "is for a single message: give each message of a batch its idempotency_key")
	}
}

// refuseBatch tells all that is wrong with a batch of which nothing is kept.
func (s *server) refuseBatch(c *call, in batch) error {
	out := in.whole
	if err := s.maySend(c); err != nil {
		return err
	}
	for i, sub := range in.subs {
		if len(out) >= maxProblems {
			break
		}
		wrong, err := s.wrongWith(c, sub, in.form[i])
		if err != nil {
			return err
		}
		for _, p := range wrong {
			out.add(inMessage(i, p.Field), p.Message)
		}
	}
	return out
}

// maySend asks about nothing, to which a key without the scope is answered.
func (s *server) maySend(c *call) error {
	err := s.Engine.CheckSubmission(c.r.Context(), c.grant, queue.Submission{})
	if _, ok := findings(err); ok {
		return nil
	}
	return err
}

// wrongWith is all that is wrong with one message.
func (s *server) wrongWith(c *call, sub queue.Submission, form []email.Problem) ([]email.Problem, error) {
	err := s.Engine.CheckSubmission(c.r.Context(), c.grant, sub)
	if err == nil || len(form) > 0 && form[0].Field == "" { // not an object: the rest follows from that
		return form, nil
	}
	if len(form) > 0 {
		err = alsoWrong(form, err)
	}
	wrong, ok := findings(err)
	if !ok {
		return nil, err
	}
	return wrong, nil
}

// submitBatch hands over what has the right form, and says of the rest what is
// wrong.
func (s *server) submitBatch(c *call, in batch) ([]client.BatchResult, error) {
	var right []queue.Submission
	out := make([]client.BatchResult, len(in.subs))
	for i, sub := range in.subs {
		out[i].Index = i
		if len(in.form[i]) == 0 {
			right = append(right, sub)
			continue
		}
		wrong, err := s.wrongWith(c, sub, in.form[i])
		if err != nil {
			return nil, err
		}
		out[i].Errors = fieldErrors(wrong)
	}
	if len(right) == 0 {
		return out, nil
	}
	results, err := s.Engine.SubmitBatch(c.r.Context(), c.grant, right, in.all)
	if err != nil {
		return nil, batchError(err)
	}
	for i := range out {
		if out[i].Errors == nil {
			out[i] = batchResult(i, results[0])
			results = results[1:]
		}
	}
	return out, nil
}

func batchResult(i int, r queue.BatchResult) client.BatchResult {
	out := client.BatchResult{Index: i}
	switch {
	case r.Submitted != nil:
		out.Submitted, out.Replayed = new(submittedOf(*r.Submitted)), r.Submitted.Replayed
	case r.Err != nil:
		out.Problem = &problemOf(r.Err).Problem
	default:
		out.Errors = fieldErrors(r.Problems)
	}
	return out
}

// batchError names each wrong field of a batch of which all or nothing is kept by
// its path in the request.
func batchError(err error) error {
	var invalid *queue.BatchInvalid
	if !errors.As(err, &invalid) {
		return err
	}
	var out wrongFields
	for i, r := range invalid.Results {
		switch {
		case errors.Is(r.Err, queue.ErrKeyReused):
			out.add(inMessage(i, "idempotency_key"), r.Err.Error())
		case r.Err != nil:
			return r.Err
		}
		for _, p := range r.Problems {
			out.add(inMessage(i, p.Field), p.Message)
		}
	}
	return out
}

func fieldErrors(ps []email.Problem) []client.FieldError {
	out := make([]client.FieldError, len(ps))
	for i, p := range ps {
		out[i] = client.FieldError(p)
	}
	return out
}
