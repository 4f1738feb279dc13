package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// result is one measured run: a line of the results file.
type result struct {
	Label, Mode, Time string
	N, C, Size        int

	Accepted, Refused, Ambiguous, NotSent int
	AcceptPerS                            float64
	AcceptP50Ms, AcceptP99Ms              float64

	Received, Lost, Duplicates, AmbiguousArrived int
	DuplicateIDs                                 int
	E2EPerS, AllowedPerS                         float64
	E2EP50Ms, E2EP99Ms, E2EMaxMs                 float64
	Seconds                                      float64 // first submission to last arrival

	BacklogAtUrgent                                        int
	UrgentN, UrgentArrived                                 int
	UrgentAcceptP50Ms, UrgentP50Ms, UrgentP99Ms, UrgentMax float64

	PeerCPU, PeerCPUPer1000        float64
	RSSMiB, PSSMiB                 float64
	Procs                          int
	BesideCPUPer1000, BesidePSSMiB float64 // the database that serves it
	LoadCPU, SinkCPU, OtherCPU     float64
	StealCPU                       float64
	DiskFlushes, DiskMiB           float64 // machine-wide
	SinkConns, SinkPeak, SinkToken int64
	SinkAuthX, SinkAuthPlain       int64
	Note                           string
}

// write prints the result and appends it to the file, if there is one.
func (r *result) write(path string) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(b))
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open results: %w", err)
	}
	defer f.Close()
	_, err = f.Write(append(b, '\n'))
	return err
}

type quant struct{ P50, P99, Max float64 }

// quantiles sorts v.
func quantiles(v []float64) quant {
	if len(v) == 0 {
		return quant{}
	}
	slices.Sort(v)
	at := func(q float64) float64 { return v[min(len(v)-1, int(q*float64(len(v))))] }
	return quant{at(0.50), at(0.99), v[len(v)-1]}
}
