package policy

import (
	"strings"
	"testing"
)

const logSyncFirm = `
levels: { low: {}, mid: { log_sync: group }, top: {} }
tags: { kept: { mapping: deny, log_sync: group } }
roles: { lawyer: { clearance: top, rights: [read, write] }, junior: { clearance: low, rights: [read] } }
users: { boss: { uid: 1, role: lawyer }, ann: { uid: 2, role: junior } }
matters:
  - matter: m
    client: c
    level: low
    lead: boss
    members: [ { user: ann, rights: [read] } ]
    folders:
      - { path: mid, level: mid }
      - { path: top, level: top }
      - { path: tagged, tags: [kept] }
`

// TestLogSync: what the level or a tag asks for is in the decision, for the path that it is about.
func TestLogSync(t *testing.T) {
	p := mustParse(t, logSyncFirm)
	for path, want := range map[string]bool{"": false, "x": false, "mid": true, "mid/x": true, "top/x": false, "tagged/a/b": true} {
		d := p.DecideUser("boss", Request{Matter: "m", Path: path, Op: OpOpenRead, At: at})
		if !d.Allow || d.LogSync != want {
			t.Errorf("%q: %+v", path, d)
		}
	}
	sealed := p.DecideUser("boss", Request{Matter: "m", Path: "x", Sealed: []string{"mid"}, Op: OpList, At: at})
	if !sealed.LogSync {
		t.Errorf("a sealed level is not heeded: %+v", sealed)
	}
	if d := p.DecideUser("ann", Request{Matter: "m", Path: "mid/x", Op: OpOpenRead, At: at}); d.Allow || d.LogSync {
		t.Errorf("refused: %+v", d)
	}
}

// TestLosingLogSyncWidens: a level or tag that no longer asks for it asks for less, and the change is no mere narrowing.
func TestLosingLogSyncWidens(t *testing.T) {
	old := mustParse(t, logSyncFirm)
	for _, c := range []struct{ old, new, says string }{
		{"mid: { log_sync: group }", "mid: {}", `level "mid" asks for less`},
		{"kept: { mapping: deny, log_sync: group }", "kept: { mapping: deny }", `tag "kept" asks for less`},
		{"      - { path: tagged, tags: [kept] }\n", "      - { path: tagged, tags: [free] }\n", `"/tagged" has no longer the tag "kept"`},
		{"path: mid, level: mid", "path: mid, level: top", `level "top" of "/mid" asks for less than "mid"`},
	} {
		new := mustParse(t, strings.Replace(logSyncFirm, c.old, c.new, 1))
		if d := Diff(old, new, at, nil); d.Narrows() || !strings.Contains(strings.Join(d.Wider, "; "), c.says) {
			t.Errorf("%s: %v %v", c.new, d.Narrows(), d.Wider)
		}
		if d := Diff(new, old, at, nil); strings.Contains(strings.Join(d.Wider, "; "), "asks for less") {
			t.Errorf("the other way round: %v", d.Wider)
		}
	}
}
