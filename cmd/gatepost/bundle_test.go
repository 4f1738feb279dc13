package main

import (
	"archive/zip"
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"gatepost/client"
)

// An archive for support has no secret and no address of the set-up, wherever they stand,
// and the same name for the same address in all files.
func TestBundleHasNoSecrets(t *testing.T) {
	secret := []string{
		"gp_live_01jd2q0000e0080g40r40m30e2abcdefgh", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "ya29.a0AfH6SMBx-123456", "1//0gLongRefreshToken", "GOCSPX-abcdefghij",
		"abc8Q~0123456789abcdefghijklmnop", "hunter2", "MIIEvQIBADANBgkqhki",
	}
	addresses := []string{"ada@acme.example", "Ada.Lovelace+news@acme.example", "maria@kunde.example", "jörg@bücher.example", "acme.example"}
	text := `{"a": "` + strings.Join(secret[:6], " ") + `", "url": "postgres://gatepost:hunter2@db.acme.example/x", "key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhki\n-----END PRIVATE KEY-----"}`
	files := []bundleFile{
		{name: "one.json", data: client.Diagnosis{Findings: []client.Finding{{What: text, Fix: "write to <ada@acme.example>, ada@acme.example; mail.acme.example, @acme.example"}}}},
		{name: "two.json", data: map[string]any{"a": "ADA@acme.example", "list": addresses, "smtp": "smtp.gmail.com", "host": "MAIL.ACME.EXAMPLE acme.example acme.example"}},
		{name: "three.json", err: usagef("no account %s", "maria@kunde.example")},
	}
	b, err := packed(files, newMask([]string{"acme.example", "gmail.com"}))
	if err != nil {
		t.Fatal(err)
	}
	all := unpacked(t, b)
	for _, s := range append(secret, addresses...) {
		for name, text := range all {
			if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
				t.Errorf("%s has %q:\n%s", name, s, text)
			}
		}
	}
	name := regexp.MustCompile(`address-\d+@domain-\d+\.invalid`)
	first := name.FindString(all["one.json"][strings.Index(all["one.json"], "write to"):])
	if second := name.FindString(all["two.json"]); first == "" || first != second {
		t.Errorf("ada is %q and %q", first, second)
	}
	if !strings.Contains(all["two.json"], "smtp.gmail.com") {
		t.Error("a provider's host is masked")
	}
}

func unpacked(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// Whatever stands around an address, none is left.
func FuzzMask(f *testing.F) {
	f.Add("write to ", " now")
	f.Add(`{"a":"`, `"}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		const address = "secret.person@private.example"
		got := newMask([]string{"private.example"}).text(before + " " + address + " " + after)
		if strings.Contains(strings.ToLower(got), address) && !strings.Contains(strings.ToLower(before+after), address) {
			t.Errorf("%q", got)
		}
	})
}
