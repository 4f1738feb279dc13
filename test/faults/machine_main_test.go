package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// built is the program, as users build it.
var built string

// TestMain builds the program. Most tests wait most of the time, so more of them run at once than there are
// processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "gatepost-faults.")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = filepath.Join(dir, "gatepost")
	code := 1
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", built, "gatepost/cmd/gatepost").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build gatepost: %v\n%s\n", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
