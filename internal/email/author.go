package email

// Author is the address in a message's From, the first where there are several; empty
// where it cannot be read. It serves words for people.
func Author(msg Content) string {
	r, err := msg.Open()
	if err != nil {
		return ""
	}
	defer r.Close()
	head, err := ReadHeader(r)
	if err != nil {
		return ""
	}
	list, err := ParseAddressList(head.Value("From"))
	if err != nil || len(list) == 0 {
		return ""
	}
	return list[0].Addr()
}
