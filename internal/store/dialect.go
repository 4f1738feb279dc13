package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// dialect is what differs between the two databases. Everything else is one SQL
// text for both.
type dialect struct {
	name    string
	writers int               // goroutines that commit groups
	begin   string            // starts a group's transaction
	lock    string            // appended to the SELECT that picks rows to claim
	words   *strings.Replacer // fills in the schema
	// lingers says that deleted rows stay in the way while another transaction is open.
	lingers bool
	// snapshot is the isolation at which several reads agree with each other.
	snapshot sql.IsolationLevel

	connect func(s *Store) error
	// refused tells whether an error at COMMIT means that nothing was committed.
	refused func(err error) bool
	// patience is how long a transaction may take; 0: as long as it takes.
	patience time.Duration
	// gone, if any, tells errors that end a connection's use: it is given up, and its
	// group tried once more on another.
	gone func(err error) bool
	// unprepared says that a connection forgets prepared statements.
	unprepared bool
	// discard makes sure that the pool does not hand a broken connection out again.
	discard func(c *sql.Conn)
	// tend, if any, looks after the database in the background until ctx ends.
	tend func(ctx context.Context, s *Store)
	// there, if any, tells whether what is committed is where it will be found again.
	there func(s *Store) error
	// now is SQL for the time that several nodes agree on, in Unix milliseconds;
	// empty where there is only one node.
	now string
	// tagged is the condition that a message m has a tag, whose place is filled in.
	tagged string
	// oneOf is the condition that an id is in a JSON list, whose place is filled in.
	oneOf string
	// each reads the pairs of the JSON object j, whose place is filled in.
	each string
	// usageRows reads rows of usage from the JSON list $1.
	usageRows string
	// lockKeys takes numbers, in the order of the JSON list $1, until the
	// transaction ends; empty where there is one writer.
	lockKeys string
	// messageOf joins to each id of d, in their order, its message m of the team $1.
	messageOf string

	candidates string // picks what a claim may take

	// lockMessages takes the places in the queue of messages, in the order in which
	// they are given, so that nobody else changes them until the group is over.
	lockMessages   func(ctx context.Context, t *tx, ids []string, changes bool) error
	insertKeys     func(ctx context.Context, t *tx, ms []*NewMessage) ([]*NewMessage, error)
	insertMessages func(ctx context.Context, t *tx, ms []*NewMessage) error
	settle         func(ctx context.Context, t *tx, fs []*Finish) error
	record         func(ctx context.Context, t *tx, fs []*Finish) error
	appendChanges  func(ctx context.Context, t *tx) error
}

func dialectOf(opt Options) *dialect {
	d := sqlite()
	if opt.Database != "" {
		d = postgres()
	}
	d.candidates = d.candidatesSQL()
	return d
}
