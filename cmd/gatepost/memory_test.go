package main

import (
	"math"
	"testing"
	"testing/fstest"
)

func TestLimitOfControlGroups(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }
	for name, c := range map[string]struct {
		files  fstest.MapFS
		groups string
		want   int64
	}{
		"none": {fstest.MapFS{}, "0::/\n", math.MaxInt64},
		"version 2, the lower one counts": {fstest.MapFS{
			"system.slice/memory.max": file("1000"), "system.slice/gatepost.service/memory.max": file("2000"),
		}, "0::/system.slice/gatepost.service\n", 1000},
		"version 2, a container":   {fstest.MapFS{"memory.max": file("3000")}, "0::/\n", 3000},
		"version 2, no limit":      {fstest.MapFS{"memory.max": file("max")}, "0::/\n", math.MaxInt64},
		"version 1":                {fstest.MapFS{"memory/a/memory.limit_in_bytes": file("4000")}, "5:cpu:/b\n4:memory:/a\n", 4000},
		"version 1, no limit":      {fstest.MapFS{"memory/memory.limit_in_bytes": file("9223372036854771712")}, "4:memory:/\n", math.MaxInt64},
		"version 1, a container":   {fstest.MapFS{"memory/memory.limit_in_bytes": file("5000")}, "4:memory:/docker/x\n", 5000},
		"no list of groups at all": {fstest.MapFS{"memory.max": file("6000")}, "", math.MaxInt64},
	} {
		if got := groupLimit(c.files, c.groups); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
