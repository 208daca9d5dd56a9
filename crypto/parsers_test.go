package crypto

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every exported function or method named Parse* or Open* reads bytes of
// others, so each needs a fuzz target: FuzzName, or FuzzTypeName for a method,
// with seeds.
func TestEveryParserIsFuzzed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code, tests []*ast.File
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, parse(t, string(src)))
		} else {
			code = append(code, parse(t, string(src)))
		}
	}
	if parsers := parserNames(code); len(parsers) < 6 {
		t.Fatalf("only found %v", parsers)
	}
	for _, name := range unfuzzed(code, tests) {
		t.Errorf("no Fuzz%s with f.Add", name)
	}
}

func TestUnfuzzedFinds(t *testing.T) {
	code := parse(t, `package p
		func ParseA() {}
		func (t *T) OpenB() {}
		func OpenC() {}
		func parseD() {}
		func (t u) OpenE() {}
		func Other() {}`)
	tests := parse(t, `package p
		func FuzzParseA(f *testing.F) { f.Add(1) }
		func FuzzOpenC(f *testing.F) { f.Fuzz(nil) }`)
	got := unfuzzed([]*ast.File{code}, []*ast.File{tests})
	if want := []string{"TOpenB", "OpenC"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func parse(t *testing.T, src string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func unfuzzed(code, tests []*ast.File) (missing []string) {
	seeded := map[string]bool{}
	for fn := range funcs(tests) {
		seeded[fn.Name.Name] = callsAdd(fn.Body)
	}
	for _, name := range parserNames(code) {
		if !seeded["Fuzz"+name] {
			missing = append(missing, name)
		}
	}
	return missing
}

func parserNames(code []*ast.File) (names []string) {
	for fn := range funcs(code) {
		name := fn.Name.Name
		if !strings.HasPrefix(name, "Parse") && !strings.HasPrefix(name, "Open") {
			continue
		}
		recv := receiver(fn)
		if recv == "" || ast.IsExported(recv) {
			names = append(names, recv+name)
		}
	}
	return names
}

func funcs(files []*ast.File) func(yield func(*ast.FuncDecl) bool) {
	return func(yield func(*ast.FuncDecl) bool) {
		for _, file := range files {
			for _, d := range file.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && !yield(fn) {
					return
				}
			}
		}
	}
}

func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	typ := fn.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func callsAdd(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			x, isIdent := sel.X.(*ast.Ident)
			found = found || isIdent && x.Name == "f" && sel.Sel.Name == "Add"
		}
		return true
	})
	return found
}
