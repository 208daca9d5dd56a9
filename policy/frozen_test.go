package policy

import "testing"

// TestFrozen: whoever could do something in the matter is refused everything,
// alike for every path, and nobody else learns that it exists.
func TestFrozen(t *testing.T) {
	p := lawfirm(t)
	for _, c := range []struct {
		uid   uint32
		at    string // MATTER/PATH
		op    Op
		rule  string
		shown Shown
	}{
		{10021, "2026-0142", OpLookup, "matter.frozen", Refused},
		{10021, "2026-0142/a", OpRead, "matter.frozen", Refused},
		{10021, "2026-0142/a", OpWrite, "matter.frozen", Refused},
		{10021, "2026-0142/a", OpFsync, "matter.frozen", Refused},
		{10022, "2026-0142/a", OpUnlink, "matter.frozen", Refused},
		{10025, "2026-0142/a", OpRead, "matter.frozen", Refused},
		// No answer tells which folders are above the caller.
		{10025, "2026-0142/鉴定", OpLookup, "matter.frozen", Refused},
		{10025, "2026-0142/证据/谈判", OpLookup, "matter.frozen", Refused},
		{10023, "2026-0142", OpList, "matter.frozen", Refused},  // waits for ack
		{10024, "2026-0142", OpLookup, "matter.frozen", Hidden}, // behind a wall
		{10031, "2026-0142", OpLookup, "matter.frozen", Hidden}, // no member
		{4711, "2026-0142", OpLookup, "user.unknown", Refused},
		{10022, "2025-0031/a", OpRead, "matter.frozen", Refused}, // closed as well
		{10022, "2025-0031/a", OpWrite, "matter.frozen", Refused},
		{10021, "2024-0009/a", OpRead, "matter.sealed", Hidden}, // sealed as well
		{10021, "no-such", OpLookup, "matter.unknown", Hidden},
	} {
		a := ask{uid: c.uid, op: c.op, path: c.at, change: env(frozen)}
		d := a.answer(p, p)
		if d.Allow || d.Gate > GateObject || d.Rule != c.rule || d.Shown != c.shown {
			t.Errorf("uid %d %s %s: gate %d %s %s allow=%v, want %s %s", c.uid, c.op, c.at, d.Gate, d.Rule, d.Shown, d.Allow, c.rule, c.shown)
		}
	}
	other := Request{UID: 10031, Matter: "2026-0177", Op: OpRead, At: at, Env: frozen}
	if d := p.Decide(other); !d.Allow {
		t.Errorf("another matter is refused: %+v", d)
	}
	if d := p.SeesRoot(10021, at, frozen); !d.Allow {
		t.Errorf("a member of a frozen matter does not see the root: %+v", d)
	}
}

// TestFrozenExplains: an administrator is told which gate, and where the matter
// stands in the policy.
func TestFrozenExplains(t *testing.T) {
	list := lawfirm(t).Explain(Request{UID: 10021, Matter: "2026-0142", Op: OpRead, At: at, Env: frozen})
	g := list[GateObject]
	if g.Pass || g.Rule != "matter.frozen" || g.Pos == "" || len(g.Ask) != 1 || g.Ask[0] != "qian.li" {
		t.Errorf("%+v", g)
	}
	if end := list[len(list)-1]; end.Pass || end.Rule != "matter.frozen" {
		t.Errorf("the outcome is %+v", end)
	}
}
