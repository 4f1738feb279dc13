package provider

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// oauthBody is the error of a token endpoint (RFC 6749 section 5.2), Microsoft's and
// Google's.
type oauthBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Subtype     string `json:"error_subtype"`
	Codes       []int  `json:"error_codes"`
}

// fetchStatus is how golang.org/x/oauth2 begins.
var fetchStatus = regexp.MustCompile(`(?i)cannot fetch token: (\d{3})`)

// tokenAnswers reads what a token endpoint or a consent screen said.
func tokenAnswers(l *logText) []Answer {
	var body oauthBody
	if l.jsonBody(&body) && body.Error != "" {
		words := body.words()
		if words == "" { // the client says them before
			_, words, _ = l.oauthWord()
		}
		return l.asToken(Answer{Reason: body.Error, Text: words})
	}
	if at := strings.Index(l.lower, "aadsts"); at >= 0 {
		word, _, _ := l.oauthWord()
		return l.asToken(Answer{Reason: word, Text: l.text[at:nextNumber(l.lower, at)], About: About{Vendor: VendorMicrosoft}})
	}
	if word, after, ok := l.oauthWord(); ok && !l.apiBody() {
		if l.has("oauth client was not found") { // a consent page says it before the word
			after = "The OAuth client was not found."
		}
		return l.asToken(Answer{Reason: word, Text: after})
	}
	if m := fetchStatus.FindStringSubmatch(l.text); m != nil {
		code, _ := strconv.Atoi(m[1])
		if code < http.StatusInternalServerError && code != http.StatusTooManyRequests {
			code = 0 // not the endpoint's own words: a proxy's, most likely
		}
		return []Answer{{Stage: StageToken, Code: code, Text: l.text, About: l.about}}
	}
	return nil
}

// words is the description with the number, which stands in it nearly always.
func (b oauthBody) words() string {
	text := strings.TrimSpace(b.Description + " " + b.Subtype)
	if len(b.Codes) > 0 && entraNumber(text) == "" {
		text = "AADSTS" + strconv.Itoa(b.Codes[0]) + ": " + text
	}
	return text
}

// nextNumber is where the words of the first error of Entra ID end: one can hold the next.
func nextNumber(lower string, at int) int {
	if next := strings.Index(lower[at+1:], "aadsts"); next >= 0 {
		return at + 1 + next
	}
	return len(lower)
}

// asToken fills in what the words leave open: the status, and the credential.
func (l *logText) asToken(a Answer) []Answer {
	vendor := a.About.Vendor
	a.Stage, a.About, a.Text = StageToken, l.about, oneLine(a.Text)
	if vendor != "" {
		a.About.Vendor = vendor
	}
	if a.Code = http.StatusBadRequest; strings.Contains(a.Reason, "rate") || strings.Contains(a.Reason, "quota") || a.Reason == "slow_down" {
		a.Code = http.StatusTooManyRequests
	}
	if l.keylessStage() == StageExchange {
		a.Stage = StageExchange
		return []Answer{a}
	}
	key := a
	key.About.KeyID = "the key in use"
	if l.has("service account", "service_account", "jwt", "impersonat", "assertion") {
		return []Answer{key}
	}
	return []Answer{a, key}
}

// oauthWord finds the first word for an error that a token endpoint has, and what stands
// after it.
func (l *logText) oauthWord() (word, after string, ok bool) {
	first := len(l.lower)
	words := reasonsAt(StageToken)
	if l.keylessStage() == StageExchange {
		words = append(words, reasonsAt(StageExchange)...)
	}
	for _, w := range words {
		if at := wordAt(l.lower, strings.ToLower(w)); at >= 0 && (at < first || at == first && len(w) > len(word)) {
			first, word = at, w
		}
	}
	if word == "" {
		return "", "", false
	}
	return word, l.text[first+len(word):], true
}

// reasonsAt are the words for errors that rows of a stage know, but those that say too
// little to be found in a text. Those of OAuth are written with underscores.
func reasonsAt(stage Stage) (all []string) {
	for _, table := range tables() {
		for i := range table {
			r := &table[i]
			if r.reason == "" || !r.at(stage) {
				continue
			}
			for w := range strings.SplitSeq(r.reason, "|") {
				if len(w) >= 8 && w[0] > '9' && (strings.Contains(w, "_") || stage != StageToken && w != "badRequest") {
					all = append(all, w)
				}
			}
		}
	}
	return all
}

// wordAt is where a word stands by itself, or -1.
func wordAt(text, word string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return -1
		}
		at += from
		end := at + len(word)
		if (at == 0 || !inWord(text[at-1])) && (end == len(text) || !inWord(text[end])) {
			return at
		}
		from = end
	}
}

func inWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// jsonBody reads the first object in the text that is JSON with a member error. Some
// clients print it as their own language has it, with other quotes.
func (l *logText) jsonBody(v any) bool {
	from := 0
	for range 8 {
		at := strings.IndexByte(l.text[from:], '{')
		if at < 0 {
			return false
		}
		from += at + 1
		whole := l.text[from-1:]
		for _, form := range []string{whole, strings.ReplaceAll(whole, "'", `"`)} {
			var any map[string]json.RawMessage
			if json.NewDecoder(strings.NewReader(form)).Decode(&any) != nil || any["error"] == nil {
				continue
			}
			if json.NewDecoder(strings.NewReader(form)).Decode(v) == nil {
				return true
			}
		}
	}
	return false
}
