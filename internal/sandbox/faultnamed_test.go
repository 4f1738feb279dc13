package sandbox

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// named lists the answers that can be asked for by name, for each fault.
func named() map[string][]string {
	all := map[string][]string{}
	for _, e := range googleTokenFaults() {
		all[faultGoogleToken] = append(all[faultGoogleToken], e.name)
	}
	for _, e := range stsFaults() {
		all[faultSTS] = append(all[faultSTS], e.name)
	}
	for _, e := range signFaults() {
		all[faultSignJWT] = append(all[faultSignJWT], e.name)
	}
	for _, e := range gmailFaults() {
		all[faultGmail] = append(all[faultGmail], e.name)
	}
	for _, e := range graphFaults() {
		all[faultGraph] = append(all[faultGraph], e.name)
	}
	for _, e := range exchangeErrors() {
		all[faultExchange] = append(all[faultExchange], e.name)
	}
	for _, e := range smtpFaults() {
		all[faultSMTP] = append(all[faultSMTP], e.name)
	}
	for _, group := range [][]entraError{clientCodes(), requestCodes(), grantCodes(), policyCodes(), serviceCodes()} {
		for _, e := range group {
			all[faultAADSTS] = append(all[faultAADSTS], strconv.Itoa(e.number))
		}
	}
	return all
}

// TestNamedFaults: each can be asked for, its name stands for one answer, and
// docs/sandbox.md lists it.
func TestNamedFaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range named() {
		list := lineOf(string(page), "`"+name+".NAME`")
		if name == faultAADSTS {
			list = lineOf(string(page), "`aadsts.NUMBER`")
		}
		seen := map[string]bool{}
		for _, arg := range args {
			if err := (fault{name, arg}).check(); err != nil {
				t.Error(err)
			}
			if seen[arg] {
				t.Errorf("%s.%s stands for two answers", name, arg)
			}
			seen[arg] = true
			if !strings.Contains(list, " "+arg+",") && !strings.Contains(list, " "+arg+" ") {
				t.Errorf("docs/sandbox.md does not list %s.%s", name, arg)
			}
		}
	}
	for _, f := range []fault{{faultGmail, "nothing"}, {faultSMTP, ""}, {faultGraph, "nothing"}, {faultGoogleToken, "x"}, {faultProxy, "99"}} {
		if f.check() == nil {
			t.Errorf("%s.%s can be asked for", f.name, f.arg)
		}
	}
}

// lineOf is the line of a table that is about a fault, its names between commas.
func lineOf(page, fault string) string {
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| "+fault) {
			return strings.ReplaceAll(line, "`", "")
		}
	}
	return ""
}
