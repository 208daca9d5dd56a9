package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// exported is a log of which n records were sent to a file.
func exported(t *testing.T, n int) (*logDir, Options) {
	t.Helper()
	l := newLog(t)
	l.add(n)
	target, err := ParseTarget("file:"+filepath.Join(t.TempDir(), "out.jsonl"), TLS{})
	if err != nil {
		t.Fatal(err)
	}
	o := l.options(target)
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Cursor != uint64(n) {
		t.Fatalf("%+v, %v", rep, err)
	}
	if err := l.log.Close(); err != nil {
		t.Fatal(err)
	}
	return l, o
}

// rewrite replaces the live file.
func (l *logDir) rewrite(change func([]string) []string) {
	l.t.Helper()
	lines := change(l.lines())
	if err := os.WriteFile(filepath.Join(l.dir, audit.LiveName), []byte(strings.TrimLeft(strings.Join(lines, "\n")+"\n", "\n")), 0o640); err != nil {
		l.t.Fatal(err)
	}
}

// rechain makes a log of these lines that is in order, as somebody would who holds no keys.
func rechain(lines []string) []string {
	prev := audit.StoreHash(storeID)
	for i, line := range lines {
		body, _, _ := strings.Cut(line, `,"prev":"`)
		_, body, _ = strings.Cut(body, ",")
		lines[i] = fmt.Sprintf(`{"seq":%d,%s,"prev":"%x"}`, i+1, body, prev)
		prev = audit.LeafHash([]byte(lines[i]))
	}
	return lines
}

// An exporter is a witness: what it sent, the log must go on from. Each attack ends the export, also while it follows, and says which.
func TestTheLogIsNotTheOneThatWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]string) []string
		is     func(error) bool
	}{
		"rolled back":             {func(l []string) []string { return l[:20] }, is[*CursorError]},
		"emptied":                 {func([]string) []string { return nil }, is[*CursorError]},
		"the last record altered": {func(l []string) []string { l[29] = strings.Replace(l[29], "li.na", "li.mo", 1); return l }, is[*CursorError]},
		"recomputed": {func(l []string) []string {
			l[3] = strings.Replace(l[3], "li.na", "li.mo", 1)
			return rechain(append(l, l[29]))
		}, is[*CursorError]},
		"replaced, and longer": {func(l []string) []string { return rechain(append(l[5:], l...)) }, is[*CursorError]},
		"a record taken out after it": {func(l []string) []string {
			return append(rechain(append(append(l, l...), l...))[:31:31], rechain(append(append(l, l...), l...))[32:]...)
		}, is[*GapError]},
	} {
		for _, follow := range []bool{false, true} {
			l, o := exported(t, 30)
			o.Follow = follow
			was, err := os.ReadFile(o.Cursor)
			if err != nil {
				t.Fatal(err)
			}
			l.rewrite(c.change)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err = run(ctx, o, hasty())
			cancel()
			if !c.is(err) || !strings.Contains(err.Error(), "--from SEQ") {
				t.Errorf("%s (follow %v): %v", name, follow, err)
			}
			if now, _ := os.ReadFile(o.Cursor); name != "a record taken out after it" && !bytes.Equal(now, was) {
				t.Errorf("%s: the cursor is now %s", name, now)
			}
		}
	}
}

