package email

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverShown(t *testing.T) {
	const value = "canary-5f2"
	s := NewSecret(value)
	held := struct {
		Password Secret
		Pointer  *Secret
	}{s, &s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "held", held)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "held", held)
	out, err := json.Marshal(held)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(out) + s.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		shown += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, held) + fmt.Sprintf(verb, []Secret{s})
	}
	if strings.Contains(shown, value) || strings.Contains(shown, fmt.Sprintf("%x", value)) {
		t.Fatal("a secret was shown: ", shown)
	}
	if s.Reveal() != value || s.Empty() || !NewSecret("").Empty() {
		t.Fatal("Reveal or Empty is wrong")
	}
}
