package queue

import "gatepost/internal/email"

// Devices and old programs write an author of their own: the scanner's name, root on the
// machine, nobody at all. Where whoever made the key wishes so, such a message leaves as
// the account's own, and answers go to the author that it had.

// rewriteFrom makes an author that may not be sent the account's.
func (d *draft) rewriteFrom() {
	if !d.sub.RewriteFrom || d.sub.Raw == nil || d.account == nil {
		return
	}
	may := func(a email.Address) bool { return d.account.maySendAs(a) && MaySendAs(d.g, a) }
	if !d.from.IsZero() && may(d.from) && (d.raw.Sender.IsZero() || may(d.raw.Sender)) {
		return
	}
	author := d.account.address
	for _, s := range d.g.Senders {
		if may(author) {
			break
		}
		if a, err := email.NewAddress("", s); err == nil && may(a) {
			author = a
		}
	}
	d.raw.SendAs(author)
	d.from, d.sub.From = author, &author
}

// checkAuthor refuses a message without an author that nobody could replace.
func (d *draft) checkAuthor() {
	if d.sub.RewriteFrom && d.sub.Raw != nil && d.raw.From.IsZero() && len(d.problems) == 0 {
		d.wrong("raw", "there is no field From with one address, and a pool has no address to put there: name an account")
	}
}
