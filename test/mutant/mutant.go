// Package mutant breaks gatepost on purpose: a build in which one snippet of a
// source file is another, without touching the file. Tests of promises use it to
// show that they can fail.
package mutant

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Mutation replaces a snippet, which must stand in the file as often as it says.
type Mutation struct {
	File     string // from the top of the project
	Old, New string
	Count    int // 0: once
}

// Overlay returns the file for the go command's -overlay flag. Of several mutations
// of one file each must find its snippet in what the others leave of it.
func Overlay(t *testing.T, top string, ms ...Mutation) string {
	t.Helper()
	o := overlay{t: t, dir: t.TempDir(), top: top, texts: map[string]string{}}
	for _, m := range ms {
		o.replace(m)
	}
	return o.write()
}

// Choices returns the overlay of one build that has all mutations and follows none
// until it is told to: where a snippet says CHOSEN, it asks whether the environment
// variable has the mutation's name. One compilation is enough for all of them then.
func Choices(t *testing.T, top, variable string, ms map[string]Mutation) string {
	t.Helper()
	o := overlay{t: t, dir: t.TempDir(), top: top, texts: map[string]string{}}
	for name, m := range ms {
		if !strings.Contains(m.New, "CHOSEN") {
			t.Fatalf("%s: its snippet does not ask whether it is CHOSEN", name)
		}
		m.New = strings.ReplaceAll(m.New, "CHOSEN", fmt.Sprintf("chosenMutation(%q)", name))
		o.replace(m)
		folder := filepath.Dir(m.File)
		o.texts[filepath.Join(folder, "chosen_mutation.go")] = fmt.Sprintf(chosen, filepath.Base(folder), variable)
	}
	return o.write()
}

// chosen is a file of the packages with a choice.
const chosen = `package %s

import "os"

var mutation = os.Getenv(%q)

func chosenMutation(name string) bool { return mutation == name }
`

// overlay is what files say instead.
type overlay struct {
	t        *testing.T
	dir, top string
	texts    map[string]string // by the path from the top
}

func (o overlay) replace(m Mutation) {
	o.t.Helper()
	text, there := o.texts[m.File]
	if !there {
		whole, err := os.ReadFile(filepath.Join(o.top, m.File))
		if err != nil {
			o.t.Fatal(err)
		}
		text = string(whole)
	}
	if n, want := strings.Count(text, m.Old), max(1, m.Count); n != want {
		o.t.Fatalf("%s: the snippet to break stands there %d times, want %d: the test has to follow the code\n%s", m.File, n, want, m.Old)
	}
	o.texts[m.File] = strings.ReplaceAll(text, m.Old, m.New)
}

func (o overlay) write() string {
	o.t.Helper()
	replace := map[string]string{}
	for file, text := range o.texts {
		path, err := filepath.Abs(filepath.Join(o.top, file))
		if err != nil {
			o.t.Fatal(err)
		}
		replace[path] = filepath.Join(o.dir, strings.ReplaceAll(file, "/", "_"))
		o.save(replace[path], []byte(text))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		o.t.Fatal(err)
	}
	name := filepath.Join(o.dir, "overlay.json")
	o.save(name, text)
	return name
}

func (o overlay) save(name string, text []byte) {
	o.t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		o.t.Fatal(err)
	}
}
