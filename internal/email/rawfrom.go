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
	r.replyTo(a)
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

// replyTo names the old authors where nothing says yet where answers go.
func (r *Raw) replyTo(author Address) {
	if r.header.Value("Reply-To") != "" {
		return
	}
	r.header = slices.DeleteFunc(r.header, func(f Field) bool { return f.Is("Reply-To") })
	if len(r.authors) == 0 || len(r.authors) == 1 && r.authors[0].Equal(author) {
		return
	}
	all := make([]string, len(r.authors))
	for i, a := range r.authors {
		all[i] = fieldOf(a)
	}
	r.header = append(r.header, newLine("Reply-To", strings.Join(all, ",\r\n ")))
}

// AddressTo names the one whom a message goes to, where CheckRawByAnyone left out what
// named nobody. Several are not named: they may not be meant to see each other.
func (r *Raw) AddressTo(all []Address) {
	if r.nobody && len(all) == 1 && len(r.To)+len(r.Cc) == 0 {
		r.header = append(r.header, newLine("To", all[0].Addr()))
		r.To = all
	}
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
