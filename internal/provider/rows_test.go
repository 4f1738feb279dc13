package provider

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestRows: every row of the catalogue is whole.
func TestRows(t *testing.T) {
	for _, table := range tables() {
		for _, r := range table {
			if r.stages == "" || r.class == 0 || r.cause == "" || r.says == "" {
				t.Errorf("row %+v lacks a stage, class, cause or text", r)
			}
			if r.class == Hold && r.fix == "" {
				t.Errorf("%s: held for a person who is not told what to do", r.cause)
			}
			if r.class == Park && r.wait == waitNamed {
				t.Errorf("%s: parked without a time", r.cause)
			}
			if r.text != strings.ToLower(r.text) {
				t.Errorf("%s: text %q must be in lower case", r.cause, r.text)
			}
			if r.vendor != anyones && !r.rest && r.link == "" {
				t.Errorf("%s: %q names no page of the provider", r.cause, r.says)
			}
			if filled := fill(r.says+r.fix+r.link, Answer{}); strings.ContainsAny(filled, "{}") {
				t.Errorf("%s: a blank that nothing fills: %s", r.cause, filled)
			}
		}
	}
}

// Every row can be reached, by each of its codes, reasons and texts: none stands behind
// another that takes its answers.
func TestEveryRowIsReached(t *testing.T) {
	for _, table := range tables() {
		for i := range table {
			r := &table[i]
			reached := map[string]bool{}
			for _, c := range examples(r) {
				reached[c.name] = reached[c.name] || find(c.answer) == r
			}
			for name, ok := range reached {
				if !ok {
					t.Errorf("no. %q %s %s: %s never leads to this row", r.no, r.stages, r.cause, name)
				}
			}
		}
	}
}

type example struct {
	name   string // the alternative that it is about
	answer Answer
}

// examples are answers that fulfil a row's conditions, by all combinations of its
// alternatives.
func examples(r *row) (all []example) {
	for _, stage := range strings.Split(r.stages, "|") {
		for _, code := range strings.Split(r.code, "|") {
			for _, reason := range strings.Split(r.reason, "|") {
				for _, text := range strings.Split(r.text, "|") {
					a := Answer{Stage: Stage(stage), Code: codeLike(code), Reason: reasonLike(reason), Text: "x " + text + " y", About: About{Vendor: r.vendor.vendor()}}
					switch r.by {
					case byKey:
						a.About.KeyID = "k"
					case bySigning:
						a.About.Member = "principal://p"
					}
					for name, part := range map[string]string{"stage": stage, "code": code, "reason": reason, "text": text} {
						all = append(all, example{name + " " + part, a})
					}
				}
			}
		}
	}
	return all
}

func codeLike(pattern string) int {
	n, _ := strconv.Atoi(strings.NewReplacer("y", "9", "z", "9").Replace(pattern))
	return n
}

func reasonLike(pattern string) string {
	if strings.HasSuffix(pattern, ".") {
		return pattern + "99"
	}
	first, _, _ := strings.Cut(pattern, "-")
	return first
}

// The cases that were collected before the catalogue was written are all in it, but for
// those that are about reading mail and those that an answer cannot show.
func TestEveryCaseIsThere(t *testing.T) {
	var there []string
	for _, e := range Catalogue() {
		there = append(there, e.Numbers...)
	}
	others := []string{"31", "32", "47", "48", "49", "50", "73", "74g", "74j", "74k", "74n"}
	var want []string
	for n := 1; n <= 73; n++ {
		want = append(want, strconv.Itoa(n))
	}
	for c := 'a'; c <= 'n'; c++ {
		want = append(want, "74"+string(c))
	}
	for _, no := range want {
		if !slices.Contains(there, no) && !slices.Contains(others, no) {
			t.Errorf("case %s is not in the catalogue", no)
		}
	}
	for _, no := range there {
		if !slices.Contains(want, no) {
			t.Errorf("there is no case %q", no)
		}
	}
}

// Every number of Entra ID that its documents name for mail has a row of its own.
func TestEntraNumbers(t *testing.T) {
	for _, n := range []int{
		7000215, 7000222, 700027, 7000218, 700025, 700016, 7000112, 70001, 90002, 900023, 90023, 900144, 9002313, 50194, 50059, 9001023,
		50011, 65001, 65004, 90094, 90095, 650052, 650056, 650057, 500011, 70011, 700022, 28000, 28002, 28003, 50034, 50020, 50053, 50055, 50057, 50126,
		50076, 50079, 50072, 50074, 50078, 50105, 50158, 53000, 53001, 53003, 530032, 530035, 50089, 50132, 50133, 50173, 54005, 700005, 501481, 50147,
		70000, 70008, 700082, 700084, 70043, 70016, 70018, 70019, 700213, 70021, 50196, 90033, 90012, 90024, 90006, 50033, 90055,
	} {
		e := Classify(Answer{Stage: StageToken, Code: 400, Reason: "invalid_grant", Text: fmt.Sprintf("AADSTS%d: Something. Trace ID: 1", n)}, noon)
		if e.Unlisted || !strings.Contains(e.Link, strconv.Itoa(n)) {
			t.Errorf("AADSTS%d: %s %q, page %s", n, e.Cause, e.Text, e.Link)
		}
	}
	e := Classify(Answer{Stage: StageToken, Code: 400, Reason: "invalid_request", Text: "AADSTS12345678: Something new."}, noon)
	if !e.Unlisted || e.Class != Hold || !strings.Contains(e.Text, "Microsoft") {
		t.Errorf("a number that nobody knows: %+v", e)
	}
}
