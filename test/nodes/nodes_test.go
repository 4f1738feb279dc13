// Package nodes runs several gatepost on one PostgreSQL database and asks what users rely on: that a
// message is kept and sent once whichever node takes it, that the mail of a node that dies, freezes or
// stops goes on at another, that the database may be behind a pooler, and that another server may take
// its place. The judges are the clients' own ledger of 202 answers, the ledger of the world that takes
// the mail, and the API of any node; never gatepost's tables. It is a test alone.
//
// GATEPOST_NODES=full runs the long form (make nodes).
package nodes

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"gatepost/internal/store/storetest"
)

// form is how long the nodes are disturbed, and what is patient with it.
type form struct {
	under  time.Duration // load
	every  time.Duration // a node is killed or frozen
	frozen [2]int        // for so many seconds
	looks  string
	rate   time.Duration // between two messages
}

func chosen() form {
	if os.Getenv("GATEPOST_NODES") == "full" {
		return form{under: 2 * time.Minute, every: 5 * time.Second, frozen: [2]int{2, 15}, looks: "20s,25s,30s", rate: 40 * time.Millisecond}
	}
	return form{under: 20 * time.Second, every: 5 * time.Second, frozen: [2]int{2, 12}, looks: "8s,10s,12s", rate: 60 * time.Millisecond}
}

// Three nodes; a random one is killed or frozen again and again, at times for longer than its lease.
func TestKilledAndFrozenNodesLoseNothing(t *testing.T) {
	t.Parallel()
	f, w := chosen(), startWorld(t)
	w.takes("500") // so that each node has some under way at any time
	s := newSite(t, w, place{database: storetest.Postgres(t), looks: f.looks})
	for range 3 {
		s.add().start()
	}
	s.connect(w)
	l := newLoad(s, f.rate)
	ended := time.Now().Add(f.under)
	for n := 0; time.Now().Before(ended); n++ {
		time.Sleep(f.every) // the rhythm is the test's, not a wait for something
		s.disturb(f, n == 0)
	}
	l.stop()
	s.calm()
	s.rest(5 * time.Minute)
	r := s.judge(w, l)
	t.Log(r)
	if r.unknown == 0 {
		t.Error("no node was met while it sent: the test shows less than it should")
	}
}

// disturb kills one of the nodes that are well, if there is another one, or freezes
// it: which one, and mostly which of the two, is left to chance.
func (s *site) disturb(f form, kill bool) {
	var well []*node
	for _, n := range s.nodes {
		if n.well() {
			well = append(well, n)
		}
	}
	if len(well) < 2 {
		return
	}
	n := well[rand.IntN(len(well))]
	long := time.Duration(f.frozen[0]+rand.IntN(f.frozen[1]-f.frozen[0]+1)) * time.Second
	if kill || rand.IntN(2) == 0 {
		s.t.Logf("%s is killed, and started again after %s", n.name, long)
		n.kill()
		s.later(long, n.start)
		return
	}
	s.t.Logf("%s is frozen for %s", n.name, long)
	n.freeze()
	s.later(long, n.thaw)
}

// build makes the program, once for a test.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "gatepost")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "gatepost/cmd/gatepost").CombinedOutput(); err != nil {
		t.Fatalf("build gatepost: %v\n%s", err, out)
	}
	return bin
}
