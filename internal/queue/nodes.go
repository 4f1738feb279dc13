package queue

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"slices"
	"sync"
	"time"

	"gatepost/internal/email"
	"gatepost/internal/store"
)

// roster is who is at work on the database, as this process last heard, and what
// others are to be told. Each account, and each duty that one node is enough for,
// belongs to one node at a time. Two nodes that see the roster differently for a
// moment do no harm: claims are what keeps them apart, not this.
type roster struct {
	self    email.ID
	changed chan struct{} // accounts may have gone from node to node
	news    chan struct{} // somebody has come or goes
	ring    chan struct{} // others are to be called

	mu      sync.Mutex
	met     bool
	leaving bool
	nodes   []store.Node          // that begin sends, by id
	calls   map[email.ID]email.ID // route to team, for other nodes
	told    []store.Node          // as the log has them
}

func newRoster(self email.ID) *roster {
	return &roster{
		self: self, changed: make(chan struct{}, 1), news: make(chan struct{}, 1), ring: make(chan struct{}, 1),
		calls: map[email.ID]email.ID{},
	}
}

// owns tells whether something named, such as an account's mail, is this node's.
// Before it has looked, a process takes itself for the only one.
func (r *roster) owns(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.leaving && (!r.met || ownerOf(r.nodes, name) == r.self)
}

// ownerOf is the node with the highest score for a name (rendezvous hashing): when a
// node comes or goes, nothing moves between the others.
func ownerOf(nodes []store.Node, name string) (id email.ID) {
	var best uint64
	for _, n := range nodes {
		if s := nodeScore(n.ID, name); id == "" || s > best {
			id, best = n.ID, s
		}
	}
	return id
}

func nodeScore(node email.ID, name string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, node)
	_, _ = io.WriteString(h, " "+name)
	x := h.Sum64()
	// FNV's high bits hardly depend on the last bytes; this spreads them (the finalizer
	// of MurmurHash3).
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// see takes in who was heard of, and tells whether that is new, and whether a node
// is missing that did not say that it leaves.
func (r *roster) see(heard []store.Node) (changed, lost bool) {
	begin := slices.DeleteFunc(slices.Clone(heard), func(n store.Node) bool { return n.Leaving })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, old := range r.nodes {
		lost = lost || !slices.ContainsFunc(heard, func(n store.Node) bool { return n.ID == old.ID })
	}
	changed = !r.met || !slices.Equal(begin, r.nodes)
	r.nodes, r.met = begin, true
	return changed, lost
}

// tell gives the nodes of which the log does not tell yet what was heard, and those of
// which nothing was heard any more.
func (r *roster) tell(heard []store.Node) (news, gone []store.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range heard {
		if !slices.Contains(r.told, n) {
			news = append(news, n)
		}
	}
	for _, old := range r.told {
		if !slices.ContainsFunc(heard, func(n store.Node) bool { return n.ID == old.ID }) {
			gone = append(gone, old)
		}
	}
	r.told = slices.Clone(heard)
	return news, gone
}

// leave gives all that this node owns to the others.
func (r *roster) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
}

// call notes that the owner of a route is to be told of it.
func (r *roster) call(team, route email.ID) {
	r.mu.Lock()
	r.calls[route] = team
	r.mu.Unlock()
	signal(r.ring)
}

func (r *roster) takeCalls() (out []store.Wake) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for route, team := range r.calls {
		out = append(out, store.Wake{Team: team, Route: route})
	}
	clear(r.calls)
	return out
}

// owns tells whether an account's mail, or a duty, is this node's.
func (e *Engine) owns(name string) bool { return !e.spread() || e.roster.owns(name) }

// spread tells whether accounts are spread over nodes.
func (e *Engine) spread() bool { return e.cfg.Store.Engine() == "postgres" }

// passOn has another node told of its account, and tells whether it is another's.
func (e *Engine) passOn(team, route email.ID) bool {
	if e.owns(route) {
		return false
	}
	e.roster.call(team, route)
	return true
}

// once makes a duty of all nodes one that a single node sees to.
func (e *Engine) once(what string, duty func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if !e.owns("duty " + what) {
			return nil
		}
		return duty(ctx)
	}
}

// meet looks who is at work. What a lost node was sending is taken over at once.
func (e *Engine) meet(ctx context.Context) error {
	heard, err := e.cfg.Store.Nodes(ctx, e.cfg.Lease)
	if err != nil {
		return err
	}
	changed, lost := e.roster.see(heard)
	if changed {
		signal(e.roster.changed)
		e.tellNodes(heard)
	}
	if lost {
		return e.takeOver(ctx)
	}
	return nil
}

