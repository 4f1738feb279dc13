package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// named tells whether a fault's argument is the name of an answer rather than a
// number.
func (f fault) named() bool {
	switch f.name {
	case faultAADSTS, faultAADSTSPage, faultGraph, faultGraphDraft, faultGraphParts, faultExchange, faultGoogleToken, faultSTS, faultSignJWT, faultGmail, faultGmailDraft, faultSMTP:
		return true
	}
	return false
}

// ofProxy tells whether something between answers in the provider's place.
func (f fault) ofProxy() bool {
	return f.name == faultProxy || f.name == faultTokenProxy || f.name == faultDraftProxy
}

// ofStage tells whether a fault acts at the stage of its own answer, wherever the rule
// or the address that asks for it is met.
func (f fault) ofStage() bool { return f.named() || f.ofProxy() || f.name == faultDataCut }

// checkName says what is wrong with the name of an answer.
func (f fault) checkName() error {
	var ok bool
	switch f.name {
	case faultAADSTS, faultAADSTSPage:
		n, err := strconv.Atoi(f.arg)
		ok = err == nil && aadsts(n) != nil
	case faultGraph, faultGraphDraft, faultGraphParts:
		_, ok = graphFault(f.arg)
	case faultExchange:
		_, ok = exchangeFault(f.arg)
	case faultSTS:
		ok = stsFault(f.arg) != nil
	case faultSignJWT:
		ok = signFault(f.arg) != nil
	case faultGoogleToken:
		ok = googleTokenFault(f.arg) != nil
	case faultGmail, faultGmailDraft:
		ok = gmailFault(f.arg) != nil
	case faultSMTP:
		_, ok = smtpFault(f.arg)
	}
	if !ok {
		return fmt.Errorf("the sandbox has no answer %q for %s; docs/sandbox.md lists them", f.arg, f.name)
	}
	return nil
}

// actsAt tells whether a fault acts at a stage, which is that of its answer.
func (f fault) actsAt(q question) bool {
	web := q.via == viaGmail || q.via == viaMicrosoft
	switch f.name {
	case faultAADSTS:
		return q.stage == atToken && q.via == viaMicrosoft
	case faultSTS:
		return q.stage == atExchange
	case faultSignJWT:
		return q.stage == atSign
	case faultGoogleToken:
		return q.stage == atToken && q.via == viaGmail
	case faultTokenProxy:
		return q.stage == atToken
	case faultAADSTSPage:
		return q.stage == atConsent
	case faultGraph:
		return q.stage == atSend && q.via == viaMicrosoft
	case faultGmail:
		return q.stage == atSend && q.via == viaGmail
	case faultProxy:
		return q.stage == atSend && web
	case faultGraphDraft:
		return q.stage == atDraft && q.via == viaMicrosoft
	case faultGraphParts:
		return q.stage == atUpload && q.via == viaMicrosoft
	case faultGmailDraft:
		return q.stage == atDraft && q.via == viaGmail
	case faultDraftProxy:
		return q.stage == atDraft && web
	case faultDataCut:
		return q.stage == atDataBegin
	}
	return f.actsInSMTP(q)
}

// actsInSMTP tells whether a named reply comes at a stage of an SMTP conversation.
func (f fault) actsInSMTP(q question) bool {
	if (f.name == faultExchange) != (q.via == viaMicrosoftSMTP) {
		return false
	}
	find := smtpFault
	if f.name == faultExchange {
		find = exchangeFault
	}
	e, ok := find(strings.ToLower(f.arg))
	return ok && e.stage == q.stage
}

// proxyStatus is the status with which something between answers.
func (f fault) proxyStatus() int { return f.number(http.StatusBadGateway) }

// writeProxy answers as a proxy does that stands between: a page that is none of the
// provider's.
func writeProxy(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%d</title></head><body><h1>%s</h1>proxy.example</body></html>\n", status, http.StatusText(status))
}
