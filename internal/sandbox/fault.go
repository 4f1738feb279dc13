package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The faults. docs/sandbox.md tells what each does.
const (
	faultTokenRefused  = "token_refused"
	faultUnauthorized  = "unauthorized"
	faultQuota         = "quota"
	faultRate          = "rate"
	faultServerError   = "server_error"
	faultRefused       = "refused"
	faultTimeoutBefore = "timeout_before"
	faultTimeoutAfter  = "timeout_after"
	faultCutBefore     = "cut_before"
	faultCutAfter      = "cut_after"
	faultErrorAfter    = "error_after"
	faultLateSent      = "late_sent"
	faultNewMessageID  = "new_message_id"
	faultSlow          = "slow"

	// Of the token endpoint alone.
	faultReauth         = "reauth"
	faultAdminPolicy    = "admin_policy"
	faultClientDeleted  = "client_deleted"
	faultClientDisabled = "client_disabled"
	faultRotate         = "rotate"
	faultTokenError     = "token_error"
	faultTokenSlow      = "token_slow"

	// Of one door alone.
	faultUploadCut     = "upload_cut"      // Gmail API, resumable upload
	faultTooManyLogins = "too_many_logins" // smtp.gmail.com

	// Of the Gmail API's drafts alone, when one is made.
	faultDraftErrorAfter = "draft_error_after"
	faultDraftGone       = "draft_gone"

	// With the name of an answer as argument: of Google's token endpoint, of the Gmail
	// API when a message is sent and when a draft is made, and of SMTP servers.
	faultGoogleToken = "google_token"
	faultGmail       = "gmail"
	faultGmailDraft  = "gmail_draft"
	faultSTS         = "sts"      // Google's Security Token Service
	faultSignJWT     = "sign_jwt" // IAM Credentials
	faultSMTP        = "smtp"
	// With a status as argument: something between answers in the provider's place.
	faultProxy      = "proxy"
	faultTokenProxy = "token_proxy"
	faultDraftProxy = "draft_proxy"

	// Of the simulated Microsoft alone.
	faultAADSTS     = "aadsts"      // Entra's token endpoint
	faultAADSTSPage = "aadsts_page" // Entra's consent page
	faultGraph      = "graph"       // Microsoft Graph, when a message is sent
	faultGraphDraft = "graph_draft" // Microsoft Graph, when a draft is made
	faultGraphParts = "graph_parts" // Microsoft Graph, when a file is to be taken in parts
	faultExchange   = "exchange"    // Exchange's SMTP server
	faultDataCut    = "data_cut"    // Exchange's SMTP server, in the middle of DATA
)

// faultNames lists the faults.
func faultNames() []string {
	return []string{
		faultTokenRefused, faultUnauthorized, faultQuota, faultRate, faultServerError, faultRefused,
		faultTimeoutBefore, faultTimeoutAfter, faultCutBefore, faultCutAfter, faultErrorAfter,
		faultLateSent, faultNewMessageID, faultSlow,
		faultReauth, faultAdminPolicy, faultClientDeleted, faultClientDisabled, faultRotate, faultTokenError, faultTokenSlow,
		faultUploadCut, faultTooManyLogins, faultDraftErrorAfter, faultDraftGone,
		faultGoogleToken, faultSTS, faultSignJWT, faultGmail, faultGmailDraft, faultSMTP, faultProxy, faultTokenProxy, faultDraftProxy,
		faultAADSTS, faultAADSTSPage, faultGraph, faultGraphDraft, faultGraphParts, faultExchange, faultDataCut,
	}
}

// ofToken tells whether a fault concerns the token endpoint alone.
func (f fault) ofToken() bool {
	switch f.name {
	case faultTokenRefused, faultReauth, faultAdminPolicy, faultClientDeleted, faultClientDisabled,
		faultRotate, faultTokenError, faultTokenSlow, faultAADSTS:
		return true
	}
	return false
}

// ofOneDoor tells whether a fault has a stage of its own.
func (f fault) ofOneDoor() bool {
	return f.ofToken() || f.name == faultUploadCut || f.name == faultTooManyLogins || f.ofDraft() || f.ofStage()
}

// ofDraft tells whether a fault concerns the making of drafts alone.
func (f fault) ofDraft() bool { return f.name == faultDraftErrorAfter || f.name == faultDraftGone }

// Defaults of the faults' arguments.
const (
	rateSeconds    = 1
	serverErrorAs  = 503
	lateSentMillis = 2000
	slowMillis     = 1000
	uploadCutAfter = 256 << 10
)

// fault is a misbehaviour with its argument.
type fault struct{ name, arg string }

// modifies tells whether a fault changes how a message is taken, rather than
// what is answered: of those, several may apply to one message.
func (f fault) modifies() bool {
	switch f.name {
	case faultLateSent, faultNewMessageID, faultSlow, faultRotate, faultTokenSlow:
		return true
	}
	return false
}

// number is the argument, or a default where there is none.
func (f fault) number(otherwise int) int {
	if n, err := strconv.Atoi(f.arg); err == nil {
		return n
	}
	return otherwise
}

func (f fault) millis(otherwise int) time.Duration {
	return time.Duration(f.number(otherwise)) * time.Millisecond
}

// maxFaultNumber keeps arguments sane: a day in milliseconds.
const maxFaultNumber = 24 * 60 * 60 * 1000

// check says what is wrong with a fault that was asked for.
func (f fault) check() error {
	if !slices.Contains(faultNames(), f.name) {
		return fmt.Errorf("no fault is called %q; there are %s", f.name, strings.Join(faultNames(), ", "))
	}
	if f.named() {
		return f.checkName()
	}
	if f.arg == "" {
		return nil
	}
	n, err := strconv.Atoi(f.arg)
	if err != nil || n < 0 || n > maxFaultNumber {
		return fmt.Errorf("the argument of %s must be a number from 0 to %d", f.name, maxFaultNumber)
	}
	if f.ofProxy() && (n < 200 || n > 599) {
		return fmt.Errorf("the argument of %s must be a status from 200 to 599", f.name)
	}
	status := f.name == faultServerError || f.name == faultErrorAfter || f.name == faultTokenError || f.name == faultDraftErrorAfter
	if status && (n < 400 || n > 599) {
		return fmt.Errorf("the argument of %s must be a status from 400 to 599", f.name)
	}
	return nil
}

// addressFault reads a fault out of a recipient's address:
// fault.NAME[.ARG]@anything or something+fault.NAME[.ARG]@anything. once is set
// by the ending -once of name or argument.
func addressFault(address string) (f fault, once, ok bool) {
	local, _, _ := strings.Cut(address, "@")
	if _, tag, tagged := strings.Cut(local, "+"); tagged {
		local = tag
	}
	rest, ok := strings.CutPrefix(strings.ToLower(local), "fault.")
	if !ok {
		return fault{}, false, false
	}
	name, arg, _ := strings.Cut(rest, ".")
	name, once = strings.CutSuffix(name, "-once")
	arg, onceToo := strings.CutSuffix(arg, "-once")
	f = fault{name, arg}
	return f, once || onceToo, f.check() == nil
}
