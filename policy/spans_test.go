package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/policy"
)

// naive asks every person about every place every hour and remembers the runs of
// equal answers: what Spans must say, found out without knowing where to look.
func naive(p *policy.Policy, q policy.SpanQuestion, places map[string][]string) map[string]string {
	runs := map[string]string{}
	for _, u := range p.Users() {
		for matter, paths := range places {
			for _, path := range paths {
				for at := q.From; at.Before(q.To); at = at.Add(time.Hour) {
					if now := naiveRights(p, q, &u, matter, path, at); now != "" {
						runs[strings.Join([]string{u.Name, matter, path, at.Format(time.RFC3339)}, " ")] = now
					}
				}
			}
		}
	}
	return runs
}

func naiveRights(p *policy.Policy, q policy.SpanQuestion, u *policy.User, matter, path string, at time.Time) string {
	if holder, ok := p.UserByUID(u.UID); !ok || holder.Name != u.Name {
		return "" // whoever holds no uid asks for nothing
	}
	var list []string
	var levels []string
	for _, s := range q.Seals[matter] {
		if below(path, s.Path) && !at.Before(s.From) && (s.To.IsZero() || at.Before(s.To)) {
			levels = append(levels, s.Level)
		}
	}
	rule, inside := "", strings.TrimPrefix(path+"/no rule names this", "/")
	for i, op := range []policy.Op{policy.OpOpenRead, policy.OpOpenWrite, policy.OpMkdir, policy.OpUnlink, policy.OpRenameFrom} {
		ask := inside
		if i == 0 {
			ask = path
		}
		d := p.DecideUser(u.Name, policy.Request{Matter: matter, Path: ask, Sealed: levels, Op: op, At: at, Env: q.Env})
		if d.Allow {
			list = append(list, all[i])
			if rule == "" {
				rule = d.Rule
			}
		}
	}
	if list == nil {
		return ""
	}
	return strings.Join(list, "|") + " by " + rule
}

// hours writes spans out by the hour.
func hours(t *testing.T, spans []policy.Span, to time.Time) map[string]string {
	runs := map[string]string{}
	for i, s := range spans {
		if i > 0 {
			l := spans[i-1]
			if l.User == s.User && l.Matter == s.Matter && l.Path == s.Path && l.To.Equal(s.From) && l.Rights == s.Rights && l.Rule == s.Rule {
				t.Errorf("one span is two: %+v and %+v", l, s)
			}
		}
		if s.To.IsZero() || !s.From.Before(s.To) || s.To.After(to) {
			t.Errorf("%+v ends when?", s)
		}
		for at := s.From; at.Before(s.To); at = at.Add(time.Hour) {
			runs[strings.Join([]string{s.User, s.Matter, s.Path, at.Format(time.RFC3339)}, " ")] = s.Rights.String() + " by " + s.Rule
		}
	}
	return runs
}

// TestSpansAgreeWithEveryHour: random firms, of which ends, walls, agreements and
// blocks fall into the days asked about, with system groups that are known or not.
func TestSpansAgreeWithEveryHour(t *testing.T) {
	from, to := date(2), date(10)
	ends := 0
	for seed := range 200 {
		f := randomModel(rand.New(rand.NewPCG(uint64(seed), 5)))
		p, err := policy.Parse(f.files())
		if err != nil {
			continue // chance made a mistake that no load lets pass
		}
		env := &policy.Env{Groups: func(g, u string) (bool, bool) { return (g == "sys") == (u[1]%2 == 0), u != "u3" }}
		q := policy.SpanQuestion{From: from, To: to, Env: env, Folders: map[string][]string{"m0": {"x", "y"}, "m1": {"d/e"}}}
		q.Seals = map[string][]policy.Seal{"m2": {{"s", "mid", date(4), date(6)}, {"s", "top", date(6), time.Time{}}}, "m1": {{"d", "top", from.Add(-time.Hour), date(5).Add(7 * time.Hour)}}}
		places := map[string][]string{}
		for _, m := range p.Matters() {
			paths := append([]string{""}, q.Folders[m.ID]...)
			for _, rule := range m.Folders {
				paths = append(paths, rule.Path)
			}
			for _, seal := range q.Seals[m.ID] {
				paths = append(paths, seal.Path)
			}
			slices.Sort(paths)
			places[m.ID] = slices.Compact(paths)
		}
		spans := p.Spans(q)
		got, want := hours(t, spans, to), naive(p, q, places)
		for _, s := range spans {
			if !s.To.Equal(to) {
				ends++
			}
		}
		if !maps.Equal(got, want) {
			t.Fatalf("firm %d:\n%s", seed, different(got, want))
		}
	}
	if ends < 100 {
		t.Errorf("only %d spans ended before the end", ends)
	}
}

