package provider

import (
	"strconv"
	"strings"
)

// matches tells whether the row is about an answer; text is the answer's in lower case.
func (r *row) matches(a Answer, text string) bool {
	return r.at(a.Stage) && r.vendor.matches(a.About.Vendor) && r.by.matches(a.About) &&
		anyOf(r.code, func(s string) bool { return matchCode(s, a.Code) }) &&
		anyOf(r.reason, func(s string) bool { return matchReason(s, a.Reason) }) &&
		r.hears(text)
}

// at tells whether the row is about a stage.
func (r *row) at(stage Stage) bool {
	return anyOf(r.stages, func(s string) bool { return s == string(stage) })
}

// hears tells whether the text, in lower case, says what the row listens for.
func (r *row) hears(text string) bool {
	return anyOf(r.text, func(s string) bool { return says(text, s) })
}

// anyOf tells whether one of the alternatives fits, or there is no condition.
func anyOf(alternatives string, fits func(string) bool) bool {
	if alternatives == "" {
		return true
	}
	for s := range strings.SplitSeq(alternatives, "|") {
		if fits(s) {
			return true
		}
	}
	return false
}

// says tells whether a text holds words. A number of Entra ID is whole: 70008 is not the
// beginning of 700082.
func says(text, words string) bool {
	if !strings.HasPrefix(words, "aadsts") {
		return strings.Contains(text, words)
	}
	for {
		_, after, found := strings.Cut(text, words)
		if !found {
			return false
		}
		if after == "" || after[0] < '0' || after[0] > '9' {
			return true
		}
		text = after
	}
}

func matchCode(pattern string, code int) bool {
	s := strconv.Itoa(code)
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		if p := pattern[i]; p != 'y' && p != 'z' && p != s[i] {
			return false
		}
	}
	return true
}

func matchReason(pattern, reason string) bool {
	if strings.HasSuffix(pattern, ".") {
		return strings.HasPrefix(reason, pattern)
	}
	if first, last, ok := strings.Cut(pattern, "-"); ok {
		return inRange(first, last, reason)
	}
	return strings.EqualFold(pattern, reason)
}

// inRange tells whether an enhanced code is within two that differ in their last number:
// "5.7.606" and "649".
func inRange(first, last, reason string) bool {
	dot := strings.LastIndexByte(first, '.') + 1
	detail, ok := strings.CutPrefix(reason, first[:dot])
	n, err := strconv.Atoi(detail)
	least, _ := strconv.Atoi(first[dot:])
	most, _ := strconv.Atoi(last)
	return ok && err == nil && least <= n && n <= most
}
