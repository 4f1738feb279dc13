package gmail

import "testing"

func FuzzReadError(f *testing.F) {
	f.Add([]byte(`{"error":{"code":403,"message":"m","errors":[{"reason":"rateLimitExceeded"}],"status":"PERMISSION_DENIED","details":[{"reason":"X"}]}}`))
	f.Add([]byte(`{"error":"invalid_grant"}`))
	f.Add([]byte(`<html>502</html>`))
	f.Add([]byte(`{"error":{"errors":[{}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := readError(body)
		if len(body) > 2 && a.Reason == "" && a.Text == "" {
			t.Errorf("nothing is left of %q", body)
		}
	})
}
