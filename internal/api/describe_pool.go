package api

import (
	"net/http"

	"gatepost/client"
)

const (
	examplePoolID = "pool_01jd2q0000e0080g40r40m30e2"
	examplePool   = `{"id": "pool_01jd2q0000e0080g40r40m30e2", "name": "shop", "strategy": "failover", "sticky_by": "recipient",
 "members": [{"account": "acc_01jd2q0000e0080g40r40m30e2", "weight": 1}, {"account": "acc_01jd2q0000e0080g40r40m30e3", "weight": 1, "domains": ["example.org"]}],
 "created_at": "2026-11-21T08:00:00.000Z", "updated_at": "2026-11-21T08:00:00.000Z"}`
)

func describeCreatePool(d *describer) {
	d.about("createPool", "Make a pool", "Accounts that may send for the same mail. A message names the pool in account, and an account that may send as its from takes it.")
	d.takes(client.NewPool{}, map[string]string{
		"failover": `{"name": "shop", "strategy": "failover", "members": [{"account": "acc_01jd2q0000e0080g40r40m30e2"}]}`,
		"weighted": `{"name": "news", "strategy": "weighted", "members": [{"account": "app@example.com", "weight": 3, "domains": ["example.org"]}]}`,
		"sticky":   `{"name": "help", "strategy": "sticky", "sticky_by": "thread", "members": [{"account": "app@example.com"}]}`,
	})
	r := d.gives(http.StatusCreated, "The pool.", client.Pool{}, examplePool)
	r.Headers["Location"] = headerField("Where the pool can be read.")
}

func describeListPools(d *describer) {
	d.about("listPools", "List pools", "")
	d.gives(http.StatusOK, "All pools.", client.PoolList{}, `{"data": [`+examplePool+`]}`)
}

func describeShowPool(d *describer) {
	d.about("showPool", "Show a pool", "")
	d.id("The pool's id.", examplePoolID)
	d.gives(http.StatusOK, "The pool.", client.Pool{}, examplePool)
}

func describeUpdatePool(d *describer) {
	d.about("updatePool", "Change a pool", "What is not given stays as it is. Mail that waits goes by the new rules.")
	d.id("The pool's id.", examplePoolID)
	d.takes(client.ChangePool{}, map[string]string{"strategy": `{"strategy": "headroom"}`})
	d.gives(http.StatusOK, "The pool, changed.", client.Pool{}, examplePool)
}

func describeDeletePool(d *describer) {
	d.about("deletePool", "Remove a pool", "Its accounts stay.")
	d.id("The pool's id.", examplePoolID)
	d.gives(http.StatusNoContent, "Removed.", nil, "")
	d.problem(http.StatusConflict, "in_use: mail waits for it.")
}
