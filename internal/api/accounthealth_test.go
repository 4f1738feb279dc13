package api

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"gatepost/client"
)

func TestAccountHealth(t *testing.T) {
	w := sqlite(t)
	var h client.AccountHealth
	w.must(json.Unmarshal(w.get("/v1/accounts/"+w.gmail+"/health").want(http.StatusOK).body, &h))
	if h.Account != w.gmail || h.Well != 1 || h.Trouble == nil || len(h.Trouble) != 0 || !h.Until.After(h.From.Time) {
		t.Errorf("%+v", h)
	}
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, query := range []string{"since=yesterday", "since=" + ahead, "until=" + ahead} {
		wantFields(t, w.get("/v1/accounts/"+w.gmail+"/health?"+query).problem(http.StatusUnprocessableEntity, "invalid"), []string{query[:5]})
	}
	w.get("/v1/accounts/acc_none/health").problem(http.StatusNotFound, "not_found")
}
