package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// summaryMain prints medians per label, mode, concurrency and size as Markdown tables.
func summaryMain(args []string) error {
	fs := flag.NewFlagSet("summary", flag.ExitOnError)
	var against stringsFlag
	fs.Var(&against, "against", "label (or how it begins) of a server with which the others are compared (repeatable)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	var all groups
	for _, name := range fs.Args() {
		if err := all.read(name); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	if len(against) > 0 {
		comparison(&all, against).print(&all)
	}
	for _, t := range tables() {
		t.print(&all)
	}
	return nil
}

// group is the repeats of one measurement.
type group struct {
	label, mode string
	c, size, n  int
}

// groups keeps them in the order in which they were first seen.
type groups struct {
	order []group
	runs  map[group][]result
}

func (g *groups) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r result
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			return err
		}
		g.add(r)
	}
	return sc.Err()
}

func (g *groups) add(r result) {
	if g.runs == nil {
		g.runs = map[group][]result{}
	}
	k := group{r.Label, r.Mode, r.C, r.Size, r.N}
	if g.runs[k] == nil {
		g.order = append(g.order, k)
	}
	g.runs[k] = append(g.runs[k], r)
}

// column is a heading and the cell of one group. Figures are medians over the repeats, and are aligned
// to the right.
type column struct {
	head string
	text func(group, []result) string
	left bool
}

func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return v[n/2]
	}
	return (v[n/2-1] + v[n/2]) / 2
}

// figure is a column of medians.
func figure(head, format string, f func(result) float64) column {
	return column{head: head, text: func(_ group, rs []result) string {
		return fmt.Sprintf(format, medianOf(rs, f))
	}}
}

func medianOf(rs []result, f func(result) float64) float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = f(r)
	}
	return median(v)
}

func count(head string, f func(result) int) column {
	return figure(head, "%.0f", func(r result) float64 { return float64(f(r)) })
}

// each is a column that shows every repeat.
func each(head string, f func(result) int) column {
	return column{head: head, left: true, text: func(_ group, rs []result) string {
		var all []string
		for _, r := range rs {
			all = append(all, fmt.Sprint(f(r)))
		}
		return strings.Join(all, ", ")
	}}
}

// table shows the groups whose mode begins with one of its modes.
type table struct {
	modes   []string
	columns []column
}

func (t table) print(all *groups) {
	first := true
	for _, g := range all.order {
		if !slices.ContainsFunc(t.modes, func(m string) bool { return strings.HasPrefix(g.mode, m) }) {
			continue
		}
		if first {
			t.printHead()
			first = false
		}
		for _, c := range t.columns {
			fmt.Print("| ", c.text(g, all.runs[g]), " ")
		}
		fmt.Println("|")
	}
	if !first {
		fmt.Println()
	}
}

func (t table) printHead() {
	line := ""
	for _, c := range t.columns {
		fmt.Print("| ", c.head, " ")
		if c.left {
			line += "|---"
		} else {
			line += "|--:"
		}
	}
	fmt.Println("|\n" + line + "|")
}
