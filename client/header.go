package client

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Header is a further header field.
type Header struct{ Name, Value string }

// Headers are further header fields in their order; in JSON an object of strings.
type Headers []Header

// MarshalJSON implements json.Marshaler and keeps the order.
func (h Headers) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range h {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON implements json.Unmarshaler and keeps the order.
func (h *Headers) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("headers: must be an object of strings")
	}
	var out Headers
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var f Header
		f.Name, _ = name.(string)
		if err := d.Decode(&f.Value); err != nil {
			return errors.New("headers: must be an object of strings")
		}
		out = append(out, f)
	}
	*h = out
	return nil
}
