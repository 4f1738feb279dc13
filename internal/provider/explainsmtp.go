package provider

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How replies of SMTP servers stand in logs: with an enhanced code; at the beginning of a
// line, or after what clients write before; as PHPMailer takes them apart.
var (
	enhancedReply  = regexp.MustCompile(`(?:^|[^\w.])([45]\d\d)(?:[ -]|[:,] ?b?['"]?|: )#?([245]\.\d{1,3}\.\d{1,3})\b`)
	plainReply     = regexp.MustCompile(`(?m)(?:^\s*|said: |response: ?['"]?|response was: |: |-> |CLIENT: |\(|b?['"])([45]\d\d)(?:[ -]|, b?['"])\s?([A-Za-z][^\n]*)`)
	phpMailerReply = regexp.MustCompile(`SMTP code: ([45]\d\d)(?:\s+Additional SMTP info: ([245]\.\d{1,3}\.\d{1,3}))?`)
	loneCode       = regexp.MustCompile(`(?:^|response was: |dsn=|[sS]tatus[:=]? ?|#)([45]\.\d{1,3}\.\d{1,3})\b`)
	challenge      = regexp.MustCompile(`\b334[ -](eyJ[\w+/=-]+)`)
)

// maxReplies is how many different replies of one text are read.
const maxReplies = 3

// smtpAnswers reads the replies of SMTP servers.
func smtpAnswers(l *logText) (answers []Answer) {
	for _, a := range l.replies() {
		for _, stage := range l.stages(a) {
			a.Stage, a.About = stage, l.about
			answers = append(answers, a)
		}
	}
	return answers
}

func (l *logText) replies() []Answer {
	if m := challenge.FindStringSubmatch(l.text); m != nil {
		return []Answer{{Stage: StageBearer, Code: 535, Reason: "5.7.8", Text: "334 " + challengeText(m[1])}}
	}
	if m := phpMailerReply.FindStringSubmatch(l.text); m != nil {
		return []Answer{replyOf(m[1], m[2], l.text)}
	}
	if all := enhancedReply.FindAllStringSubmatchIndex(l.text, -1); all != nil {
		return l.between(all)
	}
	if m := plainReply.FindStringSubmatchIndex(l.text); m != nil && l.status() == 0 {
		return []Answer{replyOf(l.text[m[2]:m[3]], "", l.text[m[4]:])}
	}
	if m := loneCode.FindStringSubmatchIndex(l.text); m != nil {
		return likelyReplies(l.text[m[2]:m[3]], l.text[m[1]:])
	}
	return nil
}

