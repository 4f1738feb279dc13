package api

import (
	"net/http"

	"gatepost/client"
	"gatepost/internal/control"
)

// createKey makes an API key. It is shown in this answer alone.
func (s *server) createKey(c *call) error {
	b, problems, err := decodeBody(c, s.keys, nil)
	if err != nil {
		return err
	}
	plain, made, err := s.Control.CreateKey(c.r.Context(), c.grant, control.NewKey{
		Name: b.Name, Scopes: b.Scopes, ExpiresAt: moment(b.ExpiresAt), OnlyCheck: len(problems) > 0,
		KeyBounds: control.KeyBounds{
			Senders: b.Senders, Networks: b.Networks, Account: b.Account, Rate: b.Rate, Daily: b.Daily, RewriteFrom: b.RewriteFrom,
		},
	})
	if err := alsoWrong(problems, err); err != nil {
		return err
	}
	out := keyOf(made)
	out.Key = plain.Reveal()
	return c.answer(http.StatusCreated, out)
}

func keyOf(k control.Key) client.Key {
	return client.Key{
		ID: k.ID, Name: k.Name, Hint: k.Hint, Scopes: list(k.Scopes), CreatedAt: timeOf(k.CreatedAt), ExpiresAt: timeAt(k.ExpiresAt),
		Senders: k.Senders, Networks: k.Networks, Account: k.Account, Rate: k.Rate, Daily: k.Daily, RewriteFrom: k.RewriteFrom,
	}
}

// listKeys shows all API keys, by what they can be recognised by.
func (s *server) listKeys(c *call) error {
	all, err := s.Control.Keys(c.r.Context(), c.grant)
	if err != nil {
		return err
	}
	out := client.KeyList{Data: make([]client.Key, len(all))}
	for i, k := range all {
		out.Data[i] = keyOf(k)
	}
	return c.answer(http.StatusOK, out)
}

// deleteKey ends an API key.
func (s *server) deleteKey(c *call) error {
	if err := s.Control.DeleteKey(c.r.Context(), c.grant, c.r.PathValue("id")); err != nil {
		return err
	}
	return c.done()
}
