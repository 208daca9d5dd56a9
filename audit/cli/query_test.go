package cli

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"matterfs/audit"
)

// tool works on a bare log directory and takes down what it prints.
func tool(lang string) (*Tool, *bytes.Buffer, *bytes.Buffer) {
	out, talk := new(bytes.Buffer), new(bytes.Buffer)
	return &Tool{Name: "t", Out: out, Err: talk, Lang: lang, JSON: new(bool),
		Find: func(dir string) (Place, error) { return Place{Log: dir}, nil }}, out, talk
}

func runCommand(c *cobra.Command, args ...string) error {
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	return c.Execute()
}

const storeID = "00112233445566778899aabbccddeeff"

// smallLog writes a live file whose records have these paths, a minute apart.
func smallLog(t *testing.T, paths ...string) string {
	t.Helper()
	dir := t.TempDir()
	prev := audit.StoreHash(storeID)
	var b bytes.Buffer
	for i, p := range paths {
		at := time.Date(2026, 11, 22, 1, i, 0, 0, time.UTC).Format("2006-01-02T15:04:05.000000Z")
		line := fmt.Appendf(nil, `{"seq":%d,"t":"%s","ev":"open","res":"ok","user":"li.na","uid":7,"matter":"2026-0001","path":%q,"prev":"%x"}`, i+1, at, p, prev)
		prev = audit.LeafHash(line)
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(dir, audit.LiveName), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whoever names a file must not get a formula into the auditor's spreadsheet.
func TestTableIsSafeToOpen(t *testing.T) {
	paths := []string{"=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "plain, \"quoted\"", "\tx"}
	dir := smallLog(t, paths...)
	to, out, _ := tool("en")
	if err := runCommand(NewQuery(to), "ok", dir, "--csv", "--bom", "--no-index", "--zone", "Asia/Shanghai"); err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(out.String(), "\ufeff")
	if !ok || !strings.Contains(text, "\r\n") {
		t.Errorf("no byte order mark or not RFC 4180: %q", out)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != len(paths)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	col := func(name string) int {
		for i, h := range rows[0] {
			if h == name {
				return i
			}
		}
		t.Fatalf("no column %q", name)
		return -1
	}
	for i, p := range paths {
		want := p
		if i != 4 {
			want = "'" + p
		}
		if got := rows[i+1][col("path")]; got != want {
			t.Errorf("%q: the cell is %q", p, got)
		}
	}
	if got := rows[1][col("time")]; got != "2026-11-22 09:00:00.000000" {
		t.Errorf("the time is %q", got)
	}
}

// A search is recorded before its answer; one that cannot be is said to be not.
func TestSearchesAreRecordedOrSaidNotToBe(t *testing.T) {
	dir := smallLog(t, "a", "b")
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		note  func(string, string) error
		said  string
		fails bool
	}{
		"recorded":       {func(string, string) error { return nil }, "", false},
		"nobody can":     {nil, "日志副本不可写入", false},
		"a copy":         {func(string, string) error { return ErrCopy }, "日志副本不可写入", false},
		"may not":        {func(string, string) error { return &UnrecordedError{refused} }, "未记入日志:refused", false},
		"must not go on": {func(string, string) error { return refused }, "", true},
	} {
		to, out, talk := tool("zh")
		var noted string
		if c.note != nil {
			to.Note = func(d, what string) error {
				if out.Len() > 0 {
					t.Errorf("%s: the answer was given before the record", name)
				}
				noted = what
				return c.note(d, what)
			}
		}
		err := runCommand(NewQuery(to), "path=a", dir, "--no-index")
		if (err != nil) != c.fails || (out.Len() == 0) != c.fails || !strings.Contains(talk.String(), c.said) || c.said == "" && talk.Len() > 0 {
			t.Errorf("%s: %v, %q, %q", name, err, out, talk)
		}
		if c.note != nil && noted != "query path=a" {
			t.Errorf("%s: noted %q", name, noted)
		}
	}
}

func TestTailWithConditions(t *testing.T) {
	dir := smallLog(t, "a", "b", "a", "a", "b")
	to, out, _ := tool("en")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if err := runCommand(NewTail(to), dir, "--where", "path=a", "-n", "2", "--utc"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "#3 ") || !strings.Contains(got, "#4 ") {
		t.Errorf("%s", got)
	}
}

// A line that is no record does not go unnoticed.
func TestQueryEndsWith10OnDamagedLines(t *testing.T) {
	dir := smallLog(t, "a")
	f, err := os.OpenFile(filepath.Join(dir, audit.LiveName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("nonsense\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	to, out, talk := tool("en")
	err = runCommand(NewQuery(to), "", dir, "--count", "--no-index")
	var code *ExitError
	if !errors.As(err, &code) || code.Code != 10 || out.String() != "1\n" || !strings.Contains(talk.String(), "audit.jsonl:2") {
		t.Errorf("%v, %q, %q", err, out, talk)
	}
}

// zipOf writes a bundle with whatever is in files; sums: with a manifest that fits.
func zipOf(t *testing.T, files map[string]string, sums bool) string {
	t.Helper()
	b := &bundle{files: map[string][]byte{}}
	for name, text := range files {
		b.files[name] = []byte(text)
	}
	name := filepath.Join(t.TempDir(), "b.zip")
	if err := b.write(name); err != nil {
		t.Fatal(err)
	}
	if sums {
		return name
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), os.WriteFile(name, buf.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestBundlesThatAreNotWhole(t *testing.T) {
	key, err := note.NewEd25519VerifierKey("matterfs-audit/00112233445566778899aabbccddeeff", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x  a\n", sha256.Sum256([]byte("1")))
	for what, name := range map[string]string{
		"no manifest":     zipOf(t, map[string]string{"a": "1"}, false),
		"changed file":    zipOf(t, map[string]string{"a": "2", manifestName: sum}, false),
		"added file":      zipOf(t, map[string]string{"a": "1", "b": "1", manifestName: sum}, false),
		"file taken away": zipOf(t, map[string]string{manifestName: sum}, false),
	} {
		to, out, _ := tool("en")
		err := runCommand(NewBundle(to), "--check", name, "--key", key)
		var bad *BundleError
		if !errors.As(err, &bad) || out.Len() > 0 {
			t.Errorf("%s: %v, %q", what, err, out)
		}
	}
	to, _, _ := tool("en")
	err = runCommand(NewBundle(to), "--check", zipOf(t, map[string]string{"a": "1"}, true), "--key", key)
	var bad *audit.ProofError
	if !errors.As(err, &bad) {
		t.Errorf("a bundle without a proof: %v", err)
	}
}

// records.jsonl is what people read: it must be what is proved.
func TestBundleWithOtherRecordsThanProved(t *testing.T) {
	line := func(s string) audit.Proven {
		return audit.Proven{Line: []byte(s), Record: &audit.Parsed{Record: audit.Record{Ev: "read"}}}
	}
	two, err := table([]*audit.Parsed{line("one").Record, line("two").Record})
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{files: map[string][]byte{"records.jsonl": []byte("one\ntwo\n"), "records.csv": two}}
	for _, c := range []struct {
		list []audit.Proven
		ok   bool
	}{
		{[]audit.Proven{line("one"), line("two")}, true},
		{[]audit.Proven{line("one")}, false},
		{[]audit.Proven{line("one"), line("2")}, false},
		{[]audit.Proven{line("one"), line("two"), line("three")}, false},
	} {
		if err := b.sameRecords(c.list); (err == nil) != c.ok {
			t.Errorf("%d records: %v", len(c.list), err)
		}
	}
	b.files["records.csv"] = bytes.Replace(two, []byte("read"), []byte("open"), 1)
	if err := b.sameRecords([]audit.Proven{line("one"), line("two")}); err == nil {
		t.Error("a table of other records is accepted")
	}
}
