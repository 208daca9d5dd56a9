package main

import (
	"strconv"
	"time"
)

// The keys of the section `audit` that say when records come to the medium, and how many of them one person may cause.
const (
	syncKey     = "audit.sync"
	syncDefault = "200ms"
	syncGroup   = "group"
	syncLeast   = time.Millisecond
	syncMost    = time.Minute

	budgetKey     = "audit.budget"
	budgetDefault = "1000"
	budgetOff     = "off"
	budgetLeast   = 50
	budgetMost    = 1_000_000
)

// syncing is how long a record may be in memory only, and whether every open waits until its record is on the medium, not only
// those at levels that ask for it.
func (s *settings) syncing() (interval time.Duration, opens bool, err error) {
	if s.Sync == syncGroup {
		interval, err = time.ParseDuration(syncDefault)
		return interval, true, err
	}
	interval, err = time.ParseDuration(s.Sync)
	if err != nil || interval < syncLeast || interval > syncMost {
		return 0, false, usagef("%s: %s must be a time from 1ms to 1m (such as %s: what a power cut may take), or %s (every open waits for the disk), not %q",
			s.Config, syncKey, syncDefault, syncGroup, s.Sync)
	}
	return interval, false, nil
}

// budget is how many records a second one person may cause for long; 0: any number.
func (s *settings) budget() (int, error) {
	if s.Budget == budgetOff {
		return 0, nil
	}
	n, err := strconv.Atoi(s.Budget)
	if err != nil || n < budgetLeast || n > budgetMost {
		return 0, usagef("%s: %s must be a number of records a second, %d to %d, or %s, not %q", s.Config, budgetKey, budgetLeast, budgetMost, budgetOff, s.Budget)
	}
	return n, nil
}
