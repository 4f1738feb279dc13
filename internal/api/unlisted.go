package api

import (
	"net/http"

	"gatepost/client"
)

// listUnlisted lists what providers said that the catalogue does not know.
func (s *server) listUnlisted(c *call) error {
	all, err := s.Control.UnlistedErrors(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	out := client.UnlistedList{Data: make([]client.UnlistedError, len(all))}
	for i, u := range all {
		out.Data[i] = client.UnlistedError{
			Provider: u.Provider, Stage: u.Stage, Code: u.Code, Sample: u.Sample, Words: u.Words, Count: u.Times,
			FirstAt: timeOf(u.FirstAt), LastAt: timeOf(u.LastAt),
		}
	}
	return c.answer(http.StatusOK, out)
}

func describeListUnlisted(d *describer) {
	d.about("listUnlistedErrors", "List what providers said that gatepost does not know", "The safe class of the stage was taken, and the words were kept, without addresses, hosts, ids and tokens: "+
		"report them, so that the next version knows them. The 200 that were met last.")
	d.gives(http.StatusOK, "The answers, the newest first.", client.UnlistedList{}, `{"data": [{"provider": "smtp", "stage": "body", "code": 554, "sample": "554 5.7.1 Message [id] refused, ask [address]",
 "words": "# #.#.# message [id] refused, ask [address]", "count": 3, "first_at": "2026-11-21T09:00:00.000Z", "last_at": "2026-11-21T09:20:00.000Z"}]}`)
}
