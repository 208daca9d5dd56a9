package fs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	"matterfs/policy"
)

// without is a set of defences that an attack is shown without.
type without struct {
	ops    []policy.Op
	checks check
}

// set switches these defences off and all others on.
func (s *switches) set(w without) {
	var bits uint32
	for _, op := range w.ops {
		bits |= 1 << op
	}
	s.ops.Store(bits)
	s.checks.Store(uint32(w.checks))
}

func TestSwitchesBeginOn(t *testing.T) {
	var s switches
	for c := checkRemembered; c <= checkLog; c <<= 1 {
		if !s.on(c) {
			t.Errorf("check %b is off", c)
		}
	}
	for _, op := range policy.Ops() {
		if !s.heeds(op) {
			t.Errorf("%v is not heeded", op)
		}
		if op >= 32 {
			t.Errorf("%v has no bit", op)
		}
		s.set(without{ops: []policy.Op{op}})
		if s.heeds(op) {
			t.Errorf("the switch of %v does nothing", op)
		}
		s.set(without{})
	}
}

// What ships asks the switches and never sets one: it has nothing that stores.
func TestNothingShippedSetsASwitch(t *testing.T) {
	list, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			outer, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if inner, ok := outer.X.(*ast.SelectorExpr); ok && inner.Sel.Name == "off" {
				asked++
				if !slices.Contains([]string{"on", "heeds"}, outer.Sel.Name) {
					t.Errorf("%s uses off.%s", e.Name(), outer.Sel.Name)
				}
			}
			if id, ok := outer.X.(*ast.Ident); ok && e.Name() == "switch.go" && id.Name == "s" && !slices.Contains([]string{"checks", "ops"}, outer.Sel.Name) {
				t.Errorf("switch.go: %s", outer.Sel.Name)
			}
			return !(e.Name() == "switch.go" && outer.Sel.Name == "Store")
		})
	}
	if asked == 0 {
		t.Error("no shipped file asks a switch")
	}
	b, err := os.ReadFile("switch.go")
	if err != nil || strings.Contains(string(b), ".Store(") || strings.Contains(string(b), ".Add(") || strings.Contains(string(b), "Swap(") {
		t.Errorf("switch.go sets switches (%v)", err)
	}
}
