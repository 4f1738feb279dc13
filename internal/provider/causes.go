package provider

import "slices"

// Causes are the words for what can be wrong that the catalogue has, in order; they
// stand in Error.Cause. What gatepost finds out without an answer of a provider has
// words of its own.
func Causes() []string {
	var all []string
	for _, table := range tables() {
		for i := range table {
			all = append(all, table[i].cause)
		}
	}
	for i := range networkRows {
		all = append(all, networkRows[i].cause)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
