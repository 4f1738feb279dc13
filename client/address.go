package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
)

// Address is a mailbox: the bare address and the name that people see. In JSON it
// is text, "a@b" or "Name <a@b>", or {"address": "a@b", "name": "Name"}.
type Address struct {
	Address string `json:"address" doc:"The bare address, such as maria@example.org."`
	Name    string `json:"name,omitempty" doc:"The name that people see."`
}

// To is a list of addresses without names.
func To(addresses ...string) Addresses {
	list := make(Addresses, len(addresses))
	for i, a := range addresses {
		list[i].Address = a
	}
	return list
}

// UnmarshalJSON implements json.Unmarshaler for both forms.
func (a *Address) UnmarshalJSON(b []byte) error {
	type parts Address
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*parts)(a))
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil {
		return fmt.Errorf("address %q: %w", s, err)
	}
	a.Address, a.Name = parsed.Address, parsed.Name
	return nil
}

// Addresses is a list of mailboxes; in JSON a single one may stand without the
// list.
type Addresses []Address

// UnmarshalJSON implements json.Unmarshaler for both forms.
func (l *Addresses) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]Address)(l))
	}
	var one Address
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = Addresses{one}
	return nil
}
