package vault

// The kinds of credentials.
const (
	// KindServiceAccount is Google's key file of a service account that acts for
	// the users of a Workspace domain.
	KindServiceAccount = "google_service_account"
	// KindGoogleKeyless is a service account that Google signs for, as
	// oauth.Keyless.Marshal writes it: no key is kept.
	KindGoogleKeyless = "google_keyless"
	// KindOAuthClient is an OAuth client, as oauth.Client.Marshal writes it. It is
	// no account's credential: users' consents name it.
	KindOAuthClient = "google_oauth_client"
	// KindGoogleUser is the refresh token of a user who consented.
	KindGoogleUser = "google_user"
	// KindMicrosoftApp is an app registration of Entra ID, as entra.App.Marshal writes
	// it. It gives tokens by itself where it has a secret or certificate, and is the
	// client that users' consents name.
	KindMicrosoftApp = "microsoft_app"
	// KindMicrosoftUser is the refresh token of a user who consented.
	KindMicrosoftUser = "microsoft_user"
	// KindPassword is a password for SMTP.
	KindPassword = "smtp_password"
)
