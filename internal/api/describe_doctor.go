package api

import (
	"net/http"

	"gatepost/client"
)

const exampleDiagnosis = `{"at": "2026-11-21T08:00:00.000Z", "worst": "broken", "findings": [{"check": "sign-in", "severity": "broken", "cause": "smtp_auth_disabled",
 "what": "SMTP AUTH is switched off for the mailbox app@example.com, with a token as well as with a password.", "why": "Tried now, without sending: the step \"sign in\" failed.",
 "fix": "In Exchange Online PowerShell: Set-CASMailbox …", "commands": ["Set-CASMailbox -Identity app@example.com -SmtpClientAuthenticationDisabled $false"],
 "who": "Exchange admin", "accounts": [{"id": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com"}]}],
 "checked": [{"check": "clock", "seen": "within 1s of login.microsoftonline.com"}],
 "tokens": [{"account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "for": "smtp", "audience": "https://outlook.office365.com", "roles": ["SMTP.SendAsApp"]}]}`

func describeDoctor(d *describer) {
	d.about("doctor", "Say why mail does not leave", "Every account is tried live, and gatepost itself is looked at; nothing is sent and nothing changed. "+
		"It takes half a minute at most. A key without the scope messages:read is not told of mail that waits or failed.")
	d.takes(client.Examine{}, map[string]string{"everything": `{}`, "one account": `{"account": "app@example.com"}`, "a sender": `{"from": "billing@example.com"}`})
	d.gives(http.StatusOK, "What is wrong, the cause first, and what was looked at.", client.Diagnosis{}, exampleDiagnosis)
}
