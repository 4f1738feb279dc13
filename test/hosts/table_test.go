package hosts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostForm is a host of the internet, with what may stand before and behind it.
var hostForm = regexp.MustCompile(`^(?:https?://)?((?:[a-z0-9-]+\.)+(?:com|us|cn|org|net|io|dev|ms|microsoft|internal))(?::\d+)?(?:/.*)?$`)

// never are hosts that the source names and gatepost does not dial, by the reason.
func never() map[string][]string {
	return map[string][]string{
		"pages for people, in advice": {
			"learn.microsoft.com", "techcommunity.microsoft.com", "console.cloud.google.com", "admin.google.com", "support.google.com",
			"developers.google.com", "cloud.google.com", "myaccount.google.com", "myapps.microsoft.com", "account.live.com", "nodemailer.com", "aka.ms",
		},
		"where browsers are sent": {"accounts.google.com"},
		"names of resources and scopes, in requests for tokens": {
			"mail.google.com", "www.googleapis.com", "outlook.office.com", "outlook.office365.com", "outlook.office365.us", "outlook-dod.office365.us", "partner.outlook.cn",
		},
		"issuers in ID tokens":                          {"login.partner.microsoftonline.cn"},
		"parts of names, by which a text is recognised": {"googleapis.com", "graph.microsoft", "exchangelabs.com", "outlook.com", "hotmail.com", "live.com", "office365.com"},
		"domains of mailboxes":                          {"gmail.com", "googlemail.com"},
	}
}

// "What gatepost talks to" in docs/operate.md names every host that the source names,
// but those that it never dials, and no other.
func TestHostsTable(t *testing.T) {
	t.Parallel()
	told, all := toldHosts(t), namedHosts(t)
	dialled := map[string]bool{}
	for host, where := range all {
		if excused(host) {
			continue
		}
		dialled[host] = true
		if !slices.Contains(told, host) {
			t.Errorf("%s names %s: if gatepost dials it, docs/operate.md has to tell so; if it never does, this test why", where, host)
		}
	}
	for _, hosts := range never() {
		for _, host := range hosts {
			if _, named := all[host]; !named {
				t.Errorf("%s is excused and not named", host)
			}
		}
	}
	for _, host := range told {
		if !dialled[host] {
			t.Errorf("docs/operate.md tells of %s, which the source does not name", host)
		}
	}
}

func excused(host string) bool {
	for _, hosts := range never() {
		if slices.Contains(hosts, host) {
			return true
		}
	}
	return reserved(host)
}

// reserved names are nobody's (RFC 2606).
func reserved(host string) bool {
	return slices.Contains([]string{"example.com", "example.org", "example.net"}, host) || strings.HasSuffix(host, ".example.com") || strings.HasSuffix(host, ".example.org")
}

// toldHosts reads the first column of the page's table.
func toldHosts(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## What gatepost talks to\n")
	if !found {
		t.Fatal("docs/operate.md has no section What gatepost talks to")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var hosts []string
	for line := range strings.Lines(section) {
		if first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok {
			for _, one := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
				hosts = append(hosts, one[1])
			}
		}
	}
	return hosts
}

// namedHosts are the hosts in the texts of the program's source, each with a place. The
// simulated world is not part of what is dialled.
func namedHosts(t *testing.T) map[string]string {
	t.Helper()
	hosts := map[string]string{}
	for _, dir := range []string{"../../internal", "../../cmd", "../../client"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "sandbox":
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			return readTexts(path, hosts)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return hosts
}

// readTexts looks into the texts of a file, not into its imports.
func readTexts(path string, hosts map[string]string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if _, ok := n.(*ast.ImportSpec); ok {
			return false
		}
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			return true
		}
		if match := hostForm.FindStringSubmatch(text); match != nil {
			hosts[match[1]] = files.Position(literal.Pos()).String()
		}
		return true
	})
	return nil
}
