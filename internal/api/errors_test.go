package api

import (
	"net/http"
	"strings"
	"testing"
)

// The catalogue is for every key: each line is whole, and says what to do where a person
// must act.
func TestErrorsAreListed(t *testing.T) {
	w := sqlite(t)
	list := w.get("/v1/errors").want(http.StatusOK).object()["data"].([]any)
	if len(list) < 200 {
		t.Errorf("%d lines", len(list))
	}
	numbers := map[string]bool{}
	for _, line := range list {
		e := line.(map[string]any)
		if e["cause"] == "" || e["meaning"] == "" || e["class"] == "hold" && e["fix"] == nil || e["reply"] != nil {
			t.Errorf("%v", e)
		}
		for _, n := range e["numbers"].([]any) {
			numbers[n.(string)] = true
		}
	}
	if !numbers["1"] || !numbers["63"] || !numbers["74m"] {
		t.Errorf("cases are missing: %v", numbers)
	}
}

// One text is explained: what was read of it, and each of its meanings.
func TestErrorIsExplained(t *testing.T) {
	w := sqlite(t)
	list := w.get("/v1/errors?text=535%205.7.3%20Authentication%20unsuccessful%20eyJ0eXAi.eyJhdWQi.c2ln").want(http.StatusOK).object()["data"].([]any)
	if len(list) != 2 {
		t.Fatalf("%d meanings", len(list))
	}
	e := list[0].(map[string]any)
	if e["cause"] != "token_refused" || e["class"] != "hold" || e["action"] != "refresh_once" || e["known"] != true || e["vendor"] != "microsoft" {
		t.Errorf("%v", e)
	}
	if reply := e["reply"].(string); !strings.Contains(reply, "535 5.7.3") || strings.Contains(reply, "eyJ0eXAi") {
		t.Errorf("reply %q", reply)
	}
	if none := w.get("/v1/errors?text=hello").want(http.StatusOK); len(none.object()["data"].([]any)) != 0 {
		t.Errorf("%s", none.body)
	}
	w.get("/v1/errors?text=a&text=b").want(http.StatusUnprocessableEntity)
	w.get("/v1/errors?words=a").want(http.StatusUnprocessableEntity)
	w.get("/v1/errors?text=").want(http.StatusUnprocessableEntity)
	w.get("/v1/errors?text=100%zz").want(http.StatusUnprocessableEntity)
}
