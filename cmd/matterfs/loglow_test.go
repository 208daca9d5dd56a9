package main

import "testing"

func TestLowWarnings(t *testing.T) {
	for free, want := range map[int64]struct {
		n   int
		bad bool
	}{
		-1: {0, false}, logLow: {0, false}, logLow - 1: {1, false}, logVeryLow: {1, false}, logVeryLow - 1: {1, true}, 0: {1, true},
	} {
		list := lowWarnings(free)
		if len(list) != want.n || want.n == 1 && (list[0].bad != want.bad || list[0].Code != "log.low") {
			t.Errorf("%d bytes left: %+v", free, list)
		}
	}
}
