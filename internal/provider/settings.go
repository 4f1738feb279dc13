package provider

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// DecodeSettings reads an account's settings into s, which holds the defaults. A field
// that the kind does not know is an error.
func DecodeSettings(config json.RawMessage, s any) []FieldError {
	if len(bytes.TrimSpace(config)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return []FieldError{{Field: "", Message: "is not valid: " + err.Error()}}
	}
	if d.More() {
		return []FieldError{{Field: "", Message: "is not valid: there is more after its end"}}
	}
	return nil
}

// CompleteSettings is settings as they are stored, unless something is wrong with them.
func CompleteSettings(s any, wrong []FieldError) (json.RawMessage, []FieldError) {
	if len(wrong) > 0 {
		return nil, wrong
	}
	whole, err := json.Marshal(s)
	if err != nil {
		return nil, []FieldError{{Field: "", Message: err.Error()}}
	}
	return whole, nil
}

// Within adds what is wrong with a number that must be between 1 and most.
func Within(wrong []FieldError, field string, value, most int) []FieldError {
	if value >= 1 && value <= most {
		return wrong
	}
	return append(wrong, FieldError{Field: field, Message: "must be between 1 and " + strconv.Itoa(most)})
}
