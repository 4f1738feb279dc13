package sandbox

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/sandbox.md tells of every path of the control endpoint.
func TestControlIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`"(?:GET|POST|PUT|PATCH|DELETE) (/control/[^"]+)"`)
	n := 0
	for _, file := range []string{"control.go", "controlmicrosoft.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range path.FindAllStringSubmatch(string(source), -1) {
			n++
			if at, _, _ := strings.Cut(m[1], "/{"); !strings.Contains(string(page), "$CONTROL"+at) {
				t.Errorf("docs/sandbox.md does not tell of %s", m[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("%d paths were found", n)
	}
}
