package api

import (
	"net/http"

	"gatepost/client"
)

func describeListCapacity(d *describer) {
	d.about("listCapacity", "What the accounts and the pools can still send", "Each limit with what is used of it, what is left, and when more is free.")
	d.param("query", "account", "Only this account, its id or address, and the pools that it is in.", nil)
	d.param("query", "pool", "Only this pool, its id or name, and the accounts that are in it.", nil)
	d.gives(http.StatusOK, "All accounts and all pools, or those that are asked for.", client.CapacityList{}, `{"data": [{"account": "acc_01jd2q0000e0080g40r40m30e2", "address": "app@example.com", "transport": "smtp",
 "status": "active", "now": 1, "now_urgent": 27, "today": 8211, "next_at": "2026-11-21T08:00:11.069Z", "limits": [
 {"name": "messages per minute of the relay", "scope": "relay", "unit": "messages", "window_seconds": 60, "max": 30, "used": 3, "left": 27, "reserved": 1,
  "frees_at": "2026-11-21T08:00:41.000Z", "full_at": "2026-11-21T08:00:59.000Z", "source": "the account's settings"},
 {"name": "recipients per day of the relay", "scope": "relay", "unit": "recipients", "window_seconds": 86400, "max": 10000, "used": 1289, "left": 8711, "reserved": 500,
  "frees_at": "2026-11-21T08:24:00.000Z", "full_at": "2026-11-22T08:00:00.000Z", "source": "the account's settings"}]}],
 "pools": [{"pool": "pool_01jd2q0000e0080g40r40m30e9", "name": "shop", "now": 3, "now_urgent": 57, "today": 16102, "accounts": ["acc_01jd2q0000e0080g40r40m30e2", "acc_01jd2q0000e0080g40r40m30e3"]}]}`)
}
