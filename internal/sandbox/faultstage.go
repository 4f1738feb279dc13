package sandbox

// actsForAddress tells whether a fault named by a recipient's address acts at a
// stage. SMTP refuses a recipient at RCPT, but the one-time form must know the
// message, which only DATA shows.
func (f fault) actsForAddress(q question, once bool) bool {
	if f.ofStage() {
		return f.actsAt(q)
	}
	switch q.stage {
	case atDraft:
		return f.ofDraft()
	case atSend:
		return !f.ofOneDoor() || f.name == faultTokenRefused
	case atRcpt:
		return f.refuses() && !once
	case atData:
		return !f.refuses() && !f.ofOneDoor() || f.refuses() && once
	}
	return false
}

// actsForRule tells whether a fault asked for through the control endpoint acts
// at a stage. Without a recipient it meets SMTP at MAIL, else at that RCPT.
func (f fault) actsForRule(q question, oneRecipient bool) bool {
	if f.ofStage() {
		return f.actsAt(q)
	}
	switch q.stage {
	case atToken:
		return f.ofToken()
	case atUpload:
		return f.name == faultUploadCut
	case atDraft:
		return f.ofDraft()
	case atSend:
		return !f.ofOneDoor()
	case atAuth:
		return (f.name == faultUnauthorized || f.name == faultTooManyLogins) && !oneRecipient
	case atMail:
		return f.refuses() && f.name != faultRefused && !oneRecipient
	case atRcpt:
		return f.name == faultRefused || f.refuses() && oneRecipient
	case atData:
		return !f.refuses() && !f.ofOneDoor()
	}
	return false
}

// refuses tells whether a fault is an answer that SMTP can give to a command
// before DATA.
func (f fault) refuses() bool {
	switch f.name {
	case faultUnauthorized, faultQuota, faultRate, faultServerError, faultRefused:
		return true
	}
	return false
}
