package smtpdoor

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// postfix is a null client: what its sendmail is given, it relays to gatepost. It is an instance with a
// configuration and a queue of its own; the system's is not touched. Which way a message takes, its
// recipient's domain says.
func postfix(t *testing.T, d *door, p program, list []letter) []letter {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can start Postfix")
	}
	dir := startPostfix(t, d, p)
	for n := range list {
		w, _ := d.wayOf(p, n)
		list[n] = newLetter(p.address(), n, w.domain())
		cmd := exec.CommandContext(t.Context(), "sendmail", append([]string{"-C", dir, "-i", "-f", p.address(), "--"}, list[n].to...)...)
		cmd.Stdin = bytes.NewReader(list[n].unix())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sendmail: %v: %s", err, out)
		}
	}
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(dir, "log")); t.Failed() {
			t.Logf("Postfix said (%v):\n%s", err, lastOf(string(log)))
		}
	})
	return list
}

func (w way) domain() string { return strings.ToLower(w.mechanism) + "." + w.mode + ".example" }

// startPostfix runs it until the test ends.
func startPostfix(t *testing.T, d *door, p program) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "smtpdoor-postfix-") // its processes give up root, and have to get there
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	configurePostfix(t, dir, d, p)
	if out, err := exec.CommandContext(t.Context(), "postfix", "-c", dir, "start").CombinedOutput(); err != nil {
		t.Fatalf("start Postfix: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("postfix", "-c", dir, "stop").CombinedOutput(); err != nil {
			t.Errorf("stop Postfix: %v: %s", err, out)
		}
	})
	return dir
}

func configurePostfix(t *testing.T, dir string, d *door, p program) {
	t.Helper()
	owner, err := user.Lookup("postfix")
	must(t, err)
	uid, err := strconv.Atoi(owner.Uid)
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	for _, name := range []string{"queue", "data"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	must(t, os.Chown(filepath.Join(dir, "data"), uid, -1))
	authority, err := os.ReadFile(d.ca)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "authority.pem"), authority, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "main.cf"), []byte(mainCF(dir, d, p)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "master.cf"), []byte(masterCF(p)), 0o644))
}

// mainCF is Postfix's own defaults, but for where it lives, and how a null client is set up.
func mainCF(dir string, d *door, p program) string {
	transports := ""
	for _, w := range p.ways {
		transports += fmt.Sprintf(" { %s = %s:[%s]:%s }", w.domain(), w.domain(), host, d.ports[w.mode])
	}
	return strings.Join([]string{
		"compatibility_level = 3.6",
		"queue_directory = " + filepath.Join(dir, "queue"),
		"data_directory = " + filepath.Join(dir, "data"),
		"maillog_file = " + filepath.Join(dir, "log"),
		"maillog_file_prefixes = " + dir,
		"inet_interfaces = loopback-only",
		"inet_protocols = ipv4",
		"myhostname = postfix.acme.example",
		"mydestination =",
		"alias_maps =",
		"alias_database =",
		"smtp_host_lookup = native",
		"relayhost = [" + host + "]:" + d.ports[starttls],
		"transport_maps = inline:{" + transports + " }",
		"smtp_tls_security_level = secure",
		"smtp_tls_secure_cert_match = hostname",
		"smtp_tls_CAfile = " + filepath.Join(dir, "authority.pem"),
		"smtp_sasl_auth_enable = yes",
		"smtp_sasl_password_maps = static:" + p.address() + ":" + d.key,
		"smtp_sasl_security_options = noanonymous",
		"smtp_sasl_tls_security_options = noanonymous",
		"",
	}, "\n")
}

// masterCF is Postfix's own table of services, those that have a part in relaying, and one for each way; chroot
// off.
func masterCF(p program) string {
	services := `
postlog   unix-dgram n  -       n       -       1       postlogd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
scache    unix  -       -       n       -       1       scache
`
	for _, w := range p.ways {
		services += fmt.Sprintf("%s unix - - n - - smtp\n  -o smtp_sasl_mechanism_filter=%s\n", w.domain(), strings.ToLower(w.mechanism))
		switch w.mode {
		case implicit:
			services += "  -o smtp_tls_wrappermode=yes\n"
		case plain:
			services += "  -o smtp_tls_security_level=none\n"
		}
	}
	return services
}
