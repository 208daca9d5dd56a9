package main

import (
	"strings"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/policy"
)

const lintPolicy = `version: 1
timezone: Asia/Shanghai
levels: { low: {} }
roles: { lawyer: { clearance: low, rights: [read] } }
users: { boss: { uid: 1, role: lawyer }, ann: { uid: 2, role: lawyer }, ben: { uid: 3, role: lawyer }, cat: { uid: 4, role: lawyer } }
groups: { busy: { members: [cat] }, lazy: { members: [ben] } }
matters:
  - matter: m
    client: C
    level: low
    lead: boss
    members:
      - { user: ann, rights: [read] }
      - { user: ben, rights: [read] }
      - { group: busy, rights: [read] }
      - { group: lazy, rights: [read] }
`

// TestUnusedEntries: a member whose last use is older than the days asked about,
// or who was only refused, is found; a log that is too young says nothing.
func TestUnusedEntries(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	clock, dir := now.AddDate(0, 0, -200), t.TempDir()
	log, err := audit.Open(audit.Options{Dir: dir, StateDir: t.TempDir(), StoreID: strings.Repeat("ab", 16), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		days            int
		user, res, rule string
	}{{190, "boss", "ok", "member.lead"}, {150, "ben", "ok", "member.user"}, {30, "ann", "ok", "member.user"}, {20, "ben", "deny", "level.clearance"}, {10, "cat", "ok", "member.group:busy"}} {
		clock = now.AddDate(0, 0, -r.days)
		if _, err := log.Append(&audit.Record{Ev: "open", Res: r.res, User: r.user, Matter: "m", Rule: r.rule, AUID: -1, OUID: -1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(lintPolicy)})
	if err != nil {
		t.Fatal(err)
	}
	for days, want := range map[int]string{90: "ben lazy", 160: "lazy", 25: "ann ben lazy", 300: ""} {
		var errs strings.Builder
		a := &app{err: &errs, flags: flags{log: dir}}
		list, err := a.unusedEntries(p, now, days)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list {
			names = append(names, strings.Split(e.Msg, `"`)[1])
		}
		if got := strings.Join(names, " "); got != want || (days == 300) != strings.Contains(errs.String(), "does not go back 300 days") {
			t.Errorf("%d days: %q, want %q; %s", days, got, want, &errs)
		}
	}
}