// tellNodes logs who has come, changed or gone.
func (e *Engine) tellNodes(heard []store.Node) {
	news, gone := e.roster.tell(heard)
	for _, n := range news {
		e.cfg.Log.Info("a node is at work", "node", n.ID, "version", n.Version, "epoch", n.Epoch, "leaving", n.Leaving, "self", n.ID == e.cfg.Node)
	}
	for _, n := range gone {
		e.cfg.Log.Info("a node is not heard of any more", "node", n.ID, "version", n.Version, "epoch", n.Epoch)
	}
}

// takeOver settles what lost nodes were sending of this node's accounts. A process
// that was not heard of itself waits for the others to be heard again first: the
// database may have been away from all of them.
func (e *Engine) takeOver(ctx context.Context) error {
	if again := e.pulse.missed(); again > 0 && e.cfg.Elapsed()-again < e.cfg.Lease {
		return nil
	}
	lost, err := e.cfg.Store.Abandoned(ctx, e.cfg.Node, e.cfg.Lease)
	if err != nil {
		return err
	}
	lost = slices.DeleteFunc(lost, func(en *store.Entry) bool { return !e.owns(en.Route) })
	return e.disown(ctx, lost, "node_lost", "the node that sent the message is gone")
}

// retire hands this node's accounts over when ctx ends. Sends that have begun come
// to their end here.
func (e *Engine) retire(ctx context.Context) {
	<-ctx.Done()
	e.roster.leave()
	if errors.Is(context.Cause(ctx), store.ErrFenced) {
		return // another process has the name
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Lease)
	defer cancel()
	if err := e.cfg.Store.Retire(late, e.cfg.Node, e.epoch); err != nil {
		e.cfg.Log.Warn("other nodes could not be told that this one stops; they find out by themselves", "err", err)
	}
}

// watch keeps the roster, by time and by what is heard.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(e.cfg.Lease / 5)
	defer tick.Stop()
	complain := e.complainer("the other nodes could not be looked for; it is tried again")
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-e.roster.news:
		}
		complain(ctx, errors.Join(e.syncClock(ctx), e.meet(ctx)))
	}
}

// listen hears the other nodes. What is missed meanwhile is found by the poll.
func (e *Engine) listen(ctx context.Context) {
	complain := e.complainer("other nodes cannot be heard; mail that they take is found within a second; it is tried again")
	for ctx.Err() == nil {
		complain(ctx, e.cfg.Store.Listen(ctx, store.Heard{Wake: e.hear, Nodes: func() { signal(e.roster.news) }}))
		select {
		case <-ctx.Done():
		case <-time.After(tryAgain):
		}
	}
}

func (e *Engine) hear(w store.Wake) {
	if e.owns(w.Route) {
		e.notify(w.Team, w.Route)
	}
}

// call tells other nodes what has come for them: whatever waits, at once.
func (e *Engine) call(ctx context.Context) {
	line := e.cfg.Store.NewLine()
	defer line.Close()
	complain := e.complainer("other nodes cannot be told of their mail; they find it within a second")
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.roster.ring:
		}
		late, cancel := context.WithTimeout(ctx, e.cfg.Lease)
		complain(ctx, line.Say(late, e.roster.takeCalls()))
		cancel()
	}
}

// complainer logs failures once a minute.
func (e *Engine) complainer(what string) func(context.Context, error) {
	var logged time.Time
	return func(ctx context.Context, err error) {
		if err != nil && ctx.Err() == nil && time.Since(logged) > time.Minute {
			e.cfg.Log.Warn(what, "err", err)
			logged = time.Now()
		}
	}
}

// startNodes takes part in spreading the accounts, until ctx ends.
func (e *Engine) startNodes(ctx context.Context, loops *sync.WaitGroup) {
	if !e.spread() {
		return
	}
	if err := e.meet(ctx); err != nil {
		e.cfg.Log.Warn("the other nodes could not be looked for; it is tried again", "err", err)
	}
	loops.Go(func() { e.watch(ctx) })
	loops.Go(func() { e.listen(ctx) })
	loops.Go(func() { e.call(ctx) })
	loops.Go(func() { e.retire(ctx) })
}

// handOver makes the dispatchers of accounts that are no longer this node's give
// back what they have not begun.
func (s *scheduler) handOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for route, d := range s.running {
		if !s.e.owns(route) {
			signal(d.turn)
		}
	}
}

// yield calls back what has not begun and lets nothing more be claimed.
func (k *desk) yield() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.due, k.urgent = false, false
	k.call()
}
