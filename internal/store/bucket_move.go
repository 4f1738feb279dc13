package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// moveFolder takes contents that an earlier version left in the data folder into
// the database, where all nodes can get at them. What no row names stays where it
// is. A move that was cut begins again with the content that it was at.
func (s *Store) moveFolder(ctx context.Context) error {
	path := filepath.Join(s.opt.Dir, contentFolder)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	from := folder{root}
	names, err := from.names(time.Now().Add(time.Hour))
	if err != nil {
		return err
	}
	for _, name := range names {
		named, err := s.blobNamed(ctx, name)
		if err != nil {
			return err
		}
		if !named {
			continue
		}
		if err := s.moveContent(from, name); err != nil {
			return fmt.Errorf("move content %s into the database: %w", name, err)
		}
	}
	return nil
}

func (s *Store) moveContent(from folder, name string) error {
	f, err := from.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	to := table{s}
	if err := to.remove(name); err != nil {
		return err
	}
	w, err := to.create(name)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{f}, make([]byte, pieceSize)); err != nil {
		return err
	}
	return from.remove(name)
}
