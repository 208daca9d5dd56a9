package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What the line parser accepts is JSON, and means to encoding/json what it means here.
func FuzzParseLine(f *testing.F) {
	f.Add([]byte(withFrame(`"ev":"read","uid":10021,"off":0,"len":4096,"path":"证据/合同.docx"`)))
	f.Add([]byte(withFrame(`"ev":"a","path_b64":"/w==","x":{"y":[1,"]"]}`)))
	f.Add([]byte(withFrame(`"note":"\ud83d\ude00\n","since":"2026-11-22T09:31:04.123456Z","refused":3`)))
	f.Add(line(f, fullRecord()))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, why := parseHeader(b)
		p, err := ParseLine(b)
		if err != nil {
			return
		}
		var m map[string]any
		if jerr := json.Unmarshal(b, &m); jerr != nil {
			t.Fatalf("accepted what is not JSON: %v", jerr)
		}
		if why != "" || h.seq != p.Seq || !h.t.Equal(p.Time) || h.prev != p.Prev {
			t.Fatalf("header and record differ: %+v %+v %s", h, p, why)
		}
		if s, ok := m["path"].(string); ok && s != p.Path {
			t.Fatalf("path %q, encoding/json says %q", p.Path, s)
		}
		if bytes.ContainsAny(b, "\n\r") {
			t.Fatal("a line with line breaks in it")
		}
		Human(p, time.UTC, "zh")
		again(t, p)
	})
}

// again encodes a parsed record and expects the same one back.
func again(t *testing.T, p *Parsed) {
	if p.Ev == "" {
		return
	}
	e := newEncoders().Get().(*encoder)
	body, err := e.encode(&p.Record)
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseLine(frame(nil, p.Seq, p.Time, body, &p.Prev))
	if err != nil {
		t.Fatalf("own line is refused: %v", err)
	}
	normal(&p.Record)
	normal(&q.Record)
	if !reflect.DeepEqual(p, q) {
		t.Fatalf("not the same after encoding:\n%+v %+v\n%+v %+v", p, p.Recovery, q, q.Recovery)
	}
}

// normal takes out what the encoder never writes but the parser accepts.
func normal(r *Record) {
	r.AUID, r.OUID = max(r.AUID, -1), max(r.OUID, -1)
	if r.Req <= 0 {
		r.Req = r.Len
	}
	if !r.HasRange {
		r.Req = 0
	}
	if rec := r.Recovery; rec != nil {
		if rec.TornLen == 0 {
			rec.TornHash = ""
		}
		if rec.UnanchoredTo == 0 {
			rec.UnanchoredFrom = 0
		}
		if rec.LostTo == 0 {
			rec.LostFrom = 0
		}
		if rec.Since.IsZero() {
			rec.Refused = 0
		}
		if len(rec.Torn) == 0 {
			rec.Torn = nil
		}
		if reflect.DeepEqual(*rec, Recovery{}) {
			r.Recovery = nil
		}
	}
}

// The values of a line, each alone.
func FuzzValues(f *testing.F) {
	for _, s := range []string{`"2026-11-22T09:31:04.123456Z"`, zeroHash, "18446744073709551615", `"\u00e9\\\""`, `"YQ=="`, "-1.5e+7", "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, ok := stamp(b); ok && string(b) != `"`+at.Format(timeLayout)+`"` {
			t.Errorf("stamp takes %q for %v", b, at)
		}
		if d, ok := digest(b); ok && string(b) != `"`+hexOf32(d)+`"` {
			t.Errorf("digest takes %q", b)
		}
		if n, ok := number(b); ok && string(appendUint(nil, n)) != string(b) {
			t.Errorf("number takes %q for %d", b, n)
		}
		sc := scan(append(append([]byte(`{"k":`), b...), '}'))
		_, val, ok := sc.next()
		if _, _, more := sc.next(); !ok || more || sc.bad != "" || !bytes.Equal(val, b) {
			return
		}
		if !json.Valid(b) {
			t.Errorf("scan takes %q", b)
		}
		s, isText := unquote(val)
		var want string
		if isText && (json.Unmarshal(b, &want) != nil || s != want) {
			t.Errorf("unquote makes %q of %q, encoding/json %q", s, b, want)
		}
		decode(val, true, true)
	})
}

func hexOf32(d [32]byte) string { return string(appendHex(nil, d[:])) }

// A head is taken only with a good checksum, whatever is around it, and survives being written again.
func FuzzParseHead(f *testing.F) {
	h := headState{gen: 3, seq: 48212, synced: 48200, size: 1 << 20, hash: [32]byte{1}, boot: [16]byte{2}, store: [16]byte{3}, clean: true}
	b := make([]byte, headSize)
	f.Add(bytes.Clone(b))
	copy(b[slotSpace:], h.appendTo(nil))
	f.Add(bytes.Clone(b))
	copy(b, (&headState{gen: 2}).appendTo(nil))
	f.Add(b)
	f.Add(b[:slotSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		slot, ok := parseSlot(b)
		if ok && slot.seq != 0 {
			if back, ok := parseSlot(slot.appendTo(nil)); !ok || back != slot {
				t.Fatalf("%+v is written as %+v", slot, back)
			}
		}
		h, st, whole := parseHead(b)
		if st == headOK && len(b) < headSize || st == headAbsent && h != (headState{}) || st == headAbsent && !whole {
			t.Fatalf("%+v %d %v", h, st, whole)
		}
	})
}

