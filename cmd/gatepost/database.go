package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"gatepost/internal/vault"
)

// databaseTime is how long the first start waits for PostgreSQL.
const databaseTime = 10 * time.Second

// beforeNewKey reaches for PostgreSQL where a master key is about to be made: a start
// that comes to nothing leaves no key behind that somebody would have to keep.
func (s *settings) beforeNewKey(ctx context.Context) error {
	if s.database == "" {
		return nil
	}
	_, _, err := vault.LoadMaster(vault.Source{Value: s.masterKey, File: s.masterKeyFile, Dir: s.data, Random: nothing{}})
	if !errors.Is(err, errUnmade) {
		return nil // what else is wrong with the key is told where it is loaded
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	c, err := pgx.Connect(ctx, s.database)
	if err != nil {
		return s.withoutDatabase(fmt.Errorf("open the database: %w", err))
	}
	return c.Close(ctx)
}

// where names what the data lies in, without a secret: the folder, or PostgreSQL's
// database and its server.
func (s *settings) where() string {
	if s.database == "" {
		return s.data
	}
	c, err := pgx.ParseConfig(s.database)
	if err != nil {
		return "the PostgreSQL database"
	}
	return fmt.Sprintf("the PostgreSQL database %s at %s", c.Database, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))))
}

// withoutDatabase adds to an error of the database what to do where it is not reached.
func (s *settings) withoutDatabase(err error) error {
	var network *net.OpError
	if s.database == "" || !errors.As(err, &network) || network.Op != "dial" {
		return err
	}
	return fmt.Errorf("%w\nIs PostgreSQL running there? It is named by %s", err, s.name("database"))
}
