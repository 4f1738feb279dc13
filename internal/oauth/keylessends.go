package oauth

import "strings"

// KeylessEndpoints are where tokens without a key file come from. The zero value is
// Google itself.
type KeylessEndpoints struct {
	Token    string // Google's token endpoint
	STS      string // the Security Token Service's token endpoint
	IAM      string // base of the IAM Credentials API
	Metadata string // base of the metadata server, which speaks plain HTTP
}

// GoogleKeyless is the real one (cloud.google.com/iam/docs/reference/sts/rest,
// cloud.google.com/iam/docs/reference/credentials/rest,
// cloud.google.com/compute/docs/metadata/querying-metadata).
func GoogleKeyless() KeylessEndpoints {
	return KeylessEndpoints{
		Token: GoogleTokenURL, STS: "https://sts.googleapis.com/v1/token",
		IAM: "https://iamcredentials.googleapis.com", Metadata: "http://metadata.google.internal",
	}
}

// KeylessAt is a simulated Google below base, with the metadata server at metadata.
// An empty base is Google's own. A simulated Google without a metadata server has none:
// the token of a true machine is never shown to it.
func KeylessAt(base, metadata string) KeylessEndpoints {
	e := GoogleKeyless()
	if base = strings.TrimRight(base, "/"); base != "" {
		e = KeylessEndpoints{Token: base + "/token", STS: base + "/v1/token", IAM: base, Metadata: base}
	}
	if metadata = strings.TrimRight(metadata, "/"); metadata != "" {
		e.Metadata = metadata
	}
	return e
}

func (e KeylessEndpoints) orGoogle() KeylessEndpoints {
	if e == (KeylessEndpoints{}) {
		return GoogleKeyless()
	}
	return e
}

// accountsPath is where the IAM Credentials API has service accounts. The project is
// always "-".
const accountsPath = "/v1/projects/-/serviceAccounts/"

// accountIn finds the service account in the address by which a file says whom to act
// as; false where the address is not Google's or this one's.
func (e KeylessEndpoints) accountIn(impersonation string) (string, bool) {
	for _, base := range []string{GoogleKeyless().IAM, e.IAM} {
		if rest, ok := strings.CutPrefix(impersonation, base+accountsPath); ok {
			account, ok := strings.CutSuffix(rest, ":generateAccessToken")
			return account, ok
		}
	}
	return "", false
}
