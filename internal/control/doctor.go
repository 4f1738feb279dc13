package control

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"gatepost/internal/access"
	"gatepost/internal/email"
	"gatepost/internal/monitor"
	"gatepost/internal/queue"
	"gatepost/internal/store"
)

// How long an examination may take, and how many accounts are examined at a time.
const (
	doctorTime      = 25 * time.Second
	patientTime     = 15 * time.Second
	patientsAtATime = 8
	lately          = 24 * time.Hour
	lastMessages    = 50
)

// What doors see of the doctor: monitor's words as they are.
type (
	Diagnosis = monitor.Report
	Finding   = monitor.Finding
)

// DoctorQuery says what is to be examined. Empty fields mean everything.
type DoctorQuery struct {
	Account string // id or address
	From    string // an address: is there an account that sends for it?
}

// Doctor says why mail of the team's accounts does not leave, the cause first. It sends
// nothing, changes nothing and contacts no servers but those of the accounts; tokens may
// be renewed. It ends within half a minute, whatever does not answer.
func (c *Control) Doctor(ctx context.Context, g access.Grant, q DoctorQuery) (Diagnosis, error) {
	if err := may(g, access.ScopeAccountsRead); err != nil {
		return Diagnosis{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	x := &examination{c: c, g: g, at: monitor.Exam{At: c.cfg.Now()}}
	if err := x.accounts(ctx, q); err != nil {
		return Diagnosis{}, err
	}
	var all sync.WaitGroup
	all.Go(func() { x.at.Machine = c.condition(ctx, x.rows) })
	all.Go(func() { x.look(ctx) })
	x.each(func(i int) { x.examine(ctx, i) })
	all.Wait()
	x.known(ctx)
	return monitor.Diagnose(x.at), nil
}

// examination is one visit to the doctor.
type examination struct {
	c    *Control
	g    access.Grant
	at   monitor.Exam
	rows []*store.Account
	all  int // accounts of the team, those that are not examined too
	ways []queue.Ways
}

// accounts reads who is to be examined, and what the accounts are to talk to.
func (x *examination) accounts(ctx context.Context, q DoctorQuery) error {
	rows, err := x.c.cfg.Store.Accounts(ctx, x.g.Team)
	if err != nil {
		return err
	}
	x.all = len(rows)
	if x.rows, err = wanted(rows, q.Account); err != nil {
		return err
	}
	if err := x.sender(rows, q.From); err != nil {
		return err
	}
	x.ways = make([]queue.Ways, len(x.rows))
	for i, row := range x.rows {
		p := monitor.Patient{Subject: subjectOf(row), Transport: row.Transport, Credential: row.Credential}
		x.ways[i], p.Unable = x.c.cfg.Engine.Ways(ctx, x.g.Team, row.ID)
		p.Places, p.Shared = x.ways[i].Places, publicOf(row.Config, "mailbox")
		if p.Unable == nil {
			p.Unable = x.credential(ctx, &p, row.Config)
		}
		x.at.Patients = append(x.at.Patients, p)
	}
	return x.share(ctx, rows)
}

func subjectOf(row *store.Account) monitor.Subject {
	return monitor.Subject{ID: row.ID, Address: row.Address}
}

// wanted are the accounts that a name means: all for none, both ways of one mailbox for
// its address.
func wanted(rows []*store.Account, name string) (out []*store.Account, _ error) {
	for _, row := range rows {
		if name == "" || row.ID == name || store.SameMailbox(row.Address, name) {
			out = append(out, row)
		}
	}
	if name != "" && len(out) == 0 {
		var wrong problems
		wrong.add("account", "not the id or address of an account: GET /v1/accounts lists them")
		return nil, wrong.err()
	}
	return out, nil
}

// sender finds who may send as an address.
func (x *examination) sender(rows []*store.Account, from string) error {
	if from == "" {
		return nil
	}
	var wrong problems
	x.at.Sender = wrong.address("from", from)
	if err := wrong.err(); err != nil {
		return err
	}
	for _, row := range rows {
		switch a := accountOf(row); {
		case a.allows(x.at.Sender):
			x.at.SenderOf = append(x.at.SenderOf, subjectOf(row))
		case domainOf(row.Address) == domainOf(x.at.Sender):
			x.at.Candidates = append(x.at.Candidates, subjectOf(row))
		}
	}
	return nil
}

func domainOf(address string) string {
	a, _ := email.ParseAddress(address) // what cannot be read has none
	return a.Domain
}

// credential reads what is public of a patient's credential, and where it is tried.
func (x *examination) credential(ctx context.Context, p *monitor.Patient, config json.RawMessage) error {
	if p.Credential == "" {
		return nil
	}
	row, err := x.c.cfg.Store.Credential(ctx, x.g.Team, p.Credential)
	if err != nil {
		return err
	}
	p.Kind, p.ClientID, p.ClientOf = row.Kind, publicOf(row.Public, "client_id"), publicOf(row.Public, "client")
	if isUser(row.Kind) {
		p.Consented, p.User = splitWords(publicOf(row.Public, "scopes")), publicOf(row.Public, "email")
		p.Shared = sharedFor(row, mailboxOf(config))
	}
	p.Places = append(p.Places, x.c.tokenPlaces(row)...)
	return nil
}

// each does something for all patients, some at a time.
func (x *examination) each(do func(i int)) {
	var all sync.WaitGroup
	places := make(chan struct{}, patientsAtATime)
	for i := range x.at.Patients {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			do(i)
		})
	}
	all.Wait()
}
