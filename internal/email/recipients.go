package email

import (
	"errors"
	"fmt"
	"net/mail"
)

// ParseAddressList reads the value of a From, To, Cc or Bcc field: mailboxes and
// groups, whose members are listed as if there were no group. Each address is
// held to what NewAddress accepts.
func ParseAddressList(value string) ([]Address, error) {
	if value == "" {
		return nil, errors.New("empty")
	}
	p := mail.AddressParser{WordDecoder: &words}
	parsed, err := p.ParseList(value)
	if err != nil {
		return nil, errors.New("not a list of addresses")
	}
	list := make([]Address, len(parsed))
	for i, m := range parsed {
		if list[i], err = NewAddress(m.Name, m.Address); err != nil {
			return nil, fmt.Errorf("address %d: %w", i+1, err)
		}
	}
	return list, nil
}

// HeaderRecipients lists the bare addresses that the To and Cc fields of a
// message name: whom a provider without an envelope would send it to. It fails
// rather than leave one out.
func HeaderRecipients(c Content) (to, cc []string, err error) {
	r, err := c.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open content: %w", err)
	}
	defer r.Close()
	h, err := ReadHeader(r)
	if err != nil {
		return nil, nil, err
	}
	if to, err = h.recipients("To"); err != nil {
		return nil, nil, err
	}
	cc, err = h.recipients("Cc")
	return to, cc, err
}

func (h Header) recipients(name string) ([]string, error) {
	var bare []string
	for _, v := range h.Values(name) {
		if v == "" {
			continue
		}
		list, err := ParseAddressList(v)
		if err != nil {
			return nil, fmt.Errorf("read the field %s: %w", name, err)
		}
		for _, a := range list {
			bare = append(bare, a.Addr())
		}
	}
	return bare, nil
}
