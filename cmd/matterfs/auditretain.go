package main

import (
	"strconv"
	"time"

	"matterfs/audit"
)

const (
	retentionKey     = "log-retention-days"
	retentionDefault = "1095"
	retentionNever   = "never"
)

// retention is how long records are kept; 0: for ever.
func (s *settings) retention() (time.Duration, error) {
	if s.Retention == retentionNever {
		return 0, nil
	}
	const day = 24 * time.Hour
	n, err := strconv.ParseUint(s.Retention, 10, 16)
	if err != nil || time.Duration(n)*day < audit.LeastRetention {
		return 0, usagef("%s: %s must be a number of days, %d or more, or %s, not %q", s.Config, retentionKey,
			audit.LeastRetention/day, retentionNever, s.Retention)
	}
	return time.Duration(n) * day, nil
}
