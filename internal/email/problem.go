package email

// Problem is one thing that is wrong with what a caller handed in. Checks
// collect all of them, so that a caller need not find them one by one.
type Problem struct {
	Field   string // path in the request: "subject", "to[2]", "attachments[0].filename"
	Message string // what is wrong with it, lower case, without the value
}

// String is the problem in one line.
func (p Problem) String() string { return p.Field + ": " + p.Message }
