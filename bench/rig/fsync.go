package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// fsyncMain measures what the disk allows: 4 KiB appends with fsync, one file per writer, and creation
// of one file per message with fsync of file and folder.
func fsyncMain(args []string) error {
	fs := flag.NewFlagSet("fsync", flag.ExitOnError)
	dir := fs.String("dir", ".", "folder on the disk to measure")
	dur := fs.Duration("for", 3*time.Second, "seconds per measurement")
	if err := fs.Parse(args); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		open func(dir string, writer int) (func() error, error)
	}{{"append", appender}, {"create", creator}} {
		for _, writers := range []int{1, 4, 16, 64} {
			if err := measureDisk(*dir, m.name, writers, *dur, m.open); err != nil {
				return fmt.Errorf("measure %s with %d writers: %w", m.name, writers, err)
			}
		}
	}
	return nil
}

func measureDisk(dir, name string, writers int, dur time.Duration, open func(string, int) (func() error, error)) error {
	tmp, err := os.MkdirTemp(dir, "rig-fsync")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var total atomic.Int64
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	cpu, start := selfCPU(), time.Now()
	for i := range writers {
		wg.Go(func() {
			step, err := open(tmp, i)
			for err == nil && time.Since(start) < dur {
				err = step()
				total.Add(1)
			}
			if err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	wg.Wait()
	n := float64(total.Load())
	fmt.Printf("%s writers=%d ops/s=%.0f cpu_s_per_1000=%.3f\n", name, writers, n/time.Since(start).Seconds(), (selfCPU()-cpu)*1000/n)
	return failed
}

// appender appends 4 KiB to a file of its own and syncs it.
func appender(dir string, writer int) (func() error, error) {
	f, err := os.Create(filepath.Join(dir, fmt.Sprint(writer)))
	if err != nil {
		return nil, err
	}
	page := make([]byte, 4096)
	return func() error { return writeSync(f, page) }, nil
}

// creator makes a file of 4 KiB, syncs it, and syncs the folder.
func creator(dir string, writer int) (func() error, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	page, n := make([]byte, 4096), 0
	return func() error {
		n++
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d-%d", writer, n)))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := writeSync(f, page); err != nil {
			return err
		}
		return d.Sync()
	}, nil
}

func writeSync(f *os.File, page []byte) error {
	if _, err := f.Write(page); err != nil {
		return err
	}
	return f.Sync()
}
