// Package faults breaks what a running gatepost stands on - disks, databases, memory, processes, providers -
// and tests what its users see of that and what is kept. docs/faults.md is its table of contents. It is tests
// alone; what is tested lower down stands there.
package faults
