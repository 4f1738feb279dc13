package monitor

import (
	"fmt"
	"strings"
	"time"
)

// Condition is how this gatepost itself is.
type Condition struct {
	Version  string
	Database string // "sqlite" or "postgres"
	Took     time.Duration
	Unready  error // what a write to the database came to
	Free     uint64
	Disk     uint64
	Folder   string
	Sealed   error // what opening a secret with the master key came to
	Alone    bool  // this node's heartbeat is not among those that are heard
	Nodes    []string
	Doors    []Door
	NotSaid  []Checked // what was not looked at, and why
}

// Door is where gatepost listens.
type Door struct {
	Name, Address string
	Err           error // why it does not answer
}

const (
	slowWrite   = time.Second
	littleSpace = 256 << 20
	clockOff    = 5 * time.Minute
	clockDrifts = 30 * time.Second
)

// machine are the findings that are of no account.
func (x *Exam) machine() []Finding {
	c := &x.Machine
	var list []Finding
	say := func(bad bool, f Finding) {
		if bad {
			list = append(list, f)
		}
	}
	full := c.Disk > 0 && c.Free < littleSpace
	down := Finding{
		Check: CheckDatabase, Severity: Broken, Cause: "database_down", Who: Machine, What: "The database takes no writes: no mail is taken, and none leaves.",
		Why: fmt.Sprint(c.Unready), Fix: "Look at the database (" + c.Database + "), its disk and its log.",
	}
	say(c.Unready != nil && !(full && c.onDisk()), down)
	say(c.Unready == nil && c.Took > slowWrite, Finding{
		Check: CheckDatabase, Severity: Warning, Cause: "database_slow", Who: Machine, What: "The database is slow: a write took " + c.Took.Round(time.Millisecond).String() + ".",
		Why: "Every message is written and synced before it is answered.", Fix: "Look at what else uses the disk, and at the database's log.",
	})
	say(full, c.diskFull(down))
	say(c.Sealed != nil, Finding{
		Check: CheckKey, Severity: Broken, Cause: "master_key", Who: Machine, What: "A stored secret does not open with the master key.",
		Why: fmt.Sprint(c.Sealed), Fix: "Give gatepost the master key that the secrets were sealed with (master-key, master-key-file), and start it again.",
	})
	say(c.Alone, Finding{
		Check: CheckNode, Severity: Broken, Cause: "node_silent", Who: Machine, What: "This node's heartbeat is not heard: it must not send until it is.",
		Why: "Nodes that are heard: " + wordsOr(c.Nodes, "none") + ".", Fix: "Look at the database's answers in gatepost's log; start gatepost again if it stays so.",
	})
	for _, d := range c.Doors {
		say(d.Err != nil, Finding{
			Check: CheckDoor, Severity: Broken, Cause: "door_closed", Who: Machine, What: "The " + d.Name + " door at " + d.Address + " does not answer.",
			Why: fmt.Sprint(d.Err), Fix: "Look in gatepost's log why; start gatepost again.",
		})
	}
	return append(list, x.clock()...)
}

// onDisk tells whether the database is in the data folder.
func (c *Condition) onDisk() bool { return c.Database == "sqlite" }

// diskFull is a disk with little room, down what becomes of a database on it.
func (c *Condition) diskFull(down Finding) Finding {
	f := Finding{
		Check: CheckDisk, Severity: Warning, Cause: "disk_full", Who: Machine,
		What: fmt.Sprintf("The disk of the data folder has %d MB left.", c.Free>>20), Why: "When it is full, no mail is taken.",
		Fix: "Make room on the disk of " + c.Folder + ".", Commands: []string{"df -h " + c.Folder},
	}
	if c.Unready != nil && c.onDisk() {
		f.Severity, f.Why, f.Follows = Broken, fmt.Sprint(c.Unready), []Finding{down}
	}
	return f
}

func wordsOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

// offset is by how much this machine's clock is off, by the server that agrees with it
// best: one provider that is wrong must not make a right clock look off.
func (x *Exam) offset() (best time.Duration, by string) {
	for _, s := range x.Sights {
		if s.Dated && (by == "" || s.Offset.Abs() < best.Abs()) {
			best, by = s.Offset, s.Place.Host
		}
	}
	return best.Round(time.Second), by
}

func (x *Exam) clock() []Finding {
	offset, by := x.offset()
	if by == "" || offset.Abs() < clockDrifts {
		return nil
	}
	way := "ahead"
	if offset < 0 {
		way = "behind"
	}
	f := Finding{
		Check: CheckClock, Severity: Warning, Cause: "clock_off", Who: Machine,
		What: fmt.Sprintf("This machine's clock is %s %s.", offset.Abs(), way),
		Why:  "By the time in the answer of " + by + ". Signed requests for tokens hold the time, and providers refuse a wrong one.",
		Fix:  "Set the clock, and keep it so (NTP). Accounts that are held for it go on once they are released.",
		Commands: []string{
			"sudo timedatectl set-ntp true", "timedatectl status",
		},
	}
	if offset.Abs() >= clockOff {
		f.Severity = Broken
	}
	return []Finding{f}
}