// A chain that breaks in what is to be sent ends the export; what stands before the break is sent and confirmed.
func TestBrokenChainEndsTheExport(t *testing.T) {
	l, o := exported(t, 30)
	l.open()
	l.add(10)
	l.log.Close()
	l.rewrite(func(lines []string) []string {
		lines[34] = strings.Replace(lines[34], "li.na", "li.mo", 1)
		return lines
	})
	rep, err := run(t.Context(), o, hasty())
	if !is[*audit.TamperedError](err) || !strings.Contains(err.Error(), "record 36 does not continue") || rep.Cursor != 35 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// What retention or somebody took before it was sent is missed loudly; the way out sends what there is.
func TestRecordsGoneBeforeTheyWereSent(t *testing.T) {
	l := newLog(t)
	l.add(600)
	until(t, "the log rotates", func() bool { list, _ := filepath.Glob(l.dir + "/audit-*"); return len(list) == 1 })
	c := newCollector(t, nil).start()
	o := l.options(c.target(TLS{}))
	cur, err := openCursor(o.Cursor, o.Target.String())
	if err != nil {
		t.Fatal(err)
	}
	lines := l.lines()
	if err := cur.save(position{seq: 10, hash: audit.LeafHash([]byte(lines[9]))}, time.Now()); err != nil {
		t.Fatal(err)
	}
	cur.close()
	older, _ := filepath.Glob(l.dir + "/audit-*")
	if err := os.Remove(older[0]); err != nil {
		t.Fatal(err)
	}
	l.add(5)
	lines = l.lines()
	first := 605 - len(lines) + 1
	_, err = run(t.Context(), o, hasty())
	gap := (*GapError)(nil)
	if !errors.As(err, &gap) || gap.From != 11 || gap.To != uint64(first-1) || len(c.all()) != 0 {
		t.Fatalf("%v (%+v), %d messages", err, gap, len(c.all()))
	}
	o.From = 11
	if _, err := run(t.Context(), o, hasty()); !is[*FromError](err) {
		t.Errorf("from a record that is gone: %v", err)
	}
	o.From = uint64(first)
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Cursor != 605 || whole(lines, bodies(t, c.all())) != nil {
		t.Errorf("%+v, %v", rep, err)
	}
	// A cursor at the border of what retention took is no gap: the next record says what came before it.
	o.From = 0
	if err := cur.save(position{seq: uint64(first) - 1, hash: prevOf(t, lines[0])}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Sent != uint64(len(lines)) {
		t.Errorf("at the border: %+v, %v", rep, err)
	}
	for _, from := range []uint64{606, 1 << 40} {
		if o.From = from; !is[*FromError](second(run(t.Context(), o, hasty()))) {
			t.Errorf("from record %d, which is not there", from)
		}
	}
}

func second(_ Report, err error) error { return err }

func prevOf(t *testing.T, line string) [32]byte {
	t.Helper()
	p, err := audit.ParseLine([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return p.Prev
}

// A cursor belongs to one exporter and one target, is whole, and nobody else may write it.
func TestCursorsRefused(t *testing.T) {
	_, o := exported(t, 3)
	cur, err := openCursor(o.Cursor, o.Target.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := second(run(t.Context(), o, hasty())); !is[*BusyError](err) {
		t.Errorf("two exporters: %v", err)
	}
	cur.close()
	good, err := os.ReadFile(o.Cursor)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": string(good[:20]), "no hash": `{"target":"` + o.Target.String() + `","seq":3}`,
		"of another target": strings.Replace(string(good), "out.jsonl", "in.jsonl", 1), "no tail": strings.Replace(string(good), `"tail"`, `"nose"`, 1),
	} {
		if err := os.WriteFile(o.Cursor, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := second(run(t.Context(), o, hasty())); !is[*DamagedError](err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(o.Cursor, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{o.Cursor: 0o620, filepath.Dir(o.Cursor): 0o777} {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		if err := second(run(t.Context(), o, hasty())); !is[*DamagedError](err) || !strings.Contains(err.Error(), "chmod go-w") {
			t.Errorf("%s with mode %o: %v", path, mode, err)
		}
		os.Chmod(path, st.Mode())
	}
	if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Sent != 0 {
		t.Errorf("afterwards: %+v, %v", rep, err)
	}
	a, _ := CursorName("/a", "file:/x")
	b, _ := CursorName("/b", "file:/x")
	c, err := CursorName("/a", "file:/y")
	if a == b || a == c || err != nil || !strings.HasSuffix(a, ".cursor") {
		t.Errorf("%s %s %s %v", a, b, c, err)
	}
}
