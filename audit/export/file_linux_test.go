package export

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// fileLines are the lines of a target file, all complete.
func fileLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return nil
	}
	text, ok := strings.CutSuffix(string(b), "\n")
	if !ok {
		t.Fatalf("%s ends with half a line", path)
	}
	return strings.Split(text, "\n")
}

// What is exported raw to one file is the log itself: verify finds it whole.
func TestRawFileIsTheLog(t *testing.T) {
	l := newLog(t)
	l.add(500)
	dir := t.TempDir()
	target, err := ParseTarget("file:"+filepath.Join(dir, audit.LiveName), TLS{})
	if err != nil {
		t.Fatal(err)
	}
	if rep, err := run(t.Context(), l.options(target), hasty()); err != nil || rep.Cursor != 500 {
		t.Fatalf("%+v, %v", rep, err)
	}
	rep, err := audit.Verify(audit.VerifyOptions{Dir: dir, StoreID: storeID})
	if err != nil || rep.Code() != 0 || rep.Records != 500 {
		t.Errorf("%+v, %v", rep, err)
	}
	if st, err := os.Stat(target.path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

// After a crash at any byte, with the cursor of any moment before, a file comes out as if there had been none.
func TestTornFileIsMended(t *testing.T) {
	for _, format := range []Format{Raw, ECS} {
		l := newLog(t)
		target, err := ParseTarget("file:"+filepath.Join(t.TempDir(), "out"), TLS{})
		if err != nil {
			t.Fatal(err)
		}
		o := l.options(target)
		o.Format = format
		cursors := [][]byte{}
		for range 4 {
			if rep, err := run(t.Context(), o, hasty()); err != nil {
				t.Fatalf("%+v, %v", rep, err)
			}
			b, err := os.ReadFile(o.Cursor)
			if err != nil {
				t.Fatal(err)
			}
			cursors = append(cursors, b)
			l.add(40)
		}
		if rep, err := run(t.Context(), o, hasty()); err != nil || rep.Cursor != 160 {
			t.Fatalf("%+v, %v", rep, err)
		}
		want, err := os.ReadFile(target.path)
		if err != nil {
			t.Fatal(err)
		}
		var first cursorFile
		for i, cur := range cursors {
			if err := json.Unmarshal(cur, &first); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				size := first.Offset + rand.Int64N(int64(len(want))-first.Offset+1)
				if os.WriteFile(target.path, want[:size], 0o600) != nil || os.WriteFile(o.Cursor, cur, 0o600) != nil {
					t.Fatal("cannot write")
				}
				rep, err := run(t.Context(), o, hasty())
				if got, _ := os.ReadFile(target.path); err != nil || rep.Cursor != 160 || string(got) != string(want) {
					t.Fatalf("%s, cursor %d, crash at byte %d: %+v, %v, same %v", format, i, size, rep, err, string(got) == string(want))
				}
			}
		}
	}
}

// Moved away, as logrotate does, a file is followed by another one, with no record lost and none twice; so is one that was
// emptied after it was copied.
func TestFileMovedAway(t *testing.T) {
	l := newLog(t)
	target, err := ParseTarget("file:"+filepath.Join(t.TempDir(), "out"), TLS{})
	if err != nil {
		t.Fatal(err)
	}
	stop := following(t, l.options(target), hasty())
	var got []string
	for i := range 5 {
		l.add(100)
		until(t, "the file has them", func() bool { b, _ := os.ReadFile(target.path); return strings.Count(string(b), "\n") == 100 })
		got = append(got, fileLines(t, target.path)...)
		if i < 4 {
			if err := os.Rename(target.path, target.path+".1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rep, err := stop(); !errors.Is(err, context.Canceled) || rep.Cursor != 500 || rep.Sent != 500 {
		t.Errorf("%+v, %v", rep, err)
	}
	if err := os.Truncate(target.path, 0); err != nil {
		t.Fatal(err)
	}
	l.add(7)
	if rep, err := run(t.Context(), l.options(target), hasty()); err != nil || rep.Sent != 7 {
		t.Errorf("%+v, %v", rep, err)
	}
	got = append(got, fileLines(t, target.path)...)
	if err := whole(l.lines(), got); err != nil || len(got) != 507 {
		t.Errorf("%d lines, %v", len(got), err)
	}
}

// Files of others are left alone: what is there already, what was changed, links, and the log itself.
func TestFilesOfOthers(t *testing.T) {
	l, o := exported(t, 20)
	path := o.Target.path
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"altered": strings.Replace(string(text), `"seq":20`, `"seq":21`, 1), "shorter": string(text[:len(text)-9]), "another": "hello\n" + string(text),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := second(run(t.Context(), o, hasty())); !is[*FileError](err) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != content {
			t.Errorf("%s: it was written to", name)
		}
	}
	fresh := o
	fresh.Cursor += "2"
	if err := second(run(t.Context(), fresh, hasty())); !is[*FileError](err) {
		t.Errorf("a first export to what is there: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]func(error) bool{"file:" + link: is[*FileError], "file:" + t.TempDir(): is[*FileError],
		"file:" + filepath.Join(l.dir, audit.LiveName): is[*TargetError], "file:" + filepath.Join(l.dir, "..", "log", "new"): is[*TargetError]} {
		fresh.Cursor += "x"
		if fresh.Target, err = ParseTarget(target, TLS{}); err != nil {
			t.Fatal(err)
		}
		if err := second(run(t.Context(), fresh, hasty())); !want(err) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if err := second(run(t.Context(), fresh, hasty())); err == nil {
		t.Error("and again")
	}
}

// A first line that a crash cut off is known as such; anything else at that place is not.
func TestDoubtfulFirstLine(t *testing.T) {
	l := newLog(t)
	l.add(2)
	target, err := ParseTarget("file:"+filepath.Join(t.TempDir(), "out"), TLS{})
	if err != nil {
		t.Fatal(err)
	}
	o := l.options(target)
	o.Cursor += "x"
	begin := func(content string) {
		t.Helper()
		cur, err := openCursor(o.Cursor, target.String())
		if err != nil {
			t.Fatal(err)
		}
		defer cur.close()
		if err := errors.Join(cur.save(position{}, time.Now()), os.WriteFile(target.path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	whole := strings.Join(l.lines(), "\n") + "\n"
	for content, ok := range map[string]bool{whole[:1]: true, whole[:100]: true, whole: true, "x": false, whole[:100] + "x" + whole[101:]: false, "{\n": false} {
		begin(content)
		err := second(run(t.Context(), o, hasty()))
		now, _ := os.ReadFile(target.path)
		if ok && (err != nil || string(now) != whole) || !ok && (!is[*FileError](err) || string(now) != content) {
			t.Errorf("%.20q: %v, now %.20q", content, err, now)
		}
	}
}
