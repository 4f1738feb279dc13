package api

import (
	"net/http"

	"gatepost/client"
)

func describeTraceSMTP(d *describer) {
	d.about("traceSMTP", "Watch dialogues at the SMTP door", "A JSON object a line, as they are said, without keys, passwords and content; an empty line where nothing is said. "+
		"It shows the door of the node that answers. Who has not logged in yet belongs to nobody, and is shown by the network alone.")
	d.param("query", "client", "Only this address, or the addresses of this network.", nil)
	d.param("query", "key", "Only dialogues of this API key, its id or name, from the login on.", nil)
	d.param("query", "seconds", "For how long, from 1 to 3600. 300 where it is missing.", nil)
	r := d.gives(http.StatusOK, "The lines, until the time is over.", client.TraceLine{}, `{"at": "2026-11-21T08:00:00.000Z", "session": "c7", "client": "192.0.2.7", "key": "shop",
 "who": "client", "text": "MAIL FROM:<shop@example.com>"}`)
	r.Content["application/x-ndjson"] = r.Content["application/json"]
	delete(r.Content, "application/json")
}
