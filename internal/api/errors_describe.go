package api

import (
	"net/http"

	"gatepost/client"
)

func describeListErrors(d *describer) {
	d.about("listErrors", "List what providers answer, or explain a text from a log", "Each line of the catalogue with its class, cause, meaning and fix; the same for everybody. "+
		"With text: what that means, the likeliest first; an empty list where it names no error that is known of.")
	d.param("query", "text", "An error as a program has logged it: an SMTP reply, the JSON of a token endpoint or an API, oauth2: …, googleapi: …, AADSTS…, dial tcp ….", "550 5.4.5 Daily user sending limit exceeded.")
	d.gives(http.StatusOK, "The catalogue, or what the text means.", client.ErrorList{}, `{"data": [{"numbers": ["41", "43"], "vendor": "google", "stages": ["mail"], "codes": ["550"], "reasons": ["5.4.5"], "texts": [],
 "class": "park", "scope": "account", "cause": "daily_limit", "meaning": "The sending limit of the day is reached; it clears within 24 hours.",
 "fix": "Wait, or let another account send. Google's limits: https://support.google.com/a/answer/166852", "link": "https://support.google.com/a/answer/3726730", "known": true,
 "until": "2026-11-21T09:00:00.000Z", "reply": "550 5.4.5 Daily user sending limit exceeded."}]}`)
}
