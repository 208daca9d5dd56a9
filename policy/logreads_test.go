package policy

import "testing"

const loggedFirm = `
levels: { plain: {}, sparse: { log_reads: cover }, exact: { log_reads: each } }
tags:
  watched: { log_reads: each }
  other: { mapping: deny }
roles: { lawyer: { clearance: exact, rights: [read] } }
users: { boss: { uid: 1, role: lawyer } }
matters:
  - matter: m
    client: c
    level: plain
    lead: boss
    folders:
      - { path: sparse, level: sparse }
      - { path: sparse/exact, level: exact }
      - { path: sparse/watched, tags: [watched] }
      - { path: sparse/other, tags: [other] }
  - { matter: w, client: c, level: plain, lead: boss, tags: [watched] }
`

// How reads are recorded goes by the level in force; the stricter of level and tag holds.
func TestLogReads(t *testing.T) {
	p := mustParse(t, loggedFirm)
	for _, c := range []struct {
		matter, path string
		sealed       []string
		want         string
	}{
		{"m", "a", nil, ""},
		{"m", "sparse/a", nil, CoverReads},
		{"m", "sparse/exact/a", nil, EachRead},
		{"m", "sparse/watched/a", nil, EachRead},
		{"m", "sparse/other/a", nil, CoverReads},
		{"w", "a", nil, EachRead},
		{"m", "a", []string{"sparse"}, CoverReads},
		{"m", "sparse/a", []string{"exact"}, EachRead},
		{"w", "a", []string{"sparse"}, EachRead},
	} {
		d := p.Decide(Request{UID: 1, Matter: c.matter, Path: c.path, Sealed: c.sealed, Op: OpRead, At: at})
		if !d.Allow || d.LogReads != c.want {
			t.Errorf("%s/%s %v: %q, want %q (%+v)", c.matter, c.path, c.sealed, d.LogReads, c.want, d)
		}
	}
	if d := p.Decide(Request{UID: 2, Matter: "w", Op: OpRead, At: at}); d.Allow || d.LogReads != "" {
		t.Errorf("nobody: %+v", d)
	}
}

// Whoever would be recorded less by a new policy is a reason to look at it: it is not one that only takes away.
func TestFewerRecordsAreMore(t *testing.T) {
	level := func(s string) *Policy {
		return mustParse(t, "levels: { low: {"+s+"} }\nroles: { r: { clearance: low, rights: [read] } }\nusers: { a: { uid: 1, role: r } }\n")
	}
	modes := []string{" log_reads: cover ", "", " log_reads: each "} // from the least to the most
	for i, old := range modes {
		for j, next := range modes {
			d := Diff(level(old), level(next), at, asking(func(string, string) bool { return false }))
			if d.Narrows() != (j >= i) {
				t.Errorf("from {%s} to {%s}: narrows %v, %q", old, next, d.Narrows(), d.Wider)
			}
		}
	}
}
