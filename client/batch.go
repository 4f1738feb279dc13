package client

import "context"

// NewBatch is up to 1,000 messages in one request.
type NewBatch struct {
	Messages []NewMessage `json:"messages"`
	Mode     string       `json:"mode,omitempty" enum:"all,each" doc:"all: keep all or nothing. each: keep what is right and tell what is wrong. Empty: all."`
}

// BatchAnswer has one result for each message of a batch, in the same order.
type BatchAnswer struct {
	Data []BatchResult `json:"data"`
}

// BatchResult is what became of one message of a batch: Submitted, or why it was
// not kept.
type BatchResult struct {
	Index     int          `json:"index"`
	Submitted *Submitted   `json:"submitted,omitempty"`
	Replayed  bool         `json:"replayed,omitempty" doc:"Whether the same message came before under its idempotency key."`
	Errors    []FieldError `json:"errors,omitempty" doc:"What is wrong with this message; it was not kept."`
	Problem   *Problem     `json:"problem,omitempty" doc:"Why else it was not kept: what a request with this message alone would have been answered."`
}

// SendBatch hands over up to 1,000 messages in one request; their idempotency
// keys stand in them. When all of them have one the client sends the batch again
// by itself where no answer came. In the mode "each" the answer may hold errors
// although err is nil. The error NoVerdict says that nobody knows what was kept.
func (c *Client) SendBatch(ctx context.Context, b NewBatch) (BatchAnswer, error) {
	r, err := post("/v1/messages/batch").with(b)
	if err != nil {
		return BatchAnswer{}, err
	}
	r.repeat = true
	for _, m := range b.Messages {
		r.repeat = r.repeat && m.IdempotencyKey != ""
		r.keys = append(r.keys, m.IdempotencyKey)
	}
	return ask[BatchAnswer](ctx, c, r)
}
