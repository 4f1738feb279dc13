package smtpdoor

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// program is one that was not written here.
type program struct {
	name  string
	needs []string // commands
	ways  []way    // that its messages take in turn
	adds  []string // fields that it adds by itself
	tail  string   // what it adds at the end
	send  func(*testing.T, *door, program, []letter) []letter
}

// way is how a program connects and logs in.
type way struct{ mode, mechanism string }

func (p program) address() string { return p.name + "@acme.example" }

// everyWay are the modes of a listener with a login, by the mechanisms.
func everyWay(mechanisms ...string) (ways []way) {
	for _, mode := range []string{starttls, implicit, plain} {
		for _, m := range mechanisms {
			ways = append(ways, way{mode, m})
		}
	}
	return ways
}

// programs are all of them. Those with a command for a message are started for each.
var programs = []program{
	{name: "swaks", needs: []string{"swaks"}, tail: "\r\n", ways: everyWay("PLAIN", "LOGIN"), send: byCommand(swaks)},
	{name: "msmtp", needs: []string{"msmtp"}, ways: everyWay("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"), send: byCommand(msmtp)},
	{name: "nail", needs: []string{"s-nail"}, ways: nailWays(), send: byCommand(nail)},
	{name: "curl", needs: []string{"curl"}, ways: everyWay("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"), send: byCommand(curl)},
	{name: "python", needs: []string{"python3"}, ways: everyWay("PLAIN", "LOGIN", "XOAUTH2"), send: bySessions("python3", "send.py")},
	{name: "nodemailer", needs: []string{"node", "npm"}, ways: everyWay("PLAIN", "LOGIN", "XOAUTH2"), send: nodemailer},
	{name: "postfix", needs: []string{"postfix", "sendmail"}, ways: everyWay("PLAIN", "LOGIN"), adds: []string{"Received"}, send: postfix},
	{name: "source", needs: []string{"smtp-source"}, tail: "\r\n", send: source},
}

// Each program hands over its messages in all its ways, and the provider gets the bytes that it was given.
func TestPrograms(t *testing.T) {
	var addresses []string
	for _, p := range programs {
		addresses = append(addresses, p.address())
	}
	d := openDoor(t, addresses)
	t.Run("all", func(t *testing.T) {
		for _, p := range programs {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.there(t)
				began := time.Now()
				given := p.send(t, d, p, p.letters())
				t.Logf("%d messages handed over in %s", len(given), time.Since(began).Round(time.Millisecond))
				if !t.Failed() {
					d.judge(t, p, given)
				}
			})
		}
	})
	for _, p := range programs { // what came late would have come meanwhile
		if n := total(d.ledger(t, p.address())); n > many {
			t.Errorf("%s: the provider has %d messages of %d", p.name, n, many)
		}
	}
}

// there skips the test where a command is missing, which it must not be where everything is tested.
func (p program) there(t *testing.T) {
	t.Helper()
	for _, command := range p.needs {
		if _, err := exec.LookPath(command); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

func (p program) letters() (list []letter) {
	for n := range many {
		list = append(list, newLetter(p.address(), n, "example.org"))
	}
	return list
}

// wayOf is the way of a message, and the name of its user: each way with each kind of name that is allowed.
func (d *door) wayOf(p program, n int) (w way, user string) {
	names := []string{keyName, d.keyID, p.address(), d.accounts[p.address()]}
	return p.ways[n%len(p.ways)], names[n/len(p.ways)%len(names)]
}

// job is one message for a program that is started for each, with a folder of its own.
type job struct {
	letter
	way
	d                *door
	user, port, file string
}

// command is what a program is called with.
type command struct {
	run   []string
	stdin []byte
	env   []string
	given func() ([]byte, error) // what it says that it was to send; nil: what it was given
}

// byCommand starts a program for each message, some at once.
func byCommand(make func(job) command) func(*testing.T, *door, program, []letter) []letter {
	return func(t *testing.T, d *door, p program, list []letter) []letter {
		t.Helper()
		dir := t.TempDir()
		given := append([]letter{}, list...)
		next := numbers(len(list))
		var running sync.WaitGroup
		for range runtime.NumCPU() {
			running.Go(func() {
				for n := range next {
					w, user := d.wayOf(p, n)
					j := job{letter: list[n], way: w, d: d, user: user, port: d.ports[w.mode], file: filepath.Join(dir, strconv.Itoa(n))}
					if !j.do(t, make(j), &given[n]) {
						return
					}
				}
			})
		}
		running.Wait()
		return given
	}
}

func numbers(n int) <-chan int {
	c := make(chan int, n)
	for i := range n {
		c <- i
	}
	close(c)
	return c
}

// do runs the command, which has to end well.
func (j job) do(t *testing.T, c command, given *letter) bool {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.run[0], c.run[1:]...)
	cmd.Stdin, cmd.Env = bytes.NewReader(c.stdin), append(os.Environ(), c.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("message %d, %v: %v: %v\n%s", j.n, j.way, c.run, err, lastOf(string(out)))
		return false
	}
	if c.given == nil {
		return true
	}
	raw, err := c.given()
	if err != nil {
		t.Errorf("message %d: %v", j.n, err)
		return false
	}
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	given.header, given.body = string(header)+"\r\n", string(body)
	return true
}
