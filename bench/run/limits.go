package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// limited is a provider that allows only so much, and gatepost told of it.
type limited struct {
	what    string
	sink    string // the provider's settings
	relay   relay
	allowed float64 // messages per second
}

// measureLimits shows what is reached of what a provider allows: how near to the limit mail goes while
// more of it waits than may leave.
func (b *bench) measureLimits(ctx context.Context) error {
	for _, l := range []limited{
		{"3 connections, 50 ms a message", "latency=50ms&max-conns=3", relay{connections: 3}, 60},
		{"10 connections, 50 messages a second", "rate=50&mode=reject", relay{connections: 10, perSecond: 50}, 50},
	} {
		err := b.measureLimited(ctx, l)
		if err := b.without(ctx, l.what, err); err != nil {
			return err
		}
	}
	return b.without(ctx, "Gmail API", b.measureGmail(ctx))
}

// without lets the others be measured all the same, and the report tell what was not.
func (b *bench) without(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	b.missing["limits "+what] = fmt.Sprintf("%s: %v: %v", what, errMissing, err)
	b.say("%s: %v", what, err)
	return nil
}

func (b *bench) measureLimited(ctx context.Context, l limited) error {
	s, err := b.startGatepost(ctx, "", l.relay)
	if err != nil {
		return err
	}
	defer s.stop()
	s.label += ": " + l.what
	if err := b.configureSink(ctx, l.sink); err != nil {
		return err
	}
	defer func() { _ = b.configureSink(context.WithoutCancel(ctx), "latency=0s&max-conns=0&rate=0") }()
	patience := time.Duration(float64(b.plan.limited)/l.allowed*3+60) * time.Second
	return b.load(ctx, s, "-n", strconv.Itoa(b.plan.limited), "-c", "16", "-out", b.results,
		"-allowed", fmt.Sprint(l.allowed), "-wait", patience.String())
}

// configureSink changes the provider while it runs.
func (b *bench) configureSink(ctx context.Context, settings string) error {
	if _, err := get(ctx, "http://"+b.sink.http+"/config?"+settings); err != nil {
		return fmt.Errorf("set up the provider: %w", err)
	}
	return nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
