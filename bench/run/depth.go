package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// depth is what a claim costs with so many messages waiting; see bench/depth.
type depth struct {
	label                string
	Waiting              int
	OpenMs               float64
	ClaimP50Ms, ClaimP90 float64
	MemoryMiB            float64
}

// shallow is the queue that a deep one is compared with.
const shallow = 1000

// measureDepth measures claims in a short queue and in a long one, on both databases, and on PostgreSQL
// also with a transaction open beside.
func (b *bench) measureDepth(ctx context.Context) error {
	program, err := b.build(ctx, "depth", "./bench/depth")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "depth-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.deepen(ctx, program, "SQLite", "-dir", dir); err != nil {
		return err
	}
	if b.plan.databaseURL == "" {
		b.missing["depth"] = "depth on PostgreSQL: not measured: no server (GATEPOST_TEST_POSTGRES)"
		return nil
	}
	database, drop, err := b.newDatabase(ctx)
	if err != nil {
		return err
	}
	defer drop()
	flags := []string{"-dir", dir, "-database", database}
	if err := b.deepen(ctx, program, "PostgreSQL", flags...); err != nil {
		return err
	}
	label := fmt.Sprintf("PostgreSQL, a transaction open beside for %s", b.plan.beside)
	return b.claimAt(ctx, program, label, append(flags, "-beside", b.plan.beside.String())...)
}

// deepen measures at both depths.
func (b *bench) deepen(ctx context.Context, program, label string, flags ...string) error {
	for _, more := range []int{shallow, b.plan.deep - shallow} {
		if err := output(ctx, program, append(flags, "-fill", strconv.Itoa(more))...); err != nil {
			return err
		}
		if err := b.claimAt(ctx, program, label, flags...); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) claimAt(ctx context.Context, program, label string, flags ...string) error {
	b.awaitQuiet(ctx)
	out, err := exec.CommandContext(ctx, program, flags...).Output()
	if err != nil {
		return fmt.Errorf("depth on %s: %w: %s", label, err, stderr(err))
	}
	d := depth{label: label}
	if err := json.Unmarshal(out, &d); err != nil {
		return fmt.Errorf("depth on %s: %w", label, err)
	}
	b.depths = append(b.depths, d)
	return nil
}

func writeDepths(text *bytes.Buffer, all []depth) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(text, "| database | waiting | claim of 10, p50 ms | p90 | store opened in ms | memory MiB |\n|---|--:|--:|--:|--:|--:|\n")
	for _, d := range all {
		fmt.Fprintf(text, "| %s | %d | %.2f | %.2f | %.0f | %.0f |\n", d.label, d.Waiting, d.ClaimP50Ms, d.ClaimP90, d.OpenMs, d.MemoryMiB)
	}
	fmt.Fprintln(text)
}
