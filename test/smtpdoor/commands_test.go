package smtpdoor

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"
	"unicode/utf8"
)

// swaks is given a message on its standard input.
func swaks(j job) command {
	run := []string{
		"swaks", "--silent", "2", "--server", host, "--port", j.port, "--helo", "client.example", "--from", j.from, "--to", strings.Join(j.to, ","),
		"--auth", j.mechanism, "--auth-user", j.user, "--auth-password", j.d.key, "--data", "-",
	}
	verify := []string{"--tls-verify", "--tls-ca-path", j.d.ca}
	switch j.mode {
	case starttls:
		run = append(append(run, "--tls"), verify...)
	case implicit:
		run = append(append(run, "--tls-on-connect"), verify...)
	}
	return command{run: run, stdin: j.unix()}
}

// msmtp stands in for sendmail: the message on its standard input, the recipients as arguments.
func msmtp(j job) command {
	run := []string{
		"msmtp", "--host=" + host, "--port=" + j.port, "--auth=" + strings.ToLower(j.mechanism), "--user=" + j.user,
		"--passwordeval=cat '" + j.d.keyFile + "'", "--from=" + j.from, "--tls=off",
	}
	if j.mode != plain {
		run[len(run)-1] = "--tls=on"
		run = append(run, "--tls-trust-file="+j.d.ca, "--tls-starttls=on")
	}
	if j.mode == implicit {
		run[len(run)-1] = "--tls-starttls=off"
	}
	return command{run: append(append(run, "--"), j.to...), stdin: j.unix()}
}

// nailWays are those of s-nail, which has no XOAUTH2, and no OAUTHBEARER without TLS.
func nailWays() []way {
	return append(everyWay("PLAIN", "LOGIN"), way{starttls, "OAUTHBEARER"}, way{implicit, "OAUTHBEARER"})
}

// nail is s-nail, which makes a message of a text, a subject and files. What it made, it keeps in a record.
func nail(j job) command {
	scheme := map[string]string{starttls: "smtp", implicit: "smtps", plain: "smtp"}[j.mode]
	charset := "utf-8"
	if !utf8.ValidString(j.body) {
		charset = "iso-8859-1"
	}
	record := j.file + ".record"
	run := []string{
		"s-nail", "-:/", "-Sv15-compat", "-Smta=" + fmt.Sprintf("%s://%s:%s@%s:%s", scheme, url.QueryEscape(j.user), j.d.key, host, j.port),
		"-Ssmtp-auth=" + strings.ToLower(j.mechanism), "-Ssmtp-hostname=client.example", "-Stls-verify=strict", "-Stls-ca-file=" + j.d.ca, "-Stls-ca-no-defaults",
		"-Sttycharset=" + charset, "-Ssendcharsets=" + charset, "-Ssendwait", "-Snosave", "-Srecord=" + record, "-r", j.from, "-s", j.subject + " äöü",
	}
	if j.mode == starttls {
		run = append(run, "-Ssmtp-use-starttls")
	}
	if j.n%2 == 0 {
		run = append(run, "-Smime-encoding=8bit")
	}
	for _, to := range j.to[1:] {
		run = append(run, "-c", to)
	}
	if j.n%36 == 8 {
		run = append(run, "-a", j.file)
		_ = os.WriteFile(j.file, bytes.Repeat([]byte("100 kB\x00\xff"), 12_800), 0o600) // s-nail says so, if it is missing
	}
	return command{
		run: append(run, j.to[0]), stdin: []byte(strings.ReplaceAll(j.body, "\r\n", "\n")),
		env: []string{"LC_ALL=C.UTF-8"}, given: func() ([]byte, error) { return recorded(record) },
	}
}

// recorded is the one message of an mbox file.
func recorded(file string) ([]byte, error) {
	mbox, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, message, _ := bytes.Cut(mbox, []byte("\n"))
	message = bytes.TrimSuffix(message, []byte("\n"))
	return bytes.ReplaceAll(message, []byte("\n"), []byte("\r\n")), nil
}

// curl uploads a file, which has to have CR LF already.
func curl(j job) command {
	scheme := map[string]string{starttls: "smtp", implicit: "smtps", plain: "smtp"}[j.mode]
	run := []string{
		"curl", "-q", "--silent", "--show-error", "--url", fmt.Sprintf("%s://%s:%s/client.example", scheme, host, j.port), "--cacert", j.d.ca,
		"--mail-from", j.from, "--upload-file", "-", "--login-options", "AUTH=" + j.mechanism,
	}
	if j.mode == starttls {
		run = append(run, "--ssl-reqd")
	}
	for _, to := range j.to {
		run = append(run, "--mail-rcpt", to)
	}
	if j.n/len(everyWay("", "", "", ""))%2 == 0 {
		run = append(run, "--sasl-ir")
	}
	if strings.Contains(j.mechanism, "OAUTH") {
		run = append(run, "--user", j.user+":", "--oauth2-bearer", j.d.key)
	} else {
		run = append(run, "--user", j.user+":"+j.d.key)
	}
	return command{run: run, stdin: j.text()}
}
