package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/policy"
)

const replayYAML = `roles: { junior: { clearance: 秘密, rights: [read] } }
users:
  zhang.wei: { uid: 30021, role: lawyer }
  li.na: { uid: 30022, role: junior }
matters:
  - matter: m
    client: c
    level: 秘密
    lead: zhang.wei
    members: [ { user: li.na, rights: [read], until: 2026-11-10 } ]
`

func access(ev, user, path string, at time.Time) *audit.Parsed {
	return &audit.Parsed{Record: audit.Record{Ev: ev, Res: "ok", User: user, Matter: "m", Path: path, Level: "秘密"}, Time: at}
}

// TestReplayJudgesEachForItsTime: an end that has come since does not refuse what
// was before it.
func TestReplayJudgesEachForItsTime(t *testing.T) {
	old := mustPolicy(t, replayYAML)
	next := mustPolicy(t, strings.Replace(replayYAML, "2026-11-10", "2026-11-05", 1))
	p := newReplay(old, next, time.Time{}, nil)
	for d := range 8 {
		p.note(access("read", "li.na", "a", time.Date(2026, 11, 1+d, 12, 0, 0, 0, old.Zone())))
	}
	r := p.report(&policy.Difference{})
	if p.accesses != 8 || len(r.Refused) != 1 || r.Refused[0].Count != 3 || r.Refused[0].First.Day() != 6 || r.Refused[0].Last.Day() != 8 ||
		r.Refused[0].Rule != "member.expired" || r.Refused[0].Pos == "" || r.Refused[0].Already || !r.changes() {
		t.Errorf("%d accesses, %+v", p.accesses, r.Refused)
	}
}

// TestReplayPassesOver: what failed, was refused, is older or the daemon's own.
func TestReplayPassesOver(t *testing.T) {
	old := mustPolicy(t, replayYAML)
	next := mustPolicy(t, strings.Replace(replayYAML, "user: li.na", "user: zhang.wei", 1))
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	p := newReplay(old, next, now, nil)
	deny := access("read", "li.na", "a", now)
	deny.Res = "deny"
	nobody := access("read", "", "a", now)
	for _, r := range []*audit.Parsed{deny, nobody, access("read", "li.na", "a", now.Add(-1)), access("close", "li.na", "a", now), access("relabel", "li.na", "a", now)} {
		p.note(r)
	}
	if p.accesses != 0 || len(p.rows) != 0 {
		t.Errorf("%d accesses, %v", p.accesses, p.rows)
	}
	rename := access("rename", "zhang.wei", "a", now)
	rename.To = "b"
	p.note(rename)
	p.note(access("writeback", "zhang.wei", "a", now))
	if p.accesses != 3 || len(p.rows) != 0 {
		t.Errorf("%d accesses, %v", p.accesses, p.rows)
	}
	p.note(access("read", "li.na", "a", now))
	if r := p.report(&policy.Difference{}); len(r.Refused) != 1 || r.Refused[0].Rule != "member.none" {
		t.Errorf("%+v", r.Refused)
	}
}

// TestReplayKnowsSeals: a level above that of the rules was sealed, and goes on
// counting under the new ones.
func TestReplayKnowsSeals(t *testing.T) {
	old := mustPolicy(t, strings.Replace(replayYAML, "clearance: 秘密", "clearance: 机密", 1))
	next := mustPolicy(t, replayYAML)
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	p := newReplay(old, next, now, nil)
	high := access("read", "li.na", "a", now)
	high.Level = "机密"
	p.note(high)
	p.note(access("read", "li.na", "b", now))
	r := p.report(&policy.Difference{})
	if len(r.Refused) != 1 || r.Refused[0].Path != "a" || r.Refused[0].Rule != "level.clearance" {
		t.Errorf("%+v", r.Refused)
	}
}

// TestReplayIsBounded: a log with more names than are told apart is counted all
// the same.
func TestReplayIsBounded(t *testing.T) {
	old := mustPolicy(t, replayYAML)
	next := mustPolicy(t, strings.Replace(replayYAML, "user: li.na", "user: zhang.wei", 1))
	now := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	p := newReplay(old, next, now, nil)
	const n = replayAnswers + 1000
	for i := range n {
		p.note(access("read", "li.na", fmt.Sprint(i), now))
	}
	if len(p.rows) != replayRows+1 || len(p.answers) > replayAnswers {
		t.Errorf("%d rows, %d answers", len(p.rows), len(p.answers))
	}
	r := p.report(&policy.Difference{})
	if first := r.Refused[0]; !first.More || first.Path != "" || first.Count != n-replayRows || p.accesses != n {
		t.Errorf("%+v, %d accesses", first, p.accesses)
	}
	text := (&app{}).replayText(&r, next)
	if !strings.Contains(text, fmt.Sprintf("- li.na read m/...: would be refused, %d times", n-replayRows)) {
		t.Error(text[:200])
	}
}
