package main

import "matterfs/policy"

// readsKey says how reads are recorded at levels that do not say it themselves.
const readsKey = "audit.reads"

// eachRead reports whether each read call has a record of its own, or a record covers
// those that follow.
func (s *settings) eachRead() (bool, error) {
	if s.Reads != policy.EachRead && s.Reads != policy.CoverReads {
		return false, usagef("%s: %s must be %s or %s, not %q", s.Config, readsKey, policy.EachRead, policy.CoverReads, s.Reads)
	}
	return s.Reads == policy.EachRead, nil
}
