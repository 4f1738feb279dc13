// Command rig measures relays of transactional mail. It plays both ends around a server under test:
// the applications that submit (load smtp, load http) and the provider that takes the mail (sink). It
// knows nothing of the server between them, so any relay can be measured; how one is set up and
// started is not its business, see bench/run.
package main

import (
	"fmt"
	"os"
)

const usage = `usage:
  rig sink    [flags]            fake provider: SMTP (XOAUTH2, OAUTHBEARER, PLAIN), Gmail API, Graph, token endpoint, /stats
  rig load smtp [flags]          N clients submit M messages by SMTP, then wait for the sink to have them all
  rig load http [flags]          the same by HTTP POST of a body template
  rig fsync   [flags]            what the disk does: write+fsync per second
  rig idle    [flags]            resident memory of a control group or of process trees
  rig summary FILE.jsonl...      medians of the recorded results as Markdown tables
Each subcommand lists its flags with -h.
`

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(1)
	}
}

func command(args []string) error {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch {
	case name == "sink":
		return sinkMain(args[1:])
	case name == "load" && len(args) > 1:
		return loadMain(args[1], args[2:])
	case name == "fsync":
		return fsyncMain(args[1:])
	case name == "idle":
		return idleMain(args[1:])
	case name == "summary":
		return summaryMain(args[1:])
	}
	fmt.Fprint(os.Stderr, usage)
	os.Exit(2)
	return nil
}
