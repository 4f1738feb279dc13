package api

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/internal/email"
)

// address is one mailbox: "a@b", "Name <a@b>" or {"address": "a@b", "name": "Name"}.
type address struct{ email.Address }

// addressParts is the form of an address as an object.
type addressParts struct {
	Address string `json:"address" doc:"The bare address, such as maria@example.org."`
	Name    string `json:"name,omitempty" doc:"The name that people see."`
}

// decodeJSON implements decodes. An address that cannot be used is told and left
// zero.
func (a *address) decodeJSON(r *reader) error {
	switch r.peek() {
	case '"':
		return a.decodeString(r)
	case '{':
		return a.decodeParts(r)
	}
	return r.refuse(`must be an address: "a@b", "Name <a@b>" or {"address": "a@b", "name": "Name"}`)
}

func (a *address) decodeString(r *reader) error {
	s, err := r.str()
	if err != nil {
		return err
	}
	parsed, err := email.ParseAddress(s)
	if err != nil {
		r.wrong(err.Error())
		return nil
	}
	a.Address = parsed
	return nil
}

func (a *address) decodeParts(r *reader) error {
	var p addressParts
	before := len(r.problems)
	if err := readStruct(reflect.TypeFor[addressParts]())(r, reflect.ValueOf(&p).Elem()); err != nil || len(r.problems) > before {
		return err
	}
	if _, err := email.NewAddress("", p.Address); err != nil {
		r.wrongAt("address", err.Error())
		return nil
	}
	parsed, err := email.NewAddress(p.Name, p.Address)
	if err != nil {
		r.wrongAt("name", strings.TrimPrefix(err.Error(), "name: "))
		return nil
	}
	a.Address = parsed
	return nil
}

// Schema implements huma.SchemaProvider.
func (*address) Schema(reg huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A mailbox, as text or in parts.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Examples: []any{"Maria Núñez <maria@example.org>"}},
			reg.Schema(reflect.TypeFor[addressParts](), true, ""),
		},
	}
}

// addresses is a list of mailboxes; a single one may stand without the list.
type addresses []email.Address

// decodeJSON implements decodes. Addresses that cannot be used are left out.
func (l *addresses) decodeJSON(r *reader) error {
	if r.peek() != '[' {
		return l.decodeOne(r)
	}
	return r.array(func(i int) error {
		if i >= maxListItems {
			return r.skipRest(i)
		}
		return l.decodeOne(r)
	})
}

func (l *addresses) decodeOne(r *reader) error {
	var a address
	err := a.decodeJSON(r)
	if !a.IsZero() {
		*l = append(*l, a.Address)
	}
	return err
}

// Schema implements huma.SchemaProvider.
func (*addresses) Schema(reg huma.Registry) *huma.Schema {
	one := (*address)(nil).Schema(reg)
	return &huma.Schema{OneOf: append(one.OneOf, &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: one.OneOf}})}
}

// headers are further header fields in the order given: an object of strings.
type headers []header

type header struct{ name, value string }

// decodeJSON implements decodes. Names given twice are the engine's to find: it
// knows that their case does not matter.
func (h *headers) decodeJSON(r *reader) error {
	if r.peek() != '{' {
		return r.refuse("must be an object of strings")
	}
	return r.strings(func(name, value string) { *h = append(*h, header{name, value}) })
}

// Schema implements huma.SchemaProvider.
func (*headers) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}}
}
