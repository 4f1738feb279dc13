package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. Migrations are numbered and append-only;
// one text serves both databases, with the few words that differ filled in.
func (s *Store) migrate(ctx context.Context) error {
	files, err := s.dialect.schema()
	if err != nil {
		return err
	}
	kind, opts := goose.DialectSQLite3, []goose.ProviderOption{}
	if s.dialect.name == "postgres" {
		kind = goose.DialectPostgres
		opts = append(opts, goose.WithSessionLocker(migrationTurn{})) // nodes that start together migrate once
	}
	db := s.write
	if s.opt.Direct != "" { // the lock and the migrations belong to one session
		db = stdlib.OpenDB(*s.direct)
		defer db.Close()
	}
	p, err := goose.NewProvider(kind, db, files, opts...)
	if err != nil {
		return err
	}
	if err := newerThanThis(ctx, p); err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// newerThanThis refuses a database that a later gatepost has changed.
func newerThanThis(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("the database has schema %d and this gatepost knows up to %d: start the version that was running before, or a newer one", current, target)
	}
	return nil
}

func (d *dialect) schema() (fs.FS, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	out := fstest.MapFS{}
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out[name[len("migrations/"):]] = &fstest.MapFile{Data: []byte(d.words.Replace(string(text)))}
	}
	return out, nil
}
