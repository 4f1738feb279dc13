package oauth

import "slices"

// olderTokenURLs stand in key files made years ago; Google's present endpoint
// serves those keys too.
var olderTokenURLs = []string{
	"https://accounts.google.com/o/oauth2/token",
	"https://www.googleapis.com/oauth2/v3/token",
	"https://www.googleapis.com/oauth2/v4/token",
}

// tokenEnds are the token endpoints that a file may name: Google's and, where
// there is one, the simulated Google's. A file need not name any. Which of them is
// used is not the file's to say.
func tokenEnds(simulated string) []string {
	return append([]string{"", GoogleTokenURL, simulated}, olderTokenURLs...)
}

// authEnds are the same for the page where users sign in.
func authEnds(simulated string) []string {
	return []string{"", Google().Auth, "https://accounts.google.com/o/oauth2/auth", simulated}
}

// knownEnd tells whether a file names no other place than those it may.
func knownEnd(named string, may []string) bool { return slices.Contains(may, named) }

// orSimulated names the simulated endpoint beside Google's, for a sentence.
func orSimulated(google, simulated string) string {
	if simulated == "" || simulated == google {
		return google
	}
	return google + " or " + simulated
}
