package client

// Removed says what became of a user's consent, where one ended with what was removed.
// Its token is destroyed in any case.
type Removed struct {
	Credential string `json:"credential,omitempty" doc:"The consent's credential, which is removed too."`
	Consent    string `json:"consent,omitempty" enum:"revoked,shared,stands" doc:"revoked: ended at its provider. shared: another credential of the same user stands on it. stands: it could not be ended there."`
	Text       string `json:"text,omitempty" doc:"The same for a person."`
	Fix        string `json:"fix,omitempty" doc:"What is left to be done, and where."`
}
