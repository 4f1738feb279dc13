package client

// NewMessage is a message to be sent: parts, or a whole one in Raw.
type NewMessage struct {
	Account     string            `json:"account,omitempty" doc:"Id or address of the account to send through. Empty: the one that may send as from."`
	From        *Address          `json:"from,omitempty" doc:"The author. Empty: the account's own address."`
	To          Addresses         `json:"to,omitempty"`
	Cc          Addresses         `json:"cc,omitempty"`
	Bcc         Addresses         `json:"bcc,omitempty" doc:"Recipients whom the others do not see."`
	ReplyTo     Addresses         `json:"reply_to,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	Text        string            `json:"text,omitempty" doc:"The body as plain text. Empty beside html: made from it."`
	HTML        string            `json:"html,omitempty" doc:"The body as HTML. Images that go along are named by cid: and their content_id."`
	NoText      bool              `json:"no_text,omitempty" doc:"Make no text from html."`
	Headers     Headers           `json:"headers,omitempty" doc:"Further header fields, name to value."`
	Attachments []Attachment      `json:"attachments,omitempty"`
	Raw         []byte            `json:"raw,omitempty" doc:"A whole RFC 5322 message in place of from, subject, bodies, headers and attachments. Its recipients are those of its header, unless to, cc and bcc name them."`
	ThreadID    string            `json:"thread_id,omitempty" doc:"The provider's id of the conversation that the message belongs to (Gmail API)."`
	InReplyTo   string            `json:"in_reply_to,omitempty" doc:"Message-ID of the message that this one answers." example:"<4711@example.org>"`
	References  []string          `json:"references,omitempty" doc:"Message-IDs of the conversation, oldest first. Empty beside in_reply_to: that one."`
	Type        string            `json:"type,omitempty" doc:"What kind of mail it is, which decides lane, life, how long its content is kept and what happens when an outcome cannot be known. Empty: general." enum:"otp,verification_code,two_factor,authentication,password_reset,account_activation,confirmation,notification,reminder,invoice,billing_statement,general"`
	Lane        string            `json:"lane,omitempty" doc:"bulk lets a message of the type general wait behind all other mail." enum:"normal,bulk"`
	SendAt      *Time             `json:"send_at,omitempty" doc:"Do not send before this time."`
	ExpiresAt   *Time             `json:"expires_at,omitempty" doc:"Do not send after this time. Types with a life set it by themselves; it can be made shorter, not longer."`
	OnUnknown   string            `json:"on_unknown,omitempty" enum:"reconcile,retry,hold" doc:"What to do when it cannot be known whether an attempt was taken. Empty: by the type."`
	Tags        []string          `json:"tags,omitempty" doc:"Words of your own to find the message by."`
	Metadata    map[string]string `json:"metadata,omitempty" doc:"Values of your own, kept with the message."`
	// IdempotencyKey of one message in a batch; for a single message it is a header.
	IdempotencyKey string `json:"idempotency_key,omitempty" doc:"In a batch: makes the same message have one effect however often it comes. For a single message give the header Idempotency-Key."`
}

// Attachment is a file that goes along, or an image within the HTML.
type Attachment struct {
	Filename    string `json:"filename,omitempty" doc:"Needed unless an upload gives it." example:"invoice.pdf"`
	ContentType string `json:"content_type,omitempty" doc:"Empty: by the name's ending." example:"application/pdf"`
	Content     []byte `json:"content,omitempty" doc:"The file in base64; or give upload."`
	Upload      string `json:"upload,omitempty" doc:"The id of an upload in place of content."`
	ContentID   string `json:"content_id,omitempty" doc:"Makes it part of the HTML, where it is named cid: and this id." example:"logo"`
}

// Header is a further header field.
type Header struct{ Name, Value string }

// Submitted is the answer to a submission: what does not change, so that a
// repetition gets the same.
type Submitted struct {
	ID          string `json:"id" doc:"The message's id."`
	Account     string `json:"account" doc:"The account that sends it."`
	Status      string `json:"status" enum:"queued,scheduled" doc:"What holds from the moment of this answer: the message is on disk and will be sent."`
	SendAt      *Time  `json:"send_at,omitempty"`
	ExpiresAt   *Time  `json:"expires_at,omitempty"`
	SubmittedAt Time   `json:"submitted_at"`
	// Replayed says that the same submission came before: the header
	// Idempotent-Replayed.
	Replayed bool `json:"-"`
}

// NewBatch is up to 1,000 messages in one request.
type NewBatch struct {
	Messages []NewMessage `json:"messages"`
	Mode     string       `json:"mode,omitempty" enum:"all,each" doc:"all: keep all or nothing. each: keep what is right and tell what is wrong. Empty: all."`
}

// BatchAnswer has one result for each message of a batch, in the same order.
type BatchAnswer struct {
	Data []BatchResult `json:"data"`
}

// BatchResult is what became of one message of a batch: Submitted, or the errors.
type BatchResult struct {
	Index     int          `json:"index"`
	Submitted *Submitted   `json:"submitted,omitempty"`
	Errors    []FieldError `json:"errors,omitempty" doc:"What is wrong with this message; it was not kept."`
}

// Recipient is where one recipient of a message is.
type Recipient struct {
	Address   string `json:"address"`
	Role      string `json:"role" doc:"to, cc or bcc; empty where a raw message does not say."`
	Status    string `json:"status" enum:"scheduled,queued,sending,unknown,held,accepted,failed,canceled,expired,suppressed,bounced,complained"`
	Cause     string `json:"cause,omitempty" doc:"Why it is in this state; a stable word."`
	Reply     string `json:"reply,omitempty" doc:"The next hop's own words."`
	UpdatedAt *Time  `json:"updated_at,omitempty"`
}

// MessageSummary is what a list shows of a message.
type MessageSummary struct {
	ID          string            `json:"id"`
	Account     string            `json:"account"`
	Type        string            `json:"type"`
	Lane        string            `json:"lane" enum:"urgent,normal,bulk"`
	From        string            `json:"from"`
	Subject     string            `json:"subject" doc:"Empty for types whose content is shredded: subjects of those are not kept."`
	MessageID   string            `json:"message_id" doc:"The Message-ID in the message's header."`
	ThreadID    string            `json:"thread_id,omitempty"`
	Tags        []string          `json:"tags"`
	Metadata    map[string]string `json:"metadata"`
	Size        int64             `json:"size" doc:"Bytes of the whole message."`
	OnUnknown   string            `json:"on_unknown"`
	SubmittedAt Time              `json:"submitted_at"`
	SendAt      *Time             `json:"send_at,omitempty"`
	ExpiresAt   *Time             `json:"expires_at,omitempty"`
	ShreddedAt  *Time             `json:"shredded_at,omitempty" doc:"When its content was shredded, as its type asks."`
	Recipients  []Recipient       `json:"recipients"`
	NextAt      *Time             `json:"next_at,omitempty" doc:"When it is tried, or looked for, again."`
}

// Message is a message with its history.
type Message struct {
	MessageSummary
	PossibleDuplicate bool    `json:"possible_duplicate" doc:"Whether recipients may have got it twice."`
	Attempts          int     `json:"attempts" doc:"How often it was tried."`
	Events            []Event `json:"events" doc:"What happened to it, oldest first."`
}

// MessageList is a page of messages, newest first.
type MessageList struct {
	Data       []MessageSummary `json:"data"`
	NextCursor string           `json:"next_cursor,omitempty" doc:"Give this as cursor to get the next page; missing on the last."`
}

// Event is something that happened to a message.
type Event struct {
	ID   string    `json:"id"`
	Seq  int       `json:"seq" doc:"Counts the events of one message from 1."`
	Type string    `json:"type" example:"message.accepted"`
	At   Time      `json:"at"`
	Data EventData `json:"data"`
}

// EventData says more about an event.
type EventData struct {
	Recipients        []string `json:"recipients,omitempty" doc:"Whom it is about, where that is not everybody."`
	Account           string   `json:"account,omitempty"`
	Attempt           int      `json:"attempt,omitempty"`
	Cause             string   `json:"cause,omitempty"`
	Text              string   `json:"text,omitempty" doc:"What happened."`
	Fix               string   `json:"fix,omitempty" doc:"What to do about it."`
	Reply             string   `json:"reply,omitempty" doc:"The provider's own words."`
	ProviderID        string   `json:"provider_id,omitempty"`
	ThreadID          string   `json:"thread_id,omitempty"`
	NextAt            *Time    `json:"next_at,omitempty"`
	PossibleDuplicate bool     `json:"possible_duplicate,omitempty"`
}

// Explanation tells of one message what a person would ask: where it is and why,
// by which account, what each attempt brought, what comes next.
type Explanation struct {
	ID      string `json:"id"`
	Status  string `json:"status" doc:"Where it is: one word, or mixed."`
	Summary string `json:"summary" doc:"The same in a sentence or two."`
	Account struct {
		ID          string `json:"id"`
		Address     string `json:"address"`
		Transport   string `json:"transport"`
		Status      string `json:"status" enum:"active,parked,held"`
		Why         string `json:"why" doc:"Why this account: named in the request, or the one that may send as From."`
		Cause       string `json:"cause,omitempty"`
		Reason      string `json:"reason,omitempty" doc:"Why the account is parked or held, and what to do."`
		ParkedUntil *Time  `json:"parked_until,omitempty"`
	} `json:"account"`
	Policy struct {
		Type      string `json:"type"`
		Lane      string `json:"lane"`
		OnUnknown string `json:"on_unknown"`
		Kept      string `json:"kept" doc:"How long the content is kept once every recipient is final."`
	} `json:"policy"`
	Limits   []ExplainedLimit `json:"limits" doc:"The limits that concern it."`
	Attempts []Attempt        `json:"attempts"`
	NextAt   *Time            `json:"next_at,omitempty" doc:"When it is tried, or looked for, again."`
	Next     string           `json:"next,omitempty" doc:"What happens then, or what it waits for."`
	Fix      string           `json:"fix,omitempty" doc:"What a person can do."`
}

// ExplainedLimit is a limit of the account and what the message takes of it.
type ExplainedLimit struct {
	Name   string `json:"name" example:"recipients per message"`
	Limit  int64  `json:"limit"`
	Used   int64  `json:"used" doc:"What this message takes."`
	Source string `json:"source,omitempty" doc:"Where the figure comes from."`
}

// Attempt is one try to send a message, and what came of it.
type Attempt struct {
	Number            int      `json:"number"`
	At                Time     `json:"at"`
	Outcome           string   `json:"outcome" example:"delayed" doc:"accepted, delayed, failed, held, unknown, not_sent or sending."`
	Recipients        []string `json:"recipients,omitempty"`
	Cause             string   `json:"cause,omitempty"`
	Text              string   `json:"text,omitempty"`
	Fix               string   `json:"fix,omitempty"`
	Reply             string   `json:"reply,omitempty" doc:"The provider's own words."`
	ProviderID        string   `json:"provider_id,omitempty"`
	PossibleDuplicate bool     `json:"possible_duplicate,omitempty"`
}

// Upload is a file that messages can attach by its id.
type Upload struct {
	ID          string `json:"id"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	CreatedAt   Time   `json:"created_at"`
	ExpiresAt   Time   `json:"expires_at" doc:"Until then it can be attached. Messages that attach it have a copy."`
}

// UploadList is all uploads that can be attached.
type UploadList struct {
	Data []Upload `json:"data"`
}
