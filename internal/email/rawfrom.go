package email

import (
	"net/mail"
	"slices"
	"strings"
)

// SendAs makes a the author of the message, with the name that the old author had
// there. Answers go to the old one, unless the message says already where to.
func (r *Raw) SendAs(a Address) {
	old := r.From
	if a.Name == "" {
		a.Name = old.Name
	}
	if !old.IsZero() && !old.Equal(a) && len(r.header.Values("Reply-To")) == 0 {
		r.header = append(r.header, newLine("Reply-To", fieldOf(old)))
	}
	from := newLine("From", fieldOf(a))
	i := slices.IndexFunc(r.header, func(f Field) bool { return f.Is("From") })
	if i < 0 {
		r.header = append(r.header, from)
	} else {
		r.header[i] = from
	}
	r.header = slices.DeleteFunc(r.header, func(f Field) bool { return f.Is("Sender") })
	r.From, r.Sender = a, Address{}
}

func newLine(name, value string) Field {
	return Field{Name: name, Raw: []byte(name + ": " + value + "\r\n")}
}

// fieldOf is an address as a field of a header has it: a name that is not ASCII is in
// encoded words, between which it is folded.
func fieldOf(a Address) string {
	if a.Name == "" {
		return a.Addr()
	}
	m := mail.Address{Name: a.Name, Address: a.Addr()}
	return strings.NewReplacer("?= =?", "?=\r\n =?", "?= <", "?=\r\n <").Replace(m.String())
}