// between gives each reply the text up to the next one. The lines of one reply (RFC 5321
// section 4.2.1) repeat its codes.
func (l *logText) between(found [][]int) (all []Answer) {
	last := ""
	for i, m := range found {
		end := len(l.text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		code, enhanced, text := l.text[m[2]:m[3]], l.text[m[4]:m[5]], strings.TrimSpace(l.text[m[1]:end])
		if code+enhanced == last {
			all[len(all)-1].Text += " " + text
			continue
		}
		if len(all) == maxReplies {
			break
		}
		last = code + enhanced
		all = append(all, replyOf(code, enhanced, text))
	}
	return all
}

func replyOf(code, enhanced, text string) Answer {
	n, _ := strconv.Atoi(code)
	return Answer{Code: n, Reason: enhanced, Text: oneLine(text)}
}

// oneLine joins what a log has broken into lines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// challengeText decodes what Google says before it refuses a token (RFC 7628 section
// 3.2.2): status, schemes and the scope that is needed.
func challengeText(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	var said struct{ Status, Scope string }
	if err != nil || json.Unmarshal(raw, &said) != nil {
		return "a challenge that cannot be read"
	}
	return "status " + said.Status + ", scope " + said.Scope
}

// likelyReplies are replies with an enhanced code of which the first part is missing: one
// with which a row knows the words, else the enhanced code itself, else its kind.
func likelyReplies(enhanced, text string) []Answer {
	codes := []string{"550", "554", "535", "552", "530", "534", "504"}
	if enhanced[0] == '4' {
		codes = []string{"451", "450", "432", "454", "421", "452"}
	}
	for _, knows := range []func(*row) bool{
		func(r *row) bool { return r.text != "" },
		func(r *row) bool { return r.reason != "" && !strings.Contains(r.reason+"|", ".|") },
		func(r *row) bool { return r.reason != "" },
	} {
		for _, code := range codes {
			if a := replyOf(code, enhanced, text); knownSomewhere(a, knows) {
				return []Answer{a}
			}
		}
	}
	return nil
}

// knownSomewhere tells whether a row knows a reply, in the way that is asked for, at one
// of the stages.
func knownSomewhere(a Answer, knows func(*row) bool) bool {
	a.About.Vendor = vendorOf(a)
	return slices.ContainsFunc(smtpStages(), func(stage Stage) bool {
		a.Stage = stage
		r := find(a)
		return !r.rest && knows(r)
	})
}

// smtpStages are the stages of SMTP, the likeliest first.
func smtpStages() []Stage {
	return []Stage{StageBearer, StageAuth, StageMail, StageRcpt, StageBody, StageConnect}
}

// stageWords are what clients write about the stage.
var stageWords = []struct {
	stage Stage
	words []string
}{
	{StageBearer, []string{"xoauth2", "oauthbearer"}},
	{StageAuth, []string{"auth plain", "auth login", "auth cram", "method plain", "method login", "password command failed", "username command failed", `authenticator "login" returned`, `authenticator "plain" returned`}},
	{StageMail, []string{"mail from", "senderrefused", "envelope sender", "'mail' command", "mail command"}},
	{StageRcpt, []string{"rcpt to", "recipientsrefused", "rcpt command", "recipients failed", "recipient address rejected"}},
	{StageBody, []string{"end of data", "data end", "smtpdataerror", "data command", "data not accepted", "message rejected"}},
	{StageConnect, []string{"ehlo", "helo", "smtpconnecterror", "greeting", "refused to talk to me"}},
}

// stages are those at which the reply can have come: those that the text names, where a
// row knows the reply there; else those where one does, best by its words; else the usual
// ones of its code.
func (l *logText) stages(a Answer) []Stage {
	if a.Stage != "" {
		return []Stage{a.Stage}
	}
	a.About = l.about
	named, usual := l.named(), l.usual(a.Code)
	for _, try := range []struct {
		stages []Stage
		how    knowledge
	}{{named, byDigits}, {smtpStages(), byText}, {usual, byReason}, {usual, byDigits}, {smtpStages(), byReason}} {
		if at := knownAt(a, try.stages, try.how); len(at) > 0 {
			return at
		}
	}
	if len(named) > 0 {
		return named
	}
	return usual
}

// named are the stages that the text names.
func (l *logText) named() (all []Stage) {
	for _, s := range stageWords {
		if slices.ContainsFunc(s.words, l.says) {
			all = append(all, s.stage)
		}
	}
	return all
}

// says tells whether the text says a word, or several that stand by themselves: "gmail
// from" is no MAIL FROM.
func (l *logText) says(words string) bool {
	if strings.Contains(words, " ") {
		return wordAt(l.lower, words) >= 0
	}
	return l.has(words)
}

// usual are the stages at which a code usually comes.
func (l *logText) usual(code int) []Stage {
	switch code {
	case 334, 534, 535, 538:
		return l.signingIn()
	case 504, 454:
		return append(l.signingIn(), StageMail)
	case 421:
		return []Stage{StageConnect, StageMail, StageBody}
	case 530:
		return []Stage{StageMail}
	case 452, 450:
		return []Stage{StageRcpt, StageMail, StageBody}
	case 432:
		return []Stage{StageMail, StageBearer, StageBody}
	}
	return []Stage{StageRcpt, StageBody, StageMail}
}

// signingIn are the stages of a sign-in, the likelier first.
func (l *logText) signingIn() []Stage {
	if l.has("password", "authentication data", "error: authentication failed") && !l.has("oauth", "token") {
		return []Stage{StageAuth, StageBearer}
	}
	return []Stage{StageBearer, StageAuth}
}

// knowledge is by what a row knows a reply, at least.
type knowledge int

const (
	byDigits knowledge = iota
	byReason           // by its enhanced code, or better
	byText
)

// knownAt are the stages at which a row knows the reply.
func knownAt(a Answer, stages []Stage, how knowledge) (known []Stage) {
	a.About.Vendor = vendorOf(a)
	for _, a.Stage = range stages {
		if r := find(a); !r.rest && (how == byDigits || r.text != "" || how == byReason && r.reason != "") {
			known = append(known, a.Stage)
		}
	}
	return known
}