func different(got, want map[string]string) string {
	var b strings.Builder
	for key := range want {
		if got[key] != want[key] {
			fmt.Fprintf(&b, "%s: %q, every hour %q\n", key, got[key], want[key])
		}
	}
	for key := range got {
		if want[key] == "" {
			fmt.Fprintf(&b, "%s: %q, every hour nothing\n", key, got[key])
		}
	}
	return b.String()
}

// TestSpansForGood: without an end a span ends where the policy says, to the
// moment, or not at all.
func TestSpansForGood(t *testing.T) {
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(`version: 1
timezone: Asia/Shanghai
levels: { low: {}, top: {} }
roles:
  lawyer: { clearance: top, rights: [read, write, create, delete, rename] }
  agent: { clearance: low, rights: [read], nda: required }
users:
  lead: { uid: 1, role: lawyer }
  half: { uid: 2, role: lawyer }
  agent: { uid: 3, role: agent, until: 2027-01-31, nda: { ref: N-1, signed: 2026-11-20, until: 2026-12-31 } }
  nouid: { role: lawyer }
  old: { uid: 4, role: lawyer, status: departed, since: 2026-10-31 }
groups: { g: { members: [half] } }
matters:
  - matter: m
    client: c
    level: low
    lead: lead
    members:
      - { user: half, rights: [read, write], until: 2026-11-30 }
      - { group: g, rights: [read] }
      - { user: agent, rights: [read] }
      - { user: nouid, rights: [read] }
    folders: [ { path: f, only: [user: lead] } ]
  - { matter: shut, client: c, level: low, lead: lead, status: closed }
  - { matter: gone, client: c, level: low, lead: lead, status: sealed }
walls: [ { id: W, screen: [user: half], from: [matter: m], until: 2026-11-22, reason: r } ]
`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Spans(policy.SpanQuestion{From: date(19)}) {
		to := "-"
		if !s.To.IsZero() {
			to = s.To.In(shanghai).Format(time.DateTime)
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s/%s %s %s %s %s", s.User, s.Matter, s.Path, s.Rights, s.Rule, s.From.In(shanghai).Format(mDay), to)))
	}
	want := []string{
		"agent m/ read member.user 2026-11-20 2027-01-01 00:00:00", // from the signature to the end of the agreement, before that of the term
		"half m/ read|write member.user 2026-11-23 2026-12-01 00:00:00",
		"half m/ read member.group:g 2026-12-01 -",
		"lead m/ read|write|create|delete|rename member.lead 2026-11-19 -",
		"lead m/f read|write|create|delete|rename member.lead 2026-11-19 -",
		"lead shut/ read member.lead 2026-11-19 -",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if u, _ := p.User("old"); u.Since.In(shanghai).Format(mDay) != "2026-10-31" {
		t.Errorf("left on %v", u.Since)
	}
	if u, _ := p.User("agent"); u.NDA != "N-1" || u.NDAUntil.In(shanghai).Format(mDay) != "2027-01-01" {
		t.Errorf("agreement %q until %v", u.NDA, u.NDAUntil)
	}
}

// TestMentions: what names a leaver is found, but for walls and what is destroyed.
func TestMentions(t *testing.T) {
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(`version: 1
timezone: Asia/Shanghai
levels: { low: {} }
roles: { lawyer: { clearance: low, rights: [read] } }
users: { a: { uid: 1, role: lawyer }, b: { uid: 2, role: lawyer, status: departed } }
groups: { g: { members: [a, b] } }
duties: { auditor: [b], secadmin: [a] }
matters:
  - { matter: m, client: c, level: low, lead: a, members: [ { user: b, rights: [read] } ], folders: [ { path: f, only: [user: b, user: a] }, { path: g, only: [user: b] } ] }
  - { matter: s, client: c, level: low, lead: b, status: sealed }
  - { matter: d, client: c, level: low, lead: b, status: destroyed }
walls: [ { id: W, screen: [user: b], from: [client: c], reason: r } ]
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Mention{{What: "member", Where: "m"}, {What: "only", Where: "m"}, {What: "lead", Where: "s"}, {What: "group", Where: "g"}, {What: "duty", Where: "auditor"}}
	if got := p.Mentions()["b"]; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
