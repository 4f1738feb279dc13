package main

import (
	"fmt"
	"strings"
)

func tables() []table {
	return []table{baseTable(), limitTable(), mixedTable(), killTable(), idleTable()}
}

func server() column {
	return column{head: "server", left: true, text: func(g group, _ []result) string { return g.label }}
}

func mode() column {
	return column{head: "mode", left: true, text: func(g group, _ []result) string { return g.mode }}
}

func of(head string, f func(group) int) column {
	return column{head: head, text: func(g group, _ []result) string { return fmt.Sprint(f(g)) }}
}

func runs() column {
	return column{head: "runs", text: func(_ group, rs []result) string { return fmt.Sprint(len(rs)) }}
}

// comparison is the short table: what is asked first, and how many times the rate of each other server
// it is.
func comparison(all *groups, against []string) table {
	columns := []column{
		server(),
		of("bytes", func(g group) int { return g.size }),
		of("clients", func(g group) int { return g.c }),
		figure("end to end/s", "%.0f", endToEnd),
	}
	for _, other := range against {
		columns = append(columns, column{head: "times " + other, text: func(g group, rs []result) string { return times(all, other, g, rs) }})
	}
	return table{modes: []string{"smtp", "http"}, columns: append(columns,
		figure("accept p50 ms", "%.2f", func(r result) float64 { return r.AcceptP50Ms }),
		figure("p99", "%.2f", func(r result) float64 { return r.AcceptP99Ms }),
		figure("CPU s/1000", "%.2f", func(r result) float64 { return r.PeerCPUPer1000 }),
		figure("PSS MiB", "%.0f", func(r result) float64 { return r.PSSMiB }),
		figure("database CPU s/1000", "%.2f", func(r result) float64 { return r.BesideCPUPer1000 }),
		figure("database PSS MiB", "%.0f", func(r result) float64 { return r.BesidePSSMiB }),
		count("lost", func(r result) int { return r.Lost }),
		count("duplicates", func(r result) int { return r.Duplicates }),
	)}
}

func endToEnd(r result) float64 { return r.E2EPerS }

// times is a group's rate divided by that of the other server under the same load.
func times(all *groups, against string, g group, rs []result) string {
	for _, other := range all.order {
		if strings.HasPrefix(other.label, against) && other.c == g.c && other.size == g.size && other.n == g.n {
			return fmt.Sprintf("%.1f", medianOf(rs, endToEnd)/max(1e-9, medianOf(all.runs[other], endToEnd)))
		}
	}
	return "–"
}

func baseTable() table {
	return table{modes: []string{"smtp", "http"}, columns: []column{
		server(), mode(),
		of("clients", func(g group) int { return g.c }),
		of("bytes", func(g group) int { return g.size }),
		of("messages", func(g group) int { return g.n }),
		runs(),
		figure("accept/s", "%.0f", func(r result) float64 { return r.AcceptPerS }),
		figure("accept p50 ms", "%.2f", func(r result) float64 { return r.AcceptP50Ms }),
		figure("p99", "%.2f", func(r result) float64 { return r.AcceptP99Ms }),
		figure("end to end/s", "%.0f", endToEnd),
		figure("e2e p50 ms", "%.1f", func(r result) float64 { return r.E2EP50Ms }),
		figure("p99", "%.1f", func(r result) float64 { return r.E2EP99Ms }),
		figure("max", "%.1f", func(r result) float64 { return r.E2EMaxMs }),
		figure("CPU s/1000", "%.2f", func(r result) float64 { return r.PeerCPUPer1000 }),
		figure("PSS MiB", "%.0f", func(r result) float64 { return r.PSSMiB }),
		figure("RSS MiB", "%.0f", func(r result) float64 { return r.RSSMiB }),
		figure("database CPU s/1000", "%.2f", func(r result) float64 { return r.BesideCPUPer1000 }),
		figure("database PSS MiB", "%.0f", func(r result) float64 { return r.BesidePSSMiB }),
		figure("sink connections", "%.0f", func(r result) float64 { return float64(r.SinkConns) }),
		count("lost", func(r result) int { return r.Lost }),
		count("duplicates", func(r result) int { return r.Duplicates }),
		count("refused", func(r result) int { return r.Refused + r.Ambiguous + r.NotSent }),
		figure("disk flushes/1000", "%.0f", func(r result) float64 { return r.DiskFlushes * 1000 / float64(max(1, r.Received)) }),
		figure("other CPU s", "%.2f", func(r result) float64 { return r.OtherCPU }),
	}}
}

// limitTable shows what is reached of what a provider allows.
func limitTable() table {
	return table{modes: []string{"limit"}, columns: []column{
		server(),
		of("messages", func(g group) int { return g.n }),
		runs(),
		figure("allowed/s", "%.1f", func(r result) float64 { return r.AllowedPerS }),
		figure("end to end/s", "%.1f", endToEnd),
		figure("% of it", "%.0f", func(r result) float64 { return 100 * r.E2EPerS / max(1e-9, r.AllowedPerS) }),
		figure("sink peak connections", "%.0f", func(r result) float64 { return float64(r.SinkPeak) }),
		figure("CPU s/1000", "%.2f", func(r result) float64 { return r.PeerCPUPer1000 }),
		count("lost", func(r result) int { return r.Lost }),
		count("duplicates", func(r result) int { return r.Duplicates }),
	}}
}

func mixedTable() table {
	return table{modes: []string{"mixed"}, columns: []column{
		server(), mode(),
		of("backlog", func(g group) int { return g.n }),
		runs(),
		count("backlog left at first urgent", func(r result) int { return r.BacklogAtUrgent }),
		figure("urgent accept p50 ms", "%.2f", func(r result) float64 { return r.UrgentAcceptP50Ms }),
		figure("urgent e2e p50 ms", "%.1f", func(r result) float64 { return r.UrgentP50Ms }),
		figure("p99", "%.1f", func(r result) float64 { return r.UrgentP99Ms }),
		figure("max", "%.1f", func(r result) float64 { return r.UrgentMax }),
		count("urgent arrived", func(r result) int { return r.UrgentArrived }),
		figure("end to end/s", "%.0f", endToEnd),
		figure("sink peak connections", "%.0f", func(r result) float64 { return float64(r.SinkPeak) }),
		count("lost", func(r result) int { return r.Lost }),
		count("duplicates", func(r result) int { return r.Duplicates }),
	}}
}

func killTable() table {
	return table{modes: []string{"kill"}, columns: []column{
		server(), mode(),
		of("messages", func(g group) int { return g.n }),
		runs(),
		count("accepted", func(r result) int { return r.Accepted }),
		count("ambiguous", func(r result) int { return r.Ambiguous }),
		count("refused or not sent", func(r result) int { return r.Refused + r.NotSent }),
		each("lost (each run)", func(r result) int { return r.Lost }),
		each("duplicates (each run)", func(r result) int { return r.Duplicates }),
		count("ambiguous that arrived", func(r result) int { return r.AmbiguousArrived }),
		figure("e2e max ms", "%.0f", func(r result) float64 { return r.E2EMaxMs }),
	}}
}

func idleTable() table {
	return table{modes: []string{"idle"}, columns: []column{
		server(),
		figure("idle PSS MiB", "%.1f", func(r result) float64 { return r.PSSMiB }),
		figure("idle RSS MiB", "%.1f", func(r result) float64 { return r.RSSMiB }),
		count("processes", func(r result) int { return r.Procs }),
		figure("CPU s per minute idle", "%.3f", func(r result) float64 { return r.PeerCPU * 60 / max(1e-9, r.Seconds) }),
	}}
}
