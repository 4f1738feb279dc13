package sandbox

import (
	"fmt"
	"strconv"
	"strings"
)

// named tells whether a fault's argument is the name of an error rather than a
// number.
func (f fault) named() bool {
	switch f.name {
	case faultAADSTS, faultAADSTSPage, faultGraph, faultExchange:
		return true
	}
	return false
}

// checkName says what is wrong with the name of an error.
func (f fault) checkName() error {
	var ok bool
	switch f.name {
	case faultAADSTS, faultAADSTSPage:
		n, err := strconv.Atoi(f.arg)
		ok = err == nil && aadsts(n) != nil
	case faultGraph:
		_, ok = graphFault(f.arg)
	case faultExchange:
		_, ok = exchangeFault(f.arg)
	}
	if !ok {
		return fmt.Errorf("the simulated Microsoft has no error %q for %s; docs/sandbox.md lists them", f.arg, f.name)
	}
	return nil
}

// actsAtMicrosoft tells whether a fault of the simulated Microsoft acts at a stage.
func (f fault) actsAtMicrosoft(q question) bool {
	switch f.name {
	case faultAADSTS:
		return q.stage == atToken && q.via == viaMicrosoft
	case faultAADSTSPage:
		return q.stage == atConsent
	case faultGraph:
		return q.stage == atSend && q.via == viaMicrosoft
	case faultDataCut:
		return q.stage == atDataBegin
	}
	if q.via != viaMicrosoftSMTP {
		return false
	}
	e, ok := exchangeFault(strings.ToLower(f.arg))
	return ok && e.stage == q.stage
}
