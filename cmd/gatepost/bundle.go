package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"gatepost/client"
)

// bundleFile is a file of a support archive, before addresses are masked.
type bundleFile struct {
	name string
	data any
	err  error // why it could not be read; told in its place
}

// writeBundle writes an archive for somebody who helps. What cannot be read is said in
// its place; r is nil where gatepost cannot be asked.
func writeBundle(cmd *cobra.Command, env environment, r *remote, path string, d client.Diagnosis) error {
	files := []bundleFile{
		{name: "about.json", data: map[string]string{
			"command": version(), "system": runtime.GOOS + "/" + runtime.GOARCH, "made_at": time.Now().UTC().Format(time.RFC3339),
			"masked": "what ends in .invalid stands for an address or a domain, the same name for the same one in all files",
		}},
		{name: "doctor.json", data: d},
		settingsFile(cmd, env),
	}
	var own []string
	if r != nil {
		more, domains := r.bundled(cmd.Context())
		files, own = append(files, more...), domains
	}
	text, err := packed(files, newMask(own))
	if err != nil {
		return err
	}
	if err := writeNew(path, text); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

// writeNew writes a file that is not there yet, for its owner alone.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usagef("--bundle %s: is there already: name another file", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// settingsFile is what `config show` shows, secrets masked: of this machine, which may
// be another than the server's.
func settingsFile(cmd *cobra.Command, env environment) bundleFile {
	f := bundleFile{name: "settings.json"}
	s, err := load(cmd.Flags(), env, forAll)
	if err != nil {
		f.err = err
		return f
	}
	mine, err := load(cmd.Flags(), env, forCommands)
	f.err = err
	if err == nil {
		f.data = map[string]any{"of": "the machine on which the archive was made", "data": shown(s, mine)}
	}
	return f
}

// bundled is what a running gatepost tells, and the domains of its accounts.
func (r *remote) bundled(ctx context.Context) (files []bundleFile, domains []string) {
	add := func(name string, data any, err error) { files = append(files, bundleFile{name, data, err}) }
	me, err := r.Me(ctx)
	add("server.json", map[string]any{"version": me.Version, "scopes": me.Scopes}, err)
	accounts, err := r.Accounts(ctx)
	add("accounts.json", accounts, err)
	capacity, err := r.Capacity(ctx)
	add("capacity.json", capacity, err)
	queue, err := r.Client.Queue(ctx, client.QueueQuery{})
	add("queue.json", queue, err)
	ends, err := r.Expiries(ctx)
	add("expiries.json", ends, err)
	unlisted, err := r.UnlistedErrors(ctx)
	add("unknown-answers.json", unlisted, err)
	for i, a := range accounts.Data {
		domains = append(domains, domainsOf(append(a.Senders, a.Address)...)...)
		if i >= maxHealth {
			continue
		}
		h, err := r.AccountHealth(ctx, a.ID, time.Now().AddDate(0, 0, -30))
		add("events/"+a.ID+".json", h, err)
	}
	return files, domains
}

// maxHealth is of how many accounts the events are put in.
const maxHealth = 100

// packed is the archive.
func packed(files []bundleFile, m *mask) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		if f.err != nil {
			f.data = map[string]string{"not_read": f.err.Error()}
		}
		text, err := plainJSON(f.data)
		if err != nil {
			return nil, err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Now()})
		if err == nil {
			_, err = io.WriteString(w, m.text(text))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plainJSON writes < and > as they are, so that an address between them is seen as one.
func plainJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.String(), err
}
