package provider

import (
	"encoding/json"
	"regexp"
	"strconv"
)

// apiBody is the error of Google's APIs and of Graph: the same shape, with a number or
// a word as its code.
type apiBody struct {
	Error struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
		Status  string          `json:"status"`
		Errors  []struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"errors"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}

// statusIn is how clients write an HTTP status.
var statusIn = regexp.MustCompile(`(?i)(?:\berror|\bstatus(?:[ _-]?code)?|\bcode|\bHTTP(?:/[\d.]+)?|response code|HttpError|Exception)\W{0,6}([45]\d\d)\b`)

// keptReply is how gatepost itself keeps what an API said: "403 ErrorAccessDenied Access is
// denied". The word has capitals within or underscores: after a code of SMTP comes a sentence.
var keptReply = regexp.MustCompile(`^\s*(4\d\d|50\d) ([A-Za-z][a-z]+[A-Z]\w*|[A-Z]+(?:_[A-Z]+)+) (.*)`)

// apiAnswers reads what the Gmail API or Graph said, in JSON or as a client words it.
func apiAnswers(l *logText) []Answer {
	var body apiBody
	if l.jsonBody(&body) && body.said() {
		return l.asCall(body.read())
	}
	if m := keptReply.FindStringSubmatch(l.text); m != nil {
		code, _ := strconv.Atoi(m[1])
		return l.asCall(Answer{Code: code, Reason: m[2], Text: m[3]})
	}
	a := Answer{Code: l.status(), Reason: l.apiReason(), Text: l.text}
	named := l.keylessStage() != "" || l.has("googleapi", "httperror", "gaxioserror", "googlejsonresponse", "graph.microsoft", "odataerror", "gmail api", "microsoft graph")
	if a.Reason == "" && (!named || a.Code == 0) {
		return nil
	}
	return l.asCall(a)
}

// said tells whether the body says anything.
func (b apiBody) said() bool { return b.Error.Message != "" || len(b.Error.Code) > 0 }

// apiBody tells whether the text holds the error of an API.
func (l *logText) apiBody() bool {
	var body apiBody
	return l.jsonBody(&body) && body.said()
}

// read takes the parts out of a body. A word as its code is Graph's.
func (b apiBody) read() Answer {
	a := Answer{Text: b.Error.Message}
	var word string
	if json.Unmarshal(b.Error.Code, &a.Code) != nil && json.Unmarshal(b.Error.Code, &word) == nil {
		a.Reason, a.About.Vendor = word, VendorMicrosoft
		return a
	}
	a.About.Vendor = VendorGoogle
	for _, e := range b.Error.Errors {
		if a.Reason == "" {
			a.Reason = e.Reason
		}
	}
	for _, d := range b.Error.Details {
		if a.Reason == "" {
			a.Reason = d.Reason
		}
	}
	if a.Reason == "" {
		a.Reason = b.Error.Status
	}
	return a
}

// asCall makes answers of it, of sending, of other calls and of uploads. Where the status is missing
// it is the one that a row knows the words with.
func (l *logText) asCall(a Answer) []Answer {
	vendor := a.About.Vendor
	a.About, a.Text = l.about, oneLine(a.Text)
	if vendor != "" {
		a.About.Vendor = vendor
	}
	if a.Code == 0 {
		a.Code = l.status()
	}
	if a.Stage = l.keylessStage(); a.Stage != "" {
		return []Answer{a}
	}
	a.Stage = StageSend
	if a.Code == 0 {
		a.Code = statusOf(a)
	}
	upload, call := a, a
	upload.Stage, call.Stage = StageUpload, StageCall
	return []Answer{a, call, upload}
}

func (l *logText) status() int {
	m := statusIn.FindStringSubmatch(l.text)
	if m == nil {
		return 0
	}
	code, _ := strconv.Atoi(m[1])
	return code
}

// statusOf is the HTTP status with which a row knows an answer that came without: by its
// words, else by the word for the error.
func statusOf(a Answer) int {
	a.About.Vendor = vendorOf(a)
	for _, byWords := range []bool{true, false} {
		for _, code := range []int{403, 400, 401, 404, 429, 413, 503} {
			a.Code = code
			if r := find(a); !r.rest && (r.text != "" || !byWords && r.reason != "") {
				return code
			}
		}
	}
	return 0
}

// apiReason finds a word for an error of an API.
func (l *logText) apiReason() string {
	for _, w := range reasonsAt(StageSend) {
		if wordAt(l.text, w) >= 0 {
			return w
		}
	}
	return ""
}
