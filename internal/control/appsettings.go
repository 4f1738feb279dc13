package control

import (
	"context"
	"encoding/json"
	"errors"

	"gatepost/internal/email"
)

// Whether an app acts by itself, and in which of Microsoft's clouds, an account's
// credential says: nobody has to repeat it, and nobody can contradict it.

// byCredential are the settings of an account that its credential decides; none for
// most transports.
func (c *Control) byCredential(ctx context.Context, team email.ID, transport string, credential email.ID) (map[string]any, error) {
	if vendorOf(transport).clientKind() != KindMicrosoftApp || credential == "" {
		return nil, nil
	}
	row, err := c.cfg.Store.Credential(ctx, team, credential)
	if errors.Is(err, ErrNotFound) {
		return nil, nil // what is gone is told elsewhere
	}
	if err != nil {
		return nil, err
	}
	app := row
	if row.Kind == KindMicrosoftUser {
		if app, err = c.cfg.Store.Credential(ctx, team, publicOf(row.Public, "client")); err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
	}
	return map[string]any{"app_only": row.Kind == KindMicrosoftApp, "cloud": publicOf(app.Public, "cloud")}, nil
}

// withSettings puts settings into a configuration. What cannot be read stays, for the
// transport to say what is wrong with it.
func withSettings(config json.RawMessage, own map[string]any) json.RawMessage {
	var all map[string]any
	if len(own) == 0 || json.Unmarshal(config, &all) != nil || all == nil {
		return config
	}
	for name, value := range own {
		all[name] = value
	}
	whole, err := json.Marshal(all)
	if err != nil {
		return config
	}
	return whole
}
