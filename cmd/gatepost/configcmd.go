package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"gatepost/internal/vault"
)

func configCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Settings: what is in force, whether it is right, all there are",
		Long: `Settings come from flags, from the environment (--listen is GATEPOST_LISTEN) and
from a TOML file, in this order of strength. The file is the one that --config or
GATEPOST_CONFIG names. Else the server reads gatepost.toml here; commands read
gatepost/gatepost.toml in $XDG_CONFIG_HOME or ~/.config, never one that lies in the
folder where they are given. Else it is /etc/gatepost/gatepost.toml.

Each secret can stand in a file of its own: GATEPOST_DATABASE_FILE names a file
with the database's URL, and so on.`,
	}
	cmd.AddCommand(configShowCommand(env), configCheckCommand(env), configDocsCommand(env))
	return cmd
}

// forAll are all groups of settings.
const forAll = forServer | forStore | forCommands

// shownSetting is a setting as `config show` tells of it.
type shownSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func configShowCommand(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show what is in force and where each value comes from; secrets are masked",
		Example: `  gatepost config show
  gatepost config show --config /etc/gatepost/gatepost.toml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd.Flags(), env, forAll)
			if err != nil {
				return err
			}
			mine, err := load(cmd.Flags(), env, forCommands)
			if err != nil {
				return err
			}
			p, list := newPrinter(env, asJSON), shown(s, mine)
			return p.show(map[string][]shownSetting{"data": list}, func() {
				var rows [][]string
				for _, r := range list {
					rows = append(rows, []string{r.Name, r.Value, r.From})
				}
				p.table([]string{"SETTING", "VALUE", "FROM"}, rows)
				p.line("\nFile of the server: %s\nFile of commands:   %s", cmp.Or(whole(s.files.server.file), "none"), cmp.Or(whole(s.files.client.file), "none"))
				s.unread(p)
			})
		},
	}
	defineFlags(cmd.Flags(), forAll)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// masked stands in place of a secret.
const masked = "(set)"

// shown lists what is in force for the server, and what commands have. A setting of
// both is there twice where they differ.
func shown(server, commands *settings) []shownSetting {
	var list []shownSetting
	for _, r := range settingTable() {
		g := server.given[r.name]
		list = append(list, r.shown(r.key(), g))
		if of := commands.given[r.name]; r.groups&forCommands != 0 && of != g {
			list = append(list, r.shown(r.key()+" (commands)", of))
		}
	}
	return list
}

func (r setting) shown(name string, g given) shownSetting {
	value, from := g.text, g.from
	if r.secret && value != "" {
		value = masked
	}
	if from == "" {
		from = "default"
	}
	if g.path != "" {
		from += ": " + g.path
	}
	return shownSetting{name, value, from}
}

// unread warns of settings for commands that stand in the server's file.
func (s *settings) unread(p *printer) {
	if s.files.server.file == s.files.client.file {
		return
	}
	for _, r := range settingTable() {
		for _, r := range []setting{r, r.fileRow()} {
			if _, there := s.files.server.text(r); there && r.groups&^forCommands == 0 {
				p.errLine("%s is not in force: commands do not read that file", s.files.server.name(r))
			}
		}
	}
}

// whole is a file's path from the root.
func whole(path string) string {
	if abs, err := filepath.Abs(path); path != "" && err == nil {
		return abs
	}
	return path
}

func configCheckCommand(env environment) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Check all settings, and the files that they name, without starting anything",
		Example: `  gatepost config check --config /etc/gatepost/gatepost.toml && systemctl restart gatepost`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd.Flags(), env, forAll)
			if err != nil {
				return err
			}
			if err := errors.Join(s.checkDoor(), s.checkData()); err != nil {
				return usageError{err}
			}
			roots, err := s.authorities()
			if err != nil {
				return err
			}
			if _, err := s.doorTLS(s.data, roots, quiet()); err != nil {
				return err
			}
			p := newPrinter(env, asJSON)
			return p.show(map[string]bool{"ok": true}, func() { p.line("The settings are right.") })
		},
	}
	defineFlags(cmd.Flags(), forAll)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// errUnmade stands in place of a key that a start would make.
var errUnmade = errors.New("no key was made")

// nothing is a source of random numbers that has none.
type nothing struct{}

// Read implements io.Reader.
func (nothing) Read([]byte) (int, error) { return 0, errUnmade }

// checkData finds mistakes about the data before anything is opened or made.
func (s *settings) checkData() error {
	var errs []error
	for name, url := range map[string]string{"database": s.database, "database-direct": s.databaseDirect} {
		if _, err := pgx.ParseConfig(url); url != "" && err != nil { // the error may show the password
			errs = append(errs, fmt.Errorf("%s: it cannot be understood as a PostgreSQL URL: write it as postgres://user:password@host:5432/name", s.name(name)))
		}
	}
	if s.databaseDirect != "" && s.database == "" {
		errs = append(errs, fmt.Errorf("%s is for a database behind a pooler: set database as well, or leave it out", s.name("database-direct")))
	}
	if at, err := os.Stat(s.data); err == nil && !at.IsDir() {
		return errors.Join(append(errs, fmt.Errorf("%s: %s is a file; name a folder", s.name("data"), s.data))...)
	}
	_, _, err := vault.LoadMaster(vault.Source{Value: s.masterKey, File: s.masterKeyFile, Dir: s.data, Random: nothing{}})
	if err != nil && !errors.Is(err, errUnmade) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func configDocsCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:   "docs",
		Short: "Print the reference of all settings as Markdown",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.stdout, settingsReference())
			return err
		},
	}
}

// settingsReference is docs/configuration.md.
func settingsReference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made by: gatepost config docs -->

Settings come from flags, from the environment and from a TOML file, in this order of strength. The file is the one that
` + "`--config` or `GATEPOST_CONFIG`" + ` names, else the first of these:

| | |
|---|---|
| the server, and ` + "`keys create`" + ` for the data folder | ` + "`gatepost.toml`" + ` in the working folder, ` + "`/etc/gatepost/gatepost.toml`" + `; the log tells which one was read |
| commands that speak to it | ` + "`$XDG_CONFIG_HOME/gatepost/gatepost.toml`, which is `~/.config/gatepost/gatepost.toml` where that is not set, `/etc/gatepost/gatepost.toml`" + ` |

Commands never read a file because it lies in the folder where they are given: it could send your key to somebody else. A name that is no
setting is refused, with the nearest one.

` + "`gatepost config show`" + ` prints what is in force and where each value comes from, secrets masked, and which files were read;
` + "`gatepost config check`" + ` tells what is wrong without starting anything.

` + "```toml" + `
# /etc/gatepost/gatepost.toml
data = "/var/lib/gatepost"
database_file = "/run/secrets/gatepost-database"
listen = "0.0.0.0:443"
acme_domain = ["mail.example.com"]
looks = ["30s", "2m", "10m"]
` + "```" + `

` + "```toml" + `
# ~/.config/gatepost/gatepost.toml
[client]
url = "https://mail.example.com"
key_file = "/home/me/.gatepost-key"
` + "```" + `
`)
	section := ""
	for _, r := range settingTable() {
		if r.section != section {
			section = r.section
			fmt.Fprintf(&b, "\n## %s\n\n%s| flag | environment | file | default | |\n|---|---|---|---|---|\n", sectionTitle(section), sectionText(section))
		}
		b.WriteString(r.row())
	}
	return b.String()
}

func sectionTitle(section string) string {
	if section == clientSection {
		return "Commands"
	}
	return section
}

func sectionText(section string) string {
	if section != clientSection {
		return ""
	}
	return "For the commands that speak to a running gatepost.\n\n"
}

// row is a line of the reference; that of a secret also names its file.
func (r setting) row() string {
	flag, initial := "`"+r.flag()+"`", ""
	if r.noFlag {
		flag = "–"
	}
	if r.initial != "" {
		initial = "`" + r.initial + "`"
	}
	line := fmt.Sprintf("| %s | `%s` | `%s` | %s | %s |\n", flag, r.variable(), r.key(), initial, r.doc)
	if r.filed() {
		f := r.fileRow()
		line += fmt.Sprintf("| `%s` | `%s` | `%s` | | %s |\n", f.flag(), f.variable(), f.key(), "File with "+fileHolds(r)+", in its place.")
	}
	return line
}
