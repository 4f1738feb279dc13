package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// startPostfix starts an instance of our own of the distribution's Postfix: its defaults, but for where
// it lives and listens, and that it relays all to the provider with TLS and AUTH PLAIN. With reuse it
// keeps its TLS connections for further messages, which its defaults do not.
func (b *bench) startPostfix(ctx context.Context, reuse bool) (*server, error) {
	if err := b.installPostfix(ctx); err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, "postfix")
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := b.writePostfix(dir, listen, reuse); err != nil {
		return nil, fmt.Errorf("configure: %w", err)
	}
	g := newGroup("postfix")
	stop := func() {
		if out, err := exec.Command("postfix", "-c", dir, "stop").CombinedOutput(); err != nil {
			b.say("stop postfix: %v: %s", err, out)
		}
		g.end()
		_ = os.RemoveAll(dir) // else with the run's folder
	}
	if out, err := g.command("postfix", "-c", dir, "start").CombinedOutput(); err != nil {
		stop()
		return nil, fmt.Errorf("start: %w: %s", err, out)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", listen)
	if err := await(ctx, func() error { return dial(addr) }); err != nil {
		stop()
		return nil, err
	}
	if g.root, err = masterPID(dir); err != nil {
		stop()
		return nil, err
	}
	label := "Postfix " + postfixVersion()
	if reuse {
		label = "Reusing " + label
	}
	return &server{label: label, load: []string{"smtp", "-addr", addr}, group: g, stop: stop}, nil
}

// installPostfix brings Debian's package where it is missing, unconfigured: so it is not started.
func (b *bench) installPostfix(ctx context.Context) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("postfix: %w: only root can start it", errMissing)
	}
	if _, err := exec.LookPath("postfix"); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("postfix: %w: install it (with the PLAIN mechanism of Cyrus SASL)", errMissing)
	}
	b.say("installing the packages postfix and libsasl2-modules (unconfigured: the system's own is not started)")
	const script = `echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections &&
		apt-get -qq update && apt-get -qq -y --no-install-recommends install postfix libsasl2-modules`
	cmd := exec.CommandContext(ctx, "sh", "-c", script)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postfix: %w: %v: %s", errMissing, err, out)
	}
	return nil
}

func (b *bench) writePostfix(dir string, listen int, reuse bool) error {
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	for _, d := range []string{dir, filepath.Join(dir, "queue"), filepath.Join(dir, "data")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		return err
	}
	main := b.mainCF(dir)
	if reuse {
		main += "smtp_tls_connection_reuse = yes\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "master.cf"), []byte(masterCF(listen)), 0o644)
}

func (b *bench) mainCF(dir string) string {
	return strings.Join([]string{
		"compatibility_level = 3.6",
		"queue_directory = " + filepath.Join(dir, "queue"),
		"data_directory = " + filepath.Join(dir, "data"),
		"inet_interfaces = 127.0.0.1",
		"inet_protocols = ipv4",
		"myhostname = postfix.bench.test",
		"mydestination =",
		"mynetworks = 127.0.0.0/8",
		"alias_maps =",
		"alias_database =",
		"syslog_name = postfix-bench",
		"relayhost = [127.0.0.1]:" + port(b.sink.smtp),
		"smtp_tls_security_level = encrypt",
		"smtp_sasl_auth_enable = yes",
		"smtp_sasl_password_maps = static:" + relayUser + ":" + relayPassword,
		"smtp_sasl_security_options = noanonymous",
		"",
	}, "\n")
}

// masterCF is Postfix's own table of services, without those that have no part in relaying; chroot off.
func masterCF(listen int) string {
	return fmt.Sprintf("127.0.0.1:%d inet n - n - - smtpd\n", listen) + `
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
tlsproxy  unix  -       -       n       -       0       tlsproxy
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
`
}

func masterPID(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "queue", "pid", "master.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func postfixVersion() string {
	out, err := exec.Command("postconf", "-d", "-h", "mail_version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func dial(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	return c.Close()
}
