package sandbox

import (
	"net/http"
	"slices"
	"strings"
)

// SendAs is an address that a user may write as (users.settings.sendAs).
type SendAs struct {
	Address      string `json:"sendAsEmail"`
	Name         string `json:"displayName"`
	ReplyTo      string `json:"replyToAddress"`
	Signature    string `json:"signature"`
	Primary      bool   `json:"isPrimary,omitempty"`
	Default      bool   `json:"isDefault,omitempty"`
	TreatAsAlias bool   `json:"treatAsAlias,omitempty"`
	// Verification is "accepted" or "pending"; of the primary address there is
	// none.
	Verification string `json:"verificationStatus,omitempty"`
}

// SetSendAs says as whom a user may write, besides the user's own address.
func (w *World) SetSendAs(address string, aliases ...SendAs) {
	w.google.setSendAs(address, aliases)
}

func (g *google) setSendAs(address string, aliases []SendAs) {
	list := slices.Clone(aliases)
	for i := range list {
		list[i].Primary = false
		if list[i].Verification == "" {
			list[i].Verification = "accepted"
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.aliases[strings.ToLower(address)] = list
}

// sendAs lists as whom a user may write, the own address first.
func (g *google) sendAs(user string) []SendAs {
	g.mu.RLock()
	defer g.mu.RUnlock()
	more := g.aliases[user]
	own := SendAs{
		Address: user, Name: nameOf(user), Primary: true,
		Default: !slices.ContainsFunc(more, func(s SendAs) bool { return s.Default }),
	}
	return append([]SendAs{own}, more...)
}

// author finds the address as which a user writes; a pending one counts for
// nothing.
func (g *google) author(user, address string) bool {
	return slices.ContainsFunc(g.sendAs(user), func(s SendAs) bool {
		return strings.EqualFold(s.Address, address) && s.Verification != "pending"
	})
}

// listSendAs is users.settings.sendAs.list.
func (g *google) listSendAs(w http.ResponseWriter, _ *http.Request, who caller) *apiError {
	writeJSON(w, http.StatusOK, map[string][]SendAs{"sendAs": g.sendAs(who.user)})
	return nil
}

// showSendAs is users.settings.sendAs.get.
func (g *google) showSendAs(w http.ResponseWriter, r *http.Request, who caller) *apiError {
	for _, s := range g.sendAs(who.user) {
		if strings.EqualFold(s.Address, r.PathValue("address")) {
			writeJSON(w, http.StatusOK, s)
			return nil
		}
	}
	return notFound()
}

// setSendAs takes {"account": …, "send_as": […]}.
func (c *control) setSendAs(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Account string   `json:"account"`
		SendAs  []SendAs `json:"send_as"`
	}
	if !decode(w, r, &in) {
		return
	}
	if !isUser(strings.ToLower(in.Account)) {
		refuse(w, http.StatusUnprocessableEntity, "account must be an address at "+Domain+" or "+Consumer)
		return
	}
	for _, s := range in.SendAs {
		if !wellFormed(s.Address, true) || s.Verification != "" && s.Verification != "accepted" && s.Verification != "pending" {
			refuse(w, http.StatusUnprocessableEntity, "each of send_as needs sendAsEmail, and as verificationStatus accepted or pending")
			return
		}
	}
	c.google.setSendAs(in.Account, in.SendAs)
	writeJSON(w, http.StatusOK, map[string][]SendAs{"sendAs": c.google.sendAs(strings.ToLower(in.Account))})
}
