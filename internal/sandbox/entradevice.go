package sandbox

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const grantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// deviceCode is a sign-in on another device
// (learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code).
type deviceCode struct {
	code, userCode string
	where          authority
	app            *entraApp
	asked          asked
	until          time.Time
	user           *entraUser // once agreed to
	declined       bool
	used           bool
}

const (
	deviceLife     = 15 * time.Minute
	deviceInterval = 5 // seconds
)

// createDeviceCode begins a sign-in.
func (m *microsoft) createDeviceCode(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		m.refuseToken(w, r, aadsts(9002313))
		return
	}
	d, bad := m.newDevice(r)
	if bad != nil {
		m.refuseToken(w, r, bad)
		return
	}
	page := m.url + "/devicelogin"
	writeJSON(w, http.StatusOK, map[string]any{
		"user_code": d.userCode, "device_code": d.code, "verification_uri": page,
		"expires_in": int(deviceLife.Seconds()), "interval": deviceInterval,
		"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, d.userCode),
	})
}

func (m *microsoft) newDevice(r *http.Request) (*deviceCode, *entraError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	where, bad := m.authority(r.PathValue("tenant"))
	if bad != nil {
		return nil, bad
	}
	app, bad := m.app(where, r.PostForm.Get("client_id"))
	if bad != nil {
		return nil, bad
	}
	a, bad := readScopes(r.PostForm.Get("scope"))
	switch {
	case r.PostForm.Get("scope") == "":
		return nil, missing("scope")
	case bad != nil:
		return nil, bad
	}
	for code, old := range m.devices {
		if m.now().Sub(old.until) > time.Hour || len(m.devices) >= maxPending {
			delete(m.devices, code)
		}
	}
	d := &deviceCode{
		code: "BAQABIQ" + rand.Text() + rand.Text(), userCode: rand.Text()[:9], where: where, app: app, asked: a,
		until: m.now().Add(deviceLife),
	}
	m.devices[d.code] = d
	return d, nil
}

// answerDevice is the grant device_code: until the user has decided, the client
// asks again.
func (m *microsoft) answerDevice(c entraCall) (entraAnswer, *entraError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	app, bad := m.app(c.where, c.proof.id)
	if bad != nil {
		return entraAnswer{}, bad
	}
	d := m.devices[c.form.Get("device_code")]
	if d == nil && c.form.Get("code") != "" { // an old name of the parameter
		d = m.devices[c.form.Get("code")]
	}
	switch {
	case !app.Public:
		return entraAnswer{}, aadsts(7000218)
	case !c.proof.empty():
		if bad := m.prove(c.where, app, c.proof, false); bad != nil {
			return entraAnswer{}, bad
		}
	}
	if bad := d.pending(app, m.now()); bad != nil {
		return entraAnswer{}, bad
	}
	c.log.Subject = d.user.Address
	if d.user.tenant.NoDeviceFlow {
		return entraAnswer{}, aadsts(53003)
	}
	if bad := m.tokenFault(d.user.Address, app.ClientID); bad != nil {
		return entraAnswer{}, bad
	}
	d.used = true
	return m.begin(&entraSignIn{
		app: app, user: d.user, tenant: d.user.tenant, public: true, revoked: d.user.revoked, begun: m.now(),
	}, d.asked)
}

// pending says why there is no token yet, or will be none.
func (d *deviceCode) pending(app *entraApp, now time.Time) *entraError {
	switch {
	case d == nil || d.app != app:
		return aadsts(70018)
	case d.used:
		return aadsts(54005)
	case d.declined:
		e := aadsts(65004)
		e.code = "authorization_declined"
		return e
	case !d.until.After(now):
		return aadsts(70019)
	case d.user == nil:
		return aadsts(70016)
	}
	return nil
}

// device finds a sign-in by the code that the user types.
func (m *microsoft) device(userCode string) *deviceCode {
	for _, d := range m.devices {
		if strings.EqualFold(d.userCode, strings.TrimSpace(userCode)) && d.until.After(m.now()) && d.user == nil && !d.declined {
			return d
		}
	}
	return nil
}

// requestOf makes the question for a code. It runs under the lock.
func (m *microsoft) requestOf(userCode string) (*entraRequest, *entraError) {
	d := m.device(userCode)
	if d == nil {
		return nil, aadsts(70018)
	}
	q := &entraRequest{
		id: rand.Text(), where: d.where, app: d.app, asked: d.asked, device: d, until: d.until,
	}
	m.keep(q)
	return q, nil
}

// showDevice is the page on which the user types the code.
func (m *microsoft) showDevice(w http.ResponseWriter, r *http.Request) {
	code := r.URL.Query().Get("code")
	if code == "" {
		m.showCodeForm(w)
		return
	}
	m.mu.Lock()
	q, bad := m.requestOf(code)
	m.mu.Unlock()
	if bad != nil {
		m.showError(w, r, bad)
		return
	}
	m.ask(w, r, q, "")
}

// DecideDevice lets a user type the code of a device sign-in and decide.
func (w *World) DecideDevice(userCode string, d Decision) error {
	return w.microsoft.decideDevice(userCode, d)
}

func (m *microsoft) decideDevice(userCode string, d Decision) error {
	m.mu.Lock()
	q, bad := m.requestOf(userCode)
	m.mu.Unlock()
	if bad != nil {
		return bad
	}
	if _, bad := m.settle(&http.Request{Header: http.Header{}}, q, d.Account, !d.Cancel); bad != nil {
		return bad
	}
	return nil
}
