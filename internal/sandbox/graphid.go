package sandbox

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Ids of Graph are long and opaque. The default one changes when an item moves, so a
// draft has another one than the copy in Sent Items that it becomes; the immutable one
// stays (learn.microsoft.com/graph/outlook-immutable-id).
const (
	idDraft     = "D"
	idStored    = "M"
	idImmutable = "I"
)

const (
	idPrefix          = "AAMkAGU0"
	idPrefixImmutable = "AAkALgAA"
)

// graphID makes an id of one of the three kinds.
func graphID(kind, key string) string {
	prefix := idPrefix
	if kind == idImmutable {
		prefix = idPrefixImmutable
	}
	return prefix + base64.URLEncoding.EncodeToString([]byte(kind+":"+key+":Z2F0ZXBvc3Q="))
}

// readGraphID takes an id apart.
func readGraphID(id string) (kind, key string, ok bool) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	if !ok {
		if rest, ok = strings.CutPrefix(id, idPrefixImmutable); !ok {
			return "", "", false
		}
	}
	data, err := base64.URLEncoding.DecodeString(rest)
	if err != nil {
		return "", "", false
	}
	parts := strings.Split(string(data), ":")
	if len(parts) != 3 || len(parts[0]) != 1 || !strings.Contains(idDraft+idStored+idImmutable, parts[0]) {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// wantsImmutable tells whether a call asks for immutable ids: the header must be in
// each call that shall have them.
func wantsImmutable(r *http.Request) bool {
	for _, value := range r.Header.Values("Prefer") {
		for _, one := range strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ';' }) {
			name, what, _ := strings.Cut(strings.TrimSpace(one), "=")
			if strings.EqualFold(name, "IdType") && strings.EqualFold(strings.Trim(what, `"`), "ImmutableId") {
				return true
			}
		}
	}
	return false
}

// folder ids never change; the well-known names stand for them.
func folderID(owner, name string) string {
	return graphID(idImmutable, guidOf("folder "+owner+" "+name))
}

const (
	folderDrafts = "drafts"
	folderSent   = "sentitems"
	folderInbox  = "inbox"
)

// folderNames are the folders that the world has.
func folderNames() []string { return []string{folderDrafts, folderSent, folderInbox} }

// folderOf finds a folder by its well-known name or its id.
func folderOf(owner, name string) (string, bool) {
	for _, known := range folderNames() {
		if strings.EqualFold(known, name) || folderID(owner, known) == name {
			return known, true
		}
	}
	return "", false
}
