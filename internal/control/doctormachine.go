package control

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"gatepost/internal/monitor"
	"gatepost/internal/store"
)

// Machine is what the doctor may know of the process it runs in.
type Machine struct {
	Version string
	Folder  string // the data folder; empty: its disk is not looked at
	// Doors are where this process listens, as they can be reached from itself.
	Doors func() []monitor.Door
}

const (
	databaseTime = 5 * time.Second
	doorTime     = 2 * time.Second
)

// condition looks at gatepost itself.
func (c *Control) condition(ctx context.Context, rows []*store.Account) monitor.Condition {
	m := monitor.Condition{Version: c.cfg.Machine.Version, Database: c.cfg.Store.Engine(), Folder: c.cfg.Machine.Folder}
	short, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	began := time.Now()
	m.Unready = c.cfg.Engine.Ready(short)
	m.Took = time.Since(began)
	m.Free, m.Disk = diskOf(c.cfg.Machine.Folder)
	m.Sealed = c.sealed(short, rows)
	if self, heard, err := c.cfg.Engine.Heard(short); err == nil && self != "" {
		for _, n := range heard {
			m.Nodes = append(m.Nodes, n.ID)
		}
		m.Alone = !slices.Contains(m.Nodes, self)
	}
	if c.cfg.Machine.Doors != nil {
		for _, d := range c.cfg.Machine.Doors() {
			d.Err = answers(ctx, d.Address)
			m.Doors = append(m.Doors, d)
		}
	}
	return m
}

// sealed opens one secret, which proves the master key.
func (c *Control) sealed(ctx context.Context, rows []*store.Account) error {
	for _, row := range rows {
		if row.Credential == "" {
			continue
		}
		if _, _, err := c.cfg.Vault.Secret(ctx, row.Team, row.Credential); !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func answers(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: doorTime}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
