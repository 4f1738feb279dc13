package gmail

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// put sends one chunk from the byte at. The guard is asked before the message's
// last bytes, as often as they are sent.
func (s *session) put(at int64) news {
	size := min(chunkSize, s.msg.Size()-at)
	last := at+size == s.msg.Size()
	src, err := s.src.from(at)
	if err != nil {
		return news{problem: webcall.Unreadable(err)}
	}
	u := webcall.NewUpload(webcall.Part{Ctx: s.ctx, Trace: s.deps.Trace, Size: size, Half: s.half(at), Last: last, Again: s.begun, From: src})
	defer u.Close()
	s.begun = true
	ctx, cancel := s.patience()
	defer cancel()
	req, err := s.request(webcall.Traced(ctx, u), http.MethodPut, s.at, u)
	if err != nil {
		return news{problem: provider.NoAnswer(provider.StageUpload, false, err)}
	}
	dress(req, s.token, "message/rfc822")
	req.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", at, at+size-1, s.msg.Size()))
	resp, body, err := s.exchange(req)
	handedOver, inside := u.Stop()
	before := s.open
	s.open = s.open || handedOver
	switch {
	case resp == nil:
		return s.brokenChunk(u, handedOver, inside, err)
	case resp.StatusCode/100 == 2 || resp.StatusCode == statusResume:
		return s.heard(resp, body, err, at+size)
	case resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusRequestTimeout:
		if s.unknown(handedOver, resp, body) {
			// A session that is not there says nothing about the last bytes: a part of
			// the service that took them may have ended it. Only a look in Sent can tell.
			return news{problem: gone(resp, body)}
		}
		s.open = before // a refusal in so many words: these bytes were not taken
		return news{problem: s.refusedChunk(handedOver, resp, body)}
	}
	return news{lost: s.refusedChunk(handedOver, resp, body)}
}

// half is where in the chunk the middle of the message is.
func (s *session) half(at int64) int64 {
	if middle := s.msg.Size() - s.msg.Size()/2 - at; middle >= 0 && middle < chunkSize {
		return middle
	}
	return -1
}

// brokenChunk judges a chunk without an answer: what stopped it from inside ends
// the attempt, all else can be asked for.
func (s *session) brokenChunk(u *webcall.Upload, handedOver bool, inside, err error) news {
	if inside != nil || s.ctx.Err() != nil {
		return news{problem: webcall.Broken(u, errors.Join(s.ctx.Err(), err))}
	}
	return news{lost: provider.NoAnswer(provider.StageUpload, handedOver, err)}
}

func (s *session) refusedChunk(handedOver bool, resp *http.Response, body []byte) *provider.Error {
	if !handedOver {
		return s.refusedMessage(provider.StageUpload, s.env, resp, body)
	}
	return s.refusedMessage(provider.StageSend, s.env, resp, body)
}

// heard reads how much of the message Gmail has (308), or the receipt. most is how
// much it can have.
func (s *session) heard(resp *http.Response, body []byte, err error, most int64) news {
	if resp.StatusCode == statusResume {
		stored, ok := storedBytes(resp.Header.Get("Range"))
		if !ok || stored > most {
			return news{problem: &provider.Error{
				Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "unexpected_answer",
				Text:  "Gmail's answer in the middle of an upload cannot be read.",
				Reply: provider.CleanReply(resp.Status + " Range: " + resp.Header.Get("Range")),
			}}
		}
		return news{stored: stored}
	}
	if !s.open {
		return news{problem: unreadableYes(resp, body, errors.New("the message has not left whole"))}
	}
	receipt, problem := taken(s.env, resp, body, err)
	if problem != nil {
		return news{lost: problem} // the session can say it again
	}
	if s.deps.Trace != nil {
		s.deps.Trace("answer.read")
	}
	return news{receipt: &receipt}
}

// storedBytes reads "bytes=0-N"; without the header nothing is stored.
func storedBytes(header string) (int64, bool) {
	if header == "" {
		return 0, true
	}
	last, ok := strings.CutPrefix(strings.TrimPrefix(header, "bytes="), "0-")
	n, err := strconv.ParseInt(last, 10, 64)
	return n + 1, ok && err == nil && n >= 0 && n < maxSize
}

// query asks the session how far it is. When Gmail has all of the message, the
// question may be what makes it take it: the guard is asked first.
func (s *session) query() news {
	if err := provider.Guard(s.ctx); s.open && err != nil {
		return news{problem: provider.NoAnswer(provider.StageSend, true, err)}
	}
	ctx, cancel := s.patience()
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.at, http.NoBody)
	if err != nil {
		return news{problem: provider.NoAnswer(provider.StageUpload, false, err)}
	}
	dress(req, s.token, "")
	req.Header.Set("Content-Range", fmt.Sprintf("bytes */%d", s.msg.Size()))
	resp, body, err := s.exchange(req)
	switch {
	case resp == nil:
		return news{lost: provider.NoAnswer(provider.StageUpload, s.open, err)}
	case resp.StatusCode/100 == 2 || resp.StatusCode == statusResume:
		return s.heard(resp, body, err, s.msg.Size())
	case s.unknown(false, resp, body):
		return news{problem: gone(resp, body)}
	case resp.StatusCode == http.StatusUnauthorized:
		return news{lost: s.renew(resp, body)}
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return news{lost: s.refusedChunk(false, resp, body)}
	}
	return news{problem: s.refusedChunk(false, resp, body)}
}

// unknown tells whether the session is not there (any more). Once the message is
// whole, a 404 in the API's own words speaks of the conversation that it names.
func (s *session) unknown(whole bool, resp *http.Response, body []byte) bool {
	if resp.StatusCode == http.StatusNotFound {
		return !whole || s.env.Thread == "" || readError(body).Reason == ""
	}
	return resp.StatusCode == http.StatusGone
}

// gone: the session has ended without saying how.
func gone(resp *http.Response, body []byte) *provider.Error {
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "upload_session_lost",
		Text:  "Gmail does not know the upload any more; it starts again from the beginning.",
		Reply: provider.CleanReply(resp.Status + " " + readError(body).Text),
	}
}

// renew gets another token, for the next question.
func (s *session) renew(resp *http.Response, body []byte) *provider.Error {
	problem := s.refusedChunk(false, resp, body)
	token, tokenProblem := s.account.token(s.ctx, s.sendScope, true)
	if tokenProblem != nil {
		return tokenProblem
	}
	s.token = token
	return problem
}

// source reads a message from any byte on. Reading on from where it stands costs
// nothing; going back opens the message again.
type source struct {
	msg email.Content
	r   io.ReadCloser
	at  int64
}

func (s *source) from(at int64) (io.Reader, error) {
	if s.r == nil || s.at > at {
		s.close()
		r, err := s.msg.Open()
		if err != nil {
			return nil, fmt.Errorf("open the message: %w", err)
		}
		s.r, s.at = r, 0
	}
	if n, err := io.CopyN(io.Discard, s, at-s.at); err != nil {
		return nil, fmt.Errorf("read the message again up to byte %d: %w", n, err)
	}
	return s, nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

func (s *source) close() {
	if s.r != nil {
		s.r.Close()
		s.r = nil
	}
}