func FuzzParseSegment(f *testing.F) {
	for _, s := range []string{LiveName, "audit-1.jsonl", "audit-00012.jsonl.gz", "audit-0.jsonl", "audit-+1.jsonl"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, ok := parseSegment(name)
		if ok != (s.name == name && name != "") || ok && !s.live() && s.first == 0 || s.live() && s.gz {
			t.Errorf("%q: %+v %v", name, s, ok)
		}
	})
}

// Lines put together again are the file.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb\r\nc"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var back []byte
		l := newLines(bytes.NewReader(b))
		for {
			ln, err := l.next()
			if err == io.EOF {
				break
			}
			if err != nil || ln.long {
				t.Fatal(err, ln.long)
			}
			back = append(back, ln.b...)
			if !ln.torn {
				back = append(back, '\n')
			}
		}
		if !bytes.Equal(back, b) {
			t.Errorf("%q became %q", b, back)
		}
	})
}

// Any bytes as a file of the log: an answer, no panic, and what verifies can be read.
func FuzzWalk(f *testing.F) {
	for _, name := range []string{"whole", "edited", "removed", "swapped", "cut"} {
		b, err := os.ReadFile(filepath.Join("testdata", "v1", name, "log", LiveName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		problems, good := 0, uint64(0)
		w := startWalk(frozenStore, func(Problem) { problems++ })
		w.onGood = func(*judged) { good++ }
		w.enter(LiveName, 0)
		torn, err := w.read(bytes.NewReader(b))
		if err != nil || w.off+torn != int64(len(b)) {
			t.Fatalf("%d bytes of %d, %d torn: %v", w.off, len(b), torn, err)
		}
		n := uint64(0)
		c := cursor{fn: func(_ []byte, p *Parsed) error { n++; Human(p, time.UTC, "en"); return nil }}
		read, err := c.lines(LiveName, bytes.NewReader(b), false)
		var bad *LineError
		if problems == 0 && (n != good || w.seq != n) && !errors.As(err, &bad) {
			t.Errorf("%d records walked, last %d, %d read: %v", good, w.seq, n, err)
		}
		if err == nil && read != w.off {
			t.Errorf("%d bytes walked, %d read", w.off, read)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("证据\x1b[0m\u202e\xff\\")
	f.Fuzz(func(t *testing.T, s string) {
		e := escape(s)
		wantSafe(t, e)
		if q := quote(s); q != e && (q[0] != '"' || strings.Count(q, `"`) != 2+strings.Count(e, `"`)) || q == e && strings.ContainsAny(e, " \u3000\"") {
			t.Errorf("%q is quoted as %s", s, q)
		}
		if utf8.ValidString(s) && strings.Count(e, `\`) == 0 && e != s {
			t.Errorf("%q changed to %q without a sign", s, e)
		}
	})
}

// Every function that takes bytes apart is called by a fuzz target, and every target has seeds.
func TestEveryParserIsFuzzed(t *testing.T) {
	parsers := regexp.MustCompile(`^([pP]arse\w+|scan|stamp|digest|number|unquote|decode|escape|newLines|startWalk)$`)
	var names []string
	targets := map[string]*ast.FuncDecl{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok || fn.Recv != nil:
			case strings.HasPrefix(fn.Name.Name, "Fuzz"):
				targets[fn.Name.Name] = fn
			case !strings.HasSuffix(file, "_test.go") && parsers.MatchString(fn.Name.Name):
				names = append(names, fn.Name.Name)
			}
		}
	}
	if len(names) < 12 {
		t.Errorf("only %d parsers found: %v", len(names), names)
	}
	fuzzed := map[string]bool{}
	for name, fn := range targets {
		if !callsIn(fn, fuzzed)["Add"] && !hasFiles(filepath.Join("testdata", "fuzz", name)) {
			t.Errorf("%s has no seeds", name)
		}
	}
	for _, name := range names {
		if !fuzzed[name] {
			t.Errorf("no fuzz target calls %s", name)
		}
	}
}

// callsIn lists the names called in fn and adds them to all.
func callsIn(fn *ast.FuncDecl, all map[string]bool) map[string]bool {
	own := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch f := call.Fun.(type) {
		case *ast.Ident:
			own[f.Name], all[f.Name] = true, true
		case *ast.SelectorExpr:
			own[f.Sel.Name] = true
		}
		return true
	})
	return own
}

func hasFiles(dir string) bool {
	entries, err := fs.ReadDir(os.DirFS(dir), ".")
	return err == nil && len(entries) > 0
}
