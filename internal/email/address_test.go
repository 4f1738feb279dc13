package email

import (
	"strings"
	"testing"
)

func TestParseAddressAccepts(t *testing.T) {
	for in, want := range map[string]Address{
		"a@b":                                         {"", "a", "b"},
		" <a@b> ":                                     {"", "a", "b"},
		"Jane <Jane@EXAMPLE.org>":                     {"Jane", "Jane", "example.org"},
		"Dr. Jane O'Neill <j@b.org>":                  {"Dr. Jane O'Neill", "j", "b.org"},
		`"Doe, Jane" <j@b.org>`:                       {"Doe, Jane", "j", "b.org"},
		`"a \"b\" \\ <x@y>" <j@b.org>`:                {`a "b" \ <x@y>`, "j", "b.org"},
		"Zoë  Müller\t<z@b.org>":                      {"Zoë Müller", "z", "b.org"},
		"=?utf-8?q?Zo=C3=AB?= <z@b.c>":                {"Zoë", "z", "b.c"},
		"=?utf-8?b?Wm8=?= =?utf-8?b?w6s=?= M <z@b.c>": {"Zoë M", "z", "b.c"},
		"=?koi8-r?b?8NLJ?= x <z@b.c>":                 {"��� x", "z", "b.c"},
		"z@Bücher.example":                            {"", "z", "xn--bcher-kva.example"},
		"z@xn--bcher-kva.example":                     {"", "z", "xn--bcher-kva.example"},
		"a+b.c_d=e!#$%&'*-/?^`{|}~@b.c":               {"", "a+b.c_d=e!#$%&'*-/?^`{|}~", "b.c"},
		"jösé@b.c":                                    {"", "jösé", "b.c"},
		strings.Repeat("a", 64) + "@b.c":              {"", strings.Repeat("a", 64), "b.c"},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("ParseAddress(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	long := strings.Repeat("d", 60)
	for in, want := range map[string]string{
		"":                                   "empty",
		"jane":                               "no @ between local part and domain",
		"@b.c":                               "no local part before the @",
		"a@":                                 "no domain after the @",
		"a@b@c":                              "more than one @",
		"a@b.c, d@e.f":                       "more than one address",
		"A <a@b.c>, D <d@e.f>":               "more than one address",
		"<a@b.c> <d@e.f>":                    "more than one address",
		"Doe, Jane <a@b.c>":                  "needs quotes",
		"team: a@b.c;":                       "a group",
		"team: <a@b.c>":                      "needs quotes",
		"<@x.y:a@b.c>":                       "source route",
		"a@b.c (comment)":                    "a comment",
		"a(x)@b.c":                           "a comment",
		`"a b"@c.d`:                          "quoted local part",
		`"a@b.c> ORCPT=x"@d.e`:               "quoted local part",
		`<"a> ORCPT=x"@d.e>`:                 "quoted local part",
		"a@b.c> ORCPT=rfc822;x@y.z":          "more than one address",
		"a@b.c> SIZE=1":                      "stray < or >",
		"a@b.c BODY=8BITMIME":                "contains a space",
		"a @b.c":                             "contains a space",
		`"Jane <a@b.c>`:                      "quotes of the name do not end",
		"a@b.c>":                             "a > without a <",
		"a@b.c\r\nBcc: x@y.z":                "line break",
		"J\nBcc: x <a@b.c>":                  "line break",
		"a@b.c\x00":                          "NUL",
		"\x1bJ <a@b.c>":                      "control character U+001B",
		"J\u2028 <a@b.c>":                    "U+2028",
		"J\xff <a@b.c>":                      "not UTF-8",
		"=?utf-8?q?a=0d=0aBcc=3ax?= <a@b.c>": "line break",
		"\"=?utf-8?q?a?=\" <a@b.c>":          "encoded word",
		".a@b.c":                             "a dot at its start",
		"a.@b.c":                             "a dot at its start",
		"a..b@b.c":                           "a dot at its start",
		"a\u200bb@b.c":                       "may not be in a local part",
		"a@b.c.":                             "ends with a dot",
		"a@.b":                               "not a valid host name",
		"a@b..c":                             "not a valid host name",
		"a@-b.c":                             "not a valid host name",
		"a@b_c.d":                            "not a valid host name",
		"a@b%c.d":                            "not a valid host name",
		"a@xn--a.c":                          "not a valid host name",
		"a@[127.0.0.1]":                      "address literal",
		strings.Repeat("a", 65) + "@b":       "the local part is longer than 64 bytes",
		"aaaa@" + long + "." + long + "." + long + "." + long + ".example": "longer than 254 bytes",
		strings.Repeat("n", 256) + " <a@b.c>":                              "longer than 255 bytes",
	} {
		got, err := ParseAddress(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseAddress(%q) = %+v, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestNewAddressTakesTheNameAsItIs(t *testing.T) {
	a, err := NewAddress(`Doe, "J" <x@y.z>`, "j@b.org")
	if err != nil || a.Name != `Doe, "J" <x@y.z>` || a.Addr() != "j@b.org" {
		t.Fatalf("got %+v, %v", a, err)
	}
	if _, err := NewAddress("Jane", "Jane <j@b.org>"); err == nil {
		t.Fatal("an address with a name in it was taken for a bare one")
	}
}

func TestAddressEqual(t *testing.T) {
	a := Address{"A", "Jane", "example.org"}
	if !a.Equal(Address{"B", "jane", "EXAMPLE.org"}) {
		t.Error("case or name makes another recipient")
	}
	// U+212A is a k to Unicode's case folding, and another mailbox.
	if (Address{"", "k", "b.c"}).Equal(Address{"", "\u212a", "b.c"}) {
		t.Error("the Kelvin sign is taken for a k")
	}
	if !(Address{"", "jösé", "b.c"}).NeedsUTF8() || a.NeedsUTF8() {
		t.Error("NeedsUTF8 is wrong")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"a@b", "<a@b>", "Name <a@b>", `"Name, \"X" <a@b>`,
		"=?utf-8?q?Zo=C3=AB?= <z@b.c>", "z@Bücher.example", "a@b。c", "jösé@b.c",
		"a@b\r\nx", `"a> ORCPT=x"@d`, "x:a@b;", "a@xn--a", "\u00a0 <a@b>", "ß@ß.de", "a@\u0627.x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		for _, form := range []string{a.String(), a.Addr()} {
			if strings.ContainsAny(form, "\r\n\x00") {
				t.Fatalf("%q has a line break or NUL", form)
			}
			b, err := ParseAddress(form)
			if err != nil || !b.Equal(a) || form == a.String() && b != a {
				t.Fatalf("%q parses as %+v, its form %q as %+v, %v", s, a, form, b, err)
			}
		}
		if strings.ContainsAny(a.Addr(), " <>,;:\"()") || strings.Count(a.Addr(), "@") != 1 {
			t.Fatalf("bare address %q", a.Addr())
		}
	})
}
