package fs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// harmless are the calls that may stand between a Lock and its Unlock without a
// defer: none of them reaches a disk, the kernel or a key, and none can panic
// unless memory is broken.
var harmless = map[string]bool{
	"append": true, "len": true, "delete": true, "clear": true, "close": true, "make": true, "max": true, "min": true, "panic": true,
	"Unlock": true, "RUnlock": true, "Lock": true, "RLock": true, "Load": true, "Store": true, "Swap": true, "Add": true,
	"Stop": true, "Done": true, "evict": true, "unlink": true, "path": true, "slot": true, "uint64": true, "park": true,
}

// A panic in a handler must leave no lock held. So every Lock in fs and in the
// store is followed by its deferred Unlock, or nothing that can panic stands
// between the two.
func TestLocksAreFreedByPanics(t *testing.T) {
	found := 0
	for _, dir := range []string{".", "../crypto/store"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if list := statements(n); list != nil {
					found += checkLocks(t, set, list)
				}
				return true
			})
		}
	}
	if found < 100 {
		t.Errorf("only %d locks were looked at", found)
	}
}

func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// checkLocks looks at the locks taken in a list of statements and returns how many there are.
func checkLocks(t *testing.T, set *token.FileSet, list []ast.Stmt) (n int) {
	for i, s := range list {
		if freeing := lockedBy(s); freeing != "" && !isDeferred(list[i+1:], freeing) {
			t.Errorf("%s: %s is not deferred at once", set.Position(s.Pos()), freeing)
		}
		lock, free := lockOf(s)
		if lock == "" {
			continue
		}
		n++
		for _, next := range list[i+1:] {
			if d, ok := next.(*ast.DeferStmt); ok && isCall(d.Call, lock, free) {
				break
			}
			if e, ok := next.(*ast.ExprStmt); ok && isCall(e.X, lock, free) {
				break
			}
			if _, ok := next.(*ast.DeferStmt); ok {
				continue // it runs when there is nothing left to panic
			}
			ast.Inspect(next, func(m ast.Node) bool {
				c, ok := m.(*ast.CallExpr)
				if ok && !harmless[nameOf(c.Fun)] {
					t.Errorf("%s: %s is called with %s held, which a panic would leave so", set.Position(c.Pos()), nameOf(c.Fun), lock)
				}
				return true
			})
		}
	}
	return n
}

// lockOf returns the lock that a statement takes, and what frees it.
func lockOf(s ast.Stmt) (lock, free string) {
	e, ok := s.(*ast.ExprStmt)
	if !ok {
		return "", ""
	}
	c, ok := e.X.(*ast.CallExpr)
	if !ok {
		return "", ""
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	switch sel.Sel.Name {
	case "freeze":
		return text(sel.X), "thaw"
	case "Lock", "RLock":
	default:
		return "", ""
	}
	return text(sel.X), strings.Replace(sel.Sel.Name, "Lock", "Unlock", 1)
}

// lockedBy returns the variable that frees what a statement has locked.
func lockedBy(s ast.Stmt) string {
	a, ok := s.(*ast.AssignStmt)
	if !ok || len(a.Lhs) != 1 {
		return ""
	}
	c, ok := a.Rhs[0].(*ast.CallExpr)
	if ok && (nameOf(c.Fun) == "lockNames" || nameOf(c.Fun) == "freeze") {
		return text(a.Lhs[0])
	}
	return ""
}

func isDeferred(rest []ast.Stmt, name string) bool {
	if len(rest) == 0 {
		return false
	}
	d, ok := rest[0].(*ast.DeferStmt)
	return ok && text(d.Call.Fun) == name
}

func isCall(x ast.Expr, on, method string) bool {
	c, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == method && text(sel.X) == on
}

func nameOf(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return "a call"
}

func text(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return text(x.X) + "." + x.Sel.Name
	}
	return "?"
}
