package client

// Problem is an error as RFC 9457 has it.
type Problem struct {
	Type    string       `json:"type" doc:"What kind of problem this is; stable." example:"urn:gatepost:problem:invalid"`
	Title   string       `json:"title" doc:"The kind in a few words." example:"Some fields are wrong"`
	Status  int          `json:"status" doc:"The HTTP status." example:"422"`
	Detail  string       `json:"detail,omitempty" doc:"What happened this time."`
	Request string       `json:"request_id" doc:"The request's id, as in the header X-Request-Id and in the log."`
	Errors  []FieldError `json:"errors,omitempty" doc:"Every field that is wrong."`
}

// FieldError says what is wrong with one field.
type FieldError struct {
	Field   string `json:"field" doc:"Path in the request, or the name of a header or query parameter." example:"to[1]"`
	Message string `json:"message" doc:"What is wrong with it." example:"no @ between local part and domain"`
}
