package email

import "testing"

func TestParseEnhanced(t *testing.T) {
	for in, want := range map[string]struct {
		code EnhancedCode
		rest string
	}{
		"5.7.8 Bad credentials": {EnhancedCode{5, 7, 8}, "Bad credentials"},
		"2.0.0":                 {EnhancedCode{2, 0, 0}, ""},
		"4.7.650  busy":         {EnhancedCode{4, 7, 650}, "busy"},
	} {
		code, rest, ok := ParseEnhanced(in)
		if !ok || code != want.code || rest != want.rest {
			t.Errorf("%q: %v %q %v", in, code, rest, ok)
		}
	}
	for _, in := range []string{"", "5.7", "5.7.8.9", "3.1.1 x", "5.07.1 x", "5.7.1000 x", "5.x.1", "5.-1.1", "5.+1.1", "5.7.8Bad", "127.0.0.1 x"} {
		if code, rest, ok := ParseEnhanced(in); ok || rest != in || code.String() != "" {
			t.Errorf("%q: %v %q %v", in, code, rest, ok)
		}
	}
	if s := (EnhancedCode{5, 7, 8}).String(); s != "5.7.8" {
		t.Error(s)
	}
}
