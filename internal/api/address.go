package api

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gatepost/client"
	"gatepost/internal/email"
)

// addressParts is the form of an address as an object.
type addressParts struct {
	Address string `json:"address" doc:"The bare address, such as maria@example.org."`
	Name    string `json:"name,omitempty" doc:"The name that people see."`
}

// readAddress reads a client.Address: "a@b", "Name <a@b>" or {"address": "a@b",
// "name": "Name"}. One that cannot be used is told and left zero; emailAddress
// relies on that.
func readAddress(r *reader, v reflect.Value) error {
	a, err := r.address()
	v.Set(reflect.ValueOf(a))
	return err
}

func (r *reader) address() (client.Address, error) {
	var a email.Address
	var err error
	switch r.peek() {
	case '"':
		a, err = r.addressText()
	case '{':
		a, err = r.addressParts()
	default:
		err = r.refuse(`must be an address: "a@b", "Name <a@b>" or {"address": "a@b", "name": "Name"}`)
	}
	if err != nil || a.IsZero() {
		return client.Address{}, err
	}
	return client.Address{Address: a.Addr(), Name: a.Name}, nil
}

func (r *reader) addressText() (email.Address, error) {
	s, err := r.str()
	if err != nil {
		return email.Address{}, err
	}
	a, err := email.ParseAddress(s)
	if err != nil {
		r.wrong(err.Error())
		return email.Address{}, nil
	}
	return a, nil
}

func (r *reader) addressParts() (email.Address, error) {
	var p addressParts
	before := len(r.problems)
	if err := readStruct(reflect.TypeFor[addressParts]())(r, reflect.ValueOf(&p).Elem()); err != nil || len(r.problems) > before {
		return email.Address{}, err
	}
	if _, err := email.NewAddress("", p.Address); err != nil {
		r.wrongAt("address", err.Error())
		return email.Address{}, nil
	}
	a, err := email.NewAddress(p.Name, p.Address)
	if err != nil {
		r.wrongAt("name", strings.TrimPrefix(err.Error(), "name: "))
		return email.Address{}, nil
	}
	return a, nil
}

// readAddresses reads client.Addresses: a list, or a single one without it.
// Addresses that cannot be used are left out.
func readAddresses(r *reader, v reflect.Value) error {
	var list client.Addresses
	one := func() error {
		a, err := r.address()
		if a.Address != "" {
			list = append(list, a)
		}
		return err
	}
	err := r.oneOrMany(one)
	v.Set(reflect.ValueOf(list))
	return err
}

func (r *reader) oneOrMany(one func() error) error {
	if r.peek() != '[' {
		return one()
	}
	return r.array(func(i int) error {
		if i >= maxListItems {
			return r.skipRest(i)
		}
		return one()
	})
}

// emailAddress is an address that readAddress has checked, in the engine's words.
func emailAddress(a client.Address) email.Address {
	i := strings.LastIndexByte(a.Address, '@')
	if i < 0 {
		return email.Address{}
	}
	return email.Address{Name: a.Name, Local: a.Address[:i], Domain: a.Address[i+1:]}
}

func emailAddresses(l client.Addresses) []email.Address {
	if len(l) == 0 {
		return nil
	}
	out := make([]email.Address, len(l))
	for i, a := range l {
		out[i] = emailAddress(a)
	}
	return out
}

// addressSchema is the schema of a client.Address.
type addressSchema struct{}

// Schema implements huma.SchemaProvider.
func (addressSchema) Schema(reg huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "A mailbox, as text or in parts.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Examples: []any{"Maria Núñez <maria@example.org>"}},
			reg.Schema(reflect.TypeFor[addressParts](), true, ""),
		},
	}
}

// addressesSchema is the schema of client.Addresses.
type addressesSchema struct{}

// Schema implements huma.SchemaProvider.
func (addressesSchema) Schema(reg huma.Registry) *huma.Schema {
	one := addressSchema{}.Schema(reg)
	return &huma.Schema{OneOf: append(one.OneOf, &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{OneOf: one.OneOf}})}
}

// readHeaders reads client.Headers: an object of strings. Names given twice are
// the engine's to find: it knows that their case does not matter.
func readHeaders(r *reader, v reflect.Value) error {
	if r.peek() != '{' {
		return r.refuse("must be an object of strings")
	}
	var h client.Headers
	err := r.strings(func(name, value string) { h = append(h, client.Header{Name: name, Value: value}) })
	v.Set(reflect.ValueOf(h))
	return err
}

// headersSchema is the schema of client.Headers.
type headersSchema struct{}

// Schema implements huma.SchemaProvider.
func (headersSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}}
}
