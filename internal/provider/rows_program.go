package provider

// programRows are what client libraries tell their own callers before anything is sent:
// nobody's answer, but pasted into gatepost explain as often.
var programRows = []row{
	{
		no: "74n", stages: "program", text: "missing credentials for",
		class: Hold, cause: "client_credentials_missing", action: ActionText,
		says: "The program's own mail library (Nodemailer) was given no user and password, or lacks fields for OAuth; no server was asked.",
		fix:  "Set auth.user and auth.pass; for OAuth auth.type \"OAuth2\" with user, clientId, clientSecret and refreshToken, or accessToken. Or let the program hand its mail to gatepost, which signs in itself.",
		link: "https://nodemailer.com/smtp/oauth2/",
	},
	{
		stages: "program", text: "smtp error: could not authenticate|failed to authenticate on smtp server|no authentication type succeeded",
		class: Hold, cause: "credential_refused",
		says: "The program could not sign in; what the server answered, it does not say here.",
		fix:  "Have the program log the conversation (PHPMailer: SMTPDebug = 2) and explain the line that begins with 535, 534, 530 or 504.",
	},
	{
		no: "74l", stages: "program", text: "smtp connect() failed|could not connect to smtp host|couldn't connect to host|couldn't connect to server|failed to connect to|unable to connect to|error connecting to",
		class: Retry, cause: "unreachable",
		says: "The program could not connect to the server; why, it does not say.",
		fix:  blockedPort,
	},
	{
		stages: "program",
		class:  Retry, cause: "unexpected_answer", rest: true,
		says: "A program gave an error that gatepost does not know.",
	},
}
