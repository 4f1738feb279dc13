package client

import (
	"fmt"
	"time"
)

// Time is a time as the API writes it: RFC 3339 in UTC with milliseconds.
type Time struct{ time.Time }

const timeFormat = "2006-01-02T15:04:05.000Z"

// At is a pointer to a time, for fields that may be left out.
func At(t time.Time) *Time { return &Time{t} }

// MarshalText implements encoding.TextMarshaler. Years beyond four digits cannot
// be written (RFC 3339 section 1).
func (t Time) MarshalText() ([]byte, error) {
	utc := t.UTC()
	if y := utc.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("the year %d cannot be written", y)
	}
	return utc.AppendFormat(nil, timeFormat), nil
}

// MarshalJSON implements json.Marshaler, in place of time.Time's.
func (t Time) MarshalJSON() ([]byte, error) {
	b, err := t.MarshalText()
	return append(append([]byte{'"'}, b...), '"'), err
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) (err error) {
	t.Time, err = time.Parse(time.RFC3339, string(b))
	return err
}
