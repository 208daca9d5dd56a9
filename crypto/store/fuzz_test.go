package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matterfs/crypto"
)

// fixedMatter has the same keys in each run, so that corpora keep their worth.
func fixedMatter(t testing.TB) *matter {
	key := &crypto.Key{1, 2, 3}
	names, err := crypto.NewNameCipher(key)
	must(t, err)
	return &matter{id: "m1", keyID: crypto.ID{9}, version: 1, content: crypto.ContentKey(key), names: names, stored: "x"}
}

func seedHeader(t testing.TB, m *matter) []byte {
	p, keys, err := crypto.NewFile(m.content, m.keyID, m.version)
	must(t, err)
	return newHeader(&p, keys, &crypto.Slot{Kind: kindFile, Object: crypto.NewID(), Size: 9, Valid: 9, Mode: 0o600})
}

func FuzzHeader(f *testing.F) {
	m := fixedMatter(f)
	b := seedHeader(f, m)
	f.Add(b)
	f.Add(b[:700])
	torn := bytes.Clone(b)
	clear(torn[0x900:0xa00])
	f.Add(torn)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := openHeader(m, b)
		if err != nil {
			return
		}
		s := h.slot()
		if !h.whole[h.at] || s.Valid > s.Size || s.Object.IsZero() {
			t.Errorf("took a header with %+v", s)
		}
		again := s.Seal(h.keys.Meta)
		if got, err := crypto.OpenSlot(h.keys.Meta, again); err != nil || got != *s {
			t.Errorf("slot does not survive sealing: %v", err)
		}
	})
}

func FuzzFolder(f *testing.F) {
	m := fixedMatter(f)
	b, err := crypto.SealDir(m.content, &crypto.DirMeta{Object: crypto.NewID(), Name: "证据", KeyID: m.keyID, KeyVersion: 1})
	must(f, err)
	f.Add(b)
	f.Add(b[:600])
	f.Fuzz(func(t *testing.T, b []byte) {
		fo, err := parseFolder(m, b)
		if err != nil {
			return
		}
		again, err := crypto.ResealDir(m.content, fo.prefix.AppendTo(nil), fo.meta.Load())
		must(t, err)
		got, err := parseFolder(m, again)
		if err != nil || *got.meta.Load() != *fo.meta.Load() {
			t.Errorf("metadata do not survive sealing: %v", err)
		}
	})
}

func FuzzStoreFile(f *testing.F) {
	key := &crypto.Key{4}
	b, err := sealStoreFile(crypto.ID{7}, key)
	must(f, err)
	f.Add(b)
	f.Add([]byte(storeMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := openStoreFile(key, b)
		if err == nil && id != (crypto.ID{7}) {
			t.Errorf("took store id %s", id)
		}
	})
}

// FuzzJournal feeds the parser of a journal: garbage, and payloads that are
// authentic.
func FuzzJournal(f *testing.F) {
	data, err := crypto.NewSealer(&crypto.Key{6})
	must(f, err)
	meta, err := crypto.NewSealer(&crypto.Key{7})
	must(f, err)
	keys := &crypto.FileKeys{Data: data, Meta: meta}
	index := make([]byte, crypto.RecordIndex)
	good := keys.Data.SealBlock(bytes.Clone(index), 0, 7, []byte("text"))
	f.Add(good, false)
	f.Add(good[:20], false)
	f.Add([]byte("0123456789abcdef"), true)
	f.Add(make([]byte, 64), true)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) > 0 && len(b) <= crypto.MaxPayload {
			b = keys.Meta.Seal(binary.LittleEndian.AppendUint64(nil, crypto.CommitLabel), b)
		}
		r, ok := parseRecord(keys, bytes.Clone(b))
		if !ok {
			return
		}
		if n := crypto.RecordIndex + r.size; n > len(b) || r.index != binary.LittleEndian.Uint64(b) {
			t.Errorf("took %+v from %d bytes", r, len(b))
		}
		if r.commit.Valid > r.commit.Size || r.index == crypto.CommitLabel && r.size != crypto.CommitSize {
			t.Errorf("took a commit record %+v", r)
		}
	})
}

func FuzzXattr(f *testing.F) {
	s, err := crypto.NewSealer(&crypto.Key{5})
	must(f, err)
	f.Add([]byte("\x06\x00user.avalue"))
	f.Add([]byte("\xff\xffuser.a"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		openXattr(s, payload) // as garbage on the disk
		if len(payload) == 0 || len(payload) > crypto.MaxPayload {
			return
		}
		name, v, err := openXattr(s, s.Seal(nil, payload)) // as if we had sealed it
		if err != nil {
			return
		}
		got, gv, err := openXattr(s, sealXattr(s, name, v))
		if err != nil || got != name || !bytes.Equal(gv, v) || len(name)+len(v)+2 != len(payload) {
			t.Errorf("%q: %v", name, err)
		}
	})
}

func FuzzDirents(f *testing.F) {
	rec := func(name string, size int, typ byte) []byte {
		b := make([]byte, size)
		b[16], b[17], b[18] = byte(size), byte(size>>8), typ
		copy(b[19:], name)
		return b
	}
	f.Add(append(rec("file", 24, 8), rec("dir", 24, 4)...))
	f.Add(append(rec(".", 24, 4), rec("", 19, 4)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, e := range appendDirents(nil, b) {
			if e.Name == "" || e.Name == "." || e.Name == ".." || strings.IndexByte(e.Name, 0) >= 0 {
				t.Errorf("entry %q", e.Name)
			}
		}
	})
}

func TestDirentsOfAList(t *testing.T) {
	rec := func(name string, typ byte) []byte {
		b := make([]byte, 32)
		b[16], b[18] = 32, typ
		copy(b[19:], name)
		return b
	}
	got := appendDirents(nil, slices.Concat(rec(".", 4), rec("a", 8), rec("..", 4), rec("b", 4), rec("c", 10)))
	want := []DirEntry{{"a", TypeFile}, {"b", TypeDir}, {"c", TypeOther}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// parsers lists the functions of a Go file that read bytes which someone else
// may have written: by their names, and a []byte among their arguments.
func parsers(t *testing.T, name, src string) (list []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
	must(t, err)
	reads := regexp.MustCompile(`^(open|parse|decode|read|appendDirents|unmarshal)`)
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !reads.MatchString(fn.Name.Name) {
			continue
		}
		for _, p := range fn.Type.Params.List {
			if a, ok := p.Type.(*ast.ArrayType); ok && a.Len == nil && fmt.Sprint(a.Elt) == "byte" {
				list = append(list, fn.Name.Name)
			}
		}
	}
	return list
}

func TestEveryParserIsFuzzed(t *testing.T) {
	fuzz := string(readFile(t, "fuzz_test.go"))
	entries, err := os.ReadDir(".")
	must(t, err)
	found := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		for _, p := range parsers(t, e.Name(), string(readFile(t, e.Name()))) {
			found++
			if !strings.Contains(fuzz, p+"(") {
				t.Errorf("%s in %s has no fuzz target", p, e.Name())
			}
		}
	}
	if found < 5 {
		t.Errorf("found only %d parsers: the search is broken", found)
	}
	if got := parsers(t, "x.go", "package x\nfunc parseNew(m int, b []byte) error { return nil }"); len(got) != 1 {
		t.Errorf("a new parser would not be noticed: %q", got)
	}
}
