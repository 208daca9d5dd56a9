package policy

import (
	"os"
	"strings"
	"testing"
)

// docRow is one row of the table in the package documentation.
type docRow struct {
	name       string
	needs, own Right
	inClosed   bool
}

// docTable reads the table of operations out of doc.go.
func docTable(t *testing.T) []docRow {
	t.Helper()
	data, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(data), "in a closed matter\n")
	table, _, _ := strings.Cut(after, "\n//\n")
	var rows []docRow
	for line := range strings.Lines(table) {
		f := strings.Fields(strings.TrimPrefix(line, "//"))
		if len(f) != 4 || f[3] != "yes" && f[3] != "no" {
			t.Fatalf("row %q has not four columns", line)
		}
		rows = append(rows, docRow{f[0], docRights(t, f[1]), docRights(t, f[2]), f[3] == "yes"})
	}
	return rows
}

func docRights(t *testing.T, s string) (r Right) {
	for word := range strings.SplitSeq(s, "|") {
		right, ok := ParseRight(word)
		if !ok {
			t.Fatalf("doc.go: unknown right %q", word)
		}
		r |= right
	}
	return r
}

func TestDocTableIsWhatTheCodeDoes(t *testing.T) {
	rows, ops := docTable(t), Ops()
	if len(rows) != len(ops) {
		t.Fatalf("doc.go has %d rows, there are %d operations", len(rows), len(ops))
	}
	for i, op := range ops {
		t.Run(op.String(), func(t *testing.T) {
			row := rows[i]
			if row.name != op.String() || row.needs != op.Needs(false) || row.own != op.Needs(true) || row.inClosed == op.Modifies() {
				t.Errorf("doc.go says %+v, code says %s needs %s, own %s, modifies %v", row, op, op.Needs(false), op.Needs(true), op.Modifies())
			}
		})
	}
}

func TestEveryRowDecides(t *testing.T) {
	for _, op := range Ops() {
		for _, own := range []bool{false, true} {
			for bit := Read; bit <= Rename; bit <<= 1 {
				p := mustParse(t, "roles: { r: { clearance: low, rights: ["+bit.String()+"] } }\nlevels: { low: {} }\nusers: { u: { uid: 1, role: r } }",
					"matter: m\nclient: c\nlead: u\n")
				d := p.Decide(Request{UID: 1, Matter: "m", Path: "f", Op: op, Own: own, At: at})
				if want := op.Needs(own)&bit != 0; d.Allow != want {
					t.Errorf("%s own=%v with %s: allow is %v by %s", op, own, bit, d.Allow, d.Rule)
				}
			}
		}
	}
}

func TestUnknownOperationIsRefused(t *testing.T) {
	p := lawfirm(t)
	for _, op := range []Op{0, OpRenameReplace + 1, 255} {
		d := p.Decide(Request{UID: 10021, Matter: "2026-0142", Op: op, At: at})
		if d.Allow || d.Rule != "member.right" || op.String() != "unknown" || op.Needs(true) != 0 {
			t.Errorf("operation %d: %+v", op, d)
		}
	}
}

func TestParseOp(t *testing.T) {
	for _, op := range Ops() {
		if got, ok := ParseOp(op.String()); !ok || got != op {
			t.Errorf("ParseOp(%q) = %v, %v", op, got, ok)
		}
	}
	if op, ok := ParseOp("delete"); !ok || op != OpUnlink {
		t.Errorf("delete stands for %v, %v", op, ok)
	}
	if _, ok := ParseOp("format"); ok {
		t.Error("format is no operation")
	}
}

func TestRightString(t *testing.T) {
	for right, want := range map[Right]string{0: "none", Read: "read", Write | Delete: "write|delete", AllRights: "read|write|create|delete|rename"} {
		if right.String() != want {
			t.Errorf("%d is %q, want %q", right, right, want)
		}
	}
	for bit := Read; bit <= Rename; bit <<= 1 {
		if needs := bit.probe().Needs(false); needs != bit {
			t.Errorf("the probe for %s asks for %s", bit, needs)
		}
	}
}
