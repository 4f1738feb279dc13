package entra

import (
	"fmt"

	"gatepost/internal/oauth/endpoint"
)

// CheckRedirectURI tells whether Entra ID can have an address registered to send
// browsers back to (learn.microsoft.com/entra/identity-platform/reply-url): https, or
// http on localhost. Which ones are registered with an app it tells nobody. The error
// says what to change.
func CheckRedirectURI(uri string) error {
	u, err := endpoint.ParseRedirect(uri)
	if err != nil {
		return err
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https" || host == "localhost":
		return nil
	case endpoint.Loopback(host):
		return fmt.Errorf("redirect %s: Entra ID's pages register this machine as http://localhost alone; write localhost in place of %s", endpoint.Clip(uri, 80), host)
	}
	return fmt.Errorf("redirect %s: Entra ID takes https alone for other hosts than localhost; give gatepost a public address with TLS", endpoint.Clip(uri, 80))
}
