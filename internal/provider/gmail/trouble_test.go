package gmail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/provider/gmail"
	"gatepost/internal/provider/providertest"
	"gatepost/internal/sandbox"
)

// TestLargeThroughTrouble: what leaves a small message without an outcome does not
// a large one, because its upload can be asked: it is taken once, and known to be.
func TestLargeThroughTrouble(t *testing.T) {
	for _, fault := range []string{"upload_cut", "cut_after", "error_after"} {
		t.Run(fault, func(t *testing.T) {
			w := providertest.StartWorld(t)
			p := openScoped(t, w, "ada@acme.example", `{}`, gmail.ScopeSend, gmail.ScopeLook)
			rule, err := json.Marshal(sandbox.Rule{Fault: fault, Count: 1})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(w.ControlURL+"/control/faults", "application/json", bytes.NewReader(rule))
			if err != nil || resp.StatusCode/100 != 2 {
				t.Fatalf("ask for the fault: %v %v", resp, err)
			}
			resp.Body.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			msg := email.Bytes("To: ann@world.example\r\nX-Gatepost-Id: msg_1\r\n\r\n" + strings.Repeat("a line of the body\r\n", 600_000))
			receipt, err := p.Send(ctx, email.Envelope{From: "ada@acme.example", Recipients: []string{"ann@world.example"}}, msg)
			if err != nil || receipt.ProviderID == "" {
				t.Errorf("Send: %+v %v", receipt, err)
			}
			if taken := strings.Count(readLedger(t, w), `"msg_1"`); taken != 1 {
				t.Errorf("taken %d times, want once", taken)
			}
		})
	}
}
