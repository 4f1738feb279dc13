package gmail

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider"
	"gatepost/internal/provider/webcall"
)

// A large message goes in an upload session: its address is asked for once, then
// the message follows in chunks. Gmail takes the message with its last byte, and
// once, however often parts of it come; so what a broken connection left out can
// be sent again within the attempt, and a lost verdict can be asked for.
// Sources: developers.google.com/workspace/gmail/api/guides/uploads; RFC 9110
// section 14.4 (Content-Range).

const (
	chunkUnit = 256 << 10 // every chunk but the last is a multiple of it
	chunkSize = 16 * chunkUnit
	maxAsks   = 6 // questions in a row without a usable answer
	maxStalls = 4 // chunks in a row of which nothing was kept
)

// statusResume is 308 as Google's upload sessions use it: go on.
const statusResume = http.StatusPermanentRedirect

// session is one attempt at one large message.
type session struct {
	*account
	ctx   context.Context
	env   email.Envelope
	msg   email.Content
	token email.Secret
	at    string // the session's address; whoever has it may upload
	src   source
	begun bool // a request has carried a part
	// open says that the message's last bytes have left once and no verdict came:
	// from then on only the session's own word can say that nobody has it.
	open bool
}

// news is what an exchange with the session taught.
type news struct {
	stored  int64             // bytes that Gmail has, when there is no more to say
	receipt *provider.Receipt // the message was taken
	problem *provider.Error   // the attempt is over
	lost    *provider.Error   // no usable answer: ask; else this is what is said
}

// bySession uploads a message in a session of its own.
func (a *account) bySession(ctx context.Context, env email.Envelope, msg email.Content, token email.Secret) (provider.Receipt, *provider.Error) {
	s := &session{account: a, ctx: ctx, env: env, msg: msg, token: token, src: source{msg: msg}}
	defer s.src.close()
	if problem := s.start(); problem != nil {
		return provider.Receipt{}, problem
	}
	receipt, problem := s.run()
	if problem != nil && s.open && problem.Class != provider.Unknown {
		return receipt, stillOpen(problem)
	}
	return receipt, problem
}

// stillOpen is an end that says nothing about bytes which had left before.
func stillOpen(problem *provider.Error) *provider.Error {
	e := provider.NoAnswer(provider.StageSend, true, problem)
	e.Reply = problem.Reply
	return e
}

// start asks for a session. Nothing of the message leaves.
func (s *session) start() *provider.Error {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.base+"/upload"+sendPath+"?uploadType=resumable", strings.NewReader(metadata(s.env)))
	if err != nil {
		return provider.NoAnswer(provider.StageUpload, false, err)
	}
	dress(req, s.token, "application/json; charset=UTF-8")
	req.Header.Set("X-Upload-Content-Type", "message/rfc822")
	req.Header.Set("X-Upload-Content-Length", strconv.FormatInt(s.msg.Size(), 10))
	resp, body, err := s.exchange(req)
	if err != nil {
		return provider.NoAnswer(provider.StageUpload, false, err)
	}
	if resp.StatusCode != http.StatusOK {
		return s.refusedMessage(provider.StageUpload, s.env, resp, body)
	}
	if s.at, err = s.address(resp.Header.Get("Location")); err != nil {
		return &provider.Error{
			Class: provider.Retry, Scope: provider.ScopeAccount, Cause: "unexpected_answer", Err: err,
			Text: "Gmail opened an upload and gave no address for it that can be used: " + err.Error() + ".",
		}
	}
	return nil
}

// address is the session's, if it leads to where tokens may be shown: the API's
// own host, or for the public API another host of Google's APIs.
func (s *session) address(location string) (string, error) {
	base, err := url.Parse(s.base)
	if err != nil {
		return "", err
	}
	to, err := base.Parse(location)
	switch {
	case location == "" || err != nil:
		return "", errors.New("the header Location is missing or unreadable")
	case to.Scheme == base.Scheme && to.Host == base.Host:
		return to.String(), nil
	case s.base == publicAPI && to.Scheme == "https" && strings.HasSuffix(to.Host, ".googleapis.com"):
		return to.String(), nil
	}
	return "", errors.New("it leads to another host, " + to.Host)
}

// run sends chunk after chunk from where Gmail says it is.
func (s *session) run() (provider.Receipt, *provider.Error) {
	var at int64
	for stalls := 0; ; {
		n := s.ask(s.put(at))
		switch {
		case n.receipt != nil:
			return *n.receipt, nil
		case n.problem != nil:
			return provider.Receipt{}, n.problem
		case n.stored > at:
			stalls = 0
		case stalls == maxStalls:
			return provider.Receipt{}, s.noProgress()
		default:
			stalls++
		}
		at = n.stored
	}
}

func (s *session) noProgress() *provider.Error {
	return &provider.Error{
		Class: provider.Retry, Scope: provider.ScopeMessage, Cause: "upload_stalled",
		Text: "Gmail kept nothing of what was uploaded, several times in a row.",
	}
}

// ask asks the session as long as nothing usable came back: an empty PUT tells how
// much Gmail has, or the verdict if it has all.
func (s *session) ask(n news) news {
	for tries := 0; n.lost != nil || n.receipt == nil && n.problem == nil && n.stored == s.msg.Size(); tries++ {
		if tries == maxAsks || s.pause(s.ctx, tries) != nil {
			return news{problem: s.lastWord(n)}
		}
		n = s.query()
	}
	return n
}

// lastWord is what is said when asking was in vain.
func (s *session) lastWord(n news) *provider.Error {
	if n.lost != nil {
		return n.lost
	}
	return provider.NoAnswer(provider.StageSend, true, errors.New("gmail has all of the message and gives no verdict"))
}

// pauseBefore waits before a question: a quarter of a second, doubled each time.
func pauseBefore(ctx context.Context, tries int) error {
	t := time.NewTimer(250 * time.Millisecond << tries)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// patience leaves half of the time to ask what became of a request that hangs.
func (s *session) patience() (context.Context, context.CancelFunc) {
	end, ok := s.ctx.Deadline()
	if !ok {
		return context.WithCancel(s.ctx)
	}
	return context.WithDeadline(s.ctx, time.Now().Add(time.Until(end)/2))
}

// exchange makes a request and reads its answer.
func (a *account) exchange(req *http.Request) (*http.Response, []byte, error) {
	return webcall.Exchange(a.transport, req, webcall.MaxAnswer)
}
