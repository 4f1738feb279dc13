package api

import (
	"errors"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
	"gatepost/internal/email"
)

func timeOf(t time.Time) client.Time { return client.Time{Time: t} }

// timeAt is nil for no time.
func timeAt(t time.Time) *client.Time {
	if t.IsZero() {
		return nil
	}
	return client.At(t)
}

// timeOfMillis is for times that events keep as a number; 0 is none.
func timeOfMillis(ms int64) *client.Time {
	if ms == 0 {
		return nil
	}
	return client.At(time.UnixMilli(ms))
}

var errNoTime = errors.New("outside the years in which mail is sent")

// moment is the time that a client gave, zero for none.
func moment(t *client.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// time reads a time of the query, zero for none.
func (w *wrongFields) time(name, s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := parseTime(s)
	if err != nil {
		*w = append(*w, email.Problem{Field: name, Message: timeText})
		return time.Time{}
	}
	return t
}

// clockTrust is how far the clock of a client may be ahead.
const clockTrust = time.Minute

// past refuses a time in the future where it would narrow nothing: whoever meant
// some of the mail would get all of it.
func (w *wrongFields) past(name string, t time.Time) {
	if time.Until(t) > clockTrust {
		w.add(name, "lies in the future, before which is everything: give a time that has passed, or leave it out for all")
	}
}

const timeText = "must be a time with its zone, such as 2026-11-21T08:00:00Z (RFC 3339)"

// readTime reads a client.Time.
func readTime(r *reader, v reflect.Value) error {
	if r.peek() != '"' {
		return r.refuse(timeText)
	}
	s, err := r.str()
	if err != nil {
		return err
	}
	t, err := parseTime(s)
	if err != nil {
		r.wrong(timeText)
		return nil
	}
	v.Set(reflect.ValueOf(timeOf(t)))
	return nil
}

// parseTime reads RFC 3339. The time zero would be taken for none further on.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err == nil && (t.UTC().Year() < 1970 || t.UTC().Year() > 9999) {
		err = errNoTime
	}
	return t, err
}

// timeSchema is the schema of a client.Time.
type timeSchema struct{}

// Schema implements huma.SchemaProvider.
func (timeSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}
