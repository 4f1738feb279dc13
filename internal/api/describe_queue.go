package api

import (
	"net/http"

	"gatepost/client"
)

const exampleWaiting = `{"account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "lane": "bulk", "state": "queued",
 "why": "paused", "text": "until it is resumed (paused: a wrong price)", "messages": 1200, "recipients": 1210, "oldest_at": "2026-11-21T08:00:00.000Z"}`

const examplePause = `{"account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "lane": "bulk", "reason": "a wrong price", "key": "key_01jd2q0000e0080g40r40m30e2",
 "since": "2026-11-21T08:00:00.000Z"}`

func describeShowQueue(d *describer) {
	d.about("showQueue", "Tell who waits for what and until when", "It counts all rows that are asked for.")
	d.param("query", "account", "Only what waits for this account, its id or address, or for this pool, its id or name.", nil)
	d.param("query", "lane", "urgent, normal or bulk.", nil)
	d.param("query", "type", "Only messages of this type.", nil)
	d.param("query", "cause", "Only what waits for this cause. One that there is not is refused.", nil)
	d.param("query", "state", "scheduled, queued, sending, unknown or held.", nil)
	d.param("query", "submitted_before", "Only what was submitted before this time, which has passed.", nil)
	d.gives(http.StatusOK, "What waits.", client.Queue{}, `{"waiting": [`+exampleWaiting+`], "pauses": [`+examplePause+`]}`)
}

func describePauseQueue(d *describer) {
	d.about("pauseQueue", "Pause an account, a lane or all mail", "No attempt begins until it is resumed; what is being sent comes to its end. With dry_run what waits is counted and nothing is paused.")
	d.takes(client.NewPause{}, map[string]string{
		"a lane of an account": `{"account": "app@example.com", "lane": "bulk", "reason": "a wrong price"}`, "everything": `{}`,
	})
	d.gives(http.StatusOK, "All that is paused.", client.PauseList{}, `{"data": [`+examplePause+`]}`)
}

func describeResumeQueue(d *describer) {
	d.about("resumeQueue", "End a pause", "Just the one that was made with this account and lane; ended tells it, and is missing where there was none.")
	d.takes(client.NewPause{}, map[string]string{"a lane of an account": `{"account": "app@example.com", "lane": "bulk"}`, "everything": `{}`})
	d.gives(http.StatusOK, "What is still paused.", client.PauseList{}, `{"data": [], "ended": `+examplePause+`}`)
}

// describeOrder makes the description of a verb.
func describeOrder(verb, summary, example string) func(*describer) {
	return func(d *describer) {
		d.about(verb+"Queue", summary, "With dry_run it is counted and nothing is done. A long order answers with next_cursor before all is done. "+
			"What is being sent, or looked for, is left as it is.")
		d.takes(client.QueueOrder{}, map[string]string{"count first": `{"dry_run": true}`, "some": example})
		d.gives(http.StatusOK, "What was done, or would be.", client.QueueOrdered{},
			`{"dry_run": true, "messages": 1200, "recipients": 1210, "waiting": [`+exampleWaiting+`]}`)
	}
}

func describeMoveQueue(d *describer) {
	describeOrder("move", "Have what waits sent by another account", `{"account": "box@example.net", "to": "app@example.com"}`)(d)
	examples := d.op.RequestBody.Content[jsonType].Examples
	delete(examples, "count first")
}
