package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// number is the value of a flag that has a range. A zero that was written is no
// default: it is refused like any other number outside.
type number struct {
	to                  *int
	least, most, likely int
}

// numberFlag makes a flag of a whole number, of which likely is an example.
func numberFlag(f *pflag.FlagSet, n number, name, usage string) { f.Var(&n, name, usage) }

// Set implements pflag.Value.
func (n *number) Set(given string) error {
	v, err := strconv.Atoi(given)
	if err != nil || v < n.least || v > n.most {
		return fmt.Errorf("write a whole number from %d to %d, such as %d", n.least, n.most, n.likely)
	}
	*n.to = v
	return nil
}

// String implements pflag.Value.
func (n *number) String() string {
	if n.to == nil {
		return "0"
	}
	return strconv.Itoa(*n.to)
}

// Type implements pflag.Value.
func (n *number) Type() string { return "int" }

const (
	day = 24 * time.Hour
	// oldest is how many days ago something may have been: longer than gatepost is there.
	oldest = 36500
)

// age is the value of a flag that says how long ago something was. Nothing was in
// the future: a sign that slipped in would select everything.
type age time.Duration

// Set implements pflag.Value.
func (a *age) Set(given string) error {
	d, err := time.ParseDuration(given)
	if n, of := strings.CutSuffix(given, "d"); of {
		days, wrong := strconv.Atoi(n)
		if d, err = time.Duration(days)*day, wrong; days > oldest {
			d = 0
		}
	}
	if err != nil || d <= 0 || d > oldest*day {
		return fmt.Errorf("write how long ago, with its unit, such as 90s, 2h or 3d; at most %dd", oldest)
	}
	*a = age(d)
	return nil
}

// String implements pflag.Value.
func (a *age) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

// Type implements pflag.Value.
func (a *age) Type() string { return "age" }

// flagMistake says in words what is wrong with a flag.
func flagMistake(_ *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return usageError{err}
	}
	f := invalid.GetFlag()
	why := invalid.Unwrap()
	switch f.Value.Type() {
	case "duration":
		why = errors.New("write a time with its unit, such as 30s, 5m or 2h30m")
	case "bool":
		why = errors.New("write true or false")
	}
	return usagef("--%s %q: %w", f.Name, invalid.GetValue(), why)
}
