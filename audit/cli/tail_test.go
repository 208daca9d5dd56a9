package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"matterfs/audit"
)

// written is a log that a test writes on.
type written struct {
	t    *testing.T
	dir  string
	seq  uint64
	prev [32]byte
	at   time.Time // of the next record, a minute after which the one after it comes; zero: now
}

// write appends a record for each path.
func (w *written) write(paths ...string) {
	w.t.Helper()
	f, err := os.OpenFile(filepath.Join(w.dir, audit.LiveName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range paths {
		w.seq++
		now := time.Now()
		if !w.at.IsZero() {
			now, w.at = w.at, w.at.Add(time.Minute)
		}
		at := now.UTC().Format("2006-01-02T15:04:05.000000Z")
		line := fmt.Appendf(nil, `{"seq":%d,"t":"%s","ev":"open","res":"ok","user":"li.na","uid":7,"matter":"2026-0001","path":%q,"prev":"%x"}`, w.seq, at, p, w.prev)
		w.prev = audit.LeafHash(line)
		if _, err := f.Write(append(line, '\n')); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// rotate makes the live file, which begins with that record, an older segment.
func (w *written) rotate(first uint64) {
	w.t.Helper()
	if err := os.Rename(filepath.Join(w.dir, audit.LiveName), filepath.Join(w.dir, fmt.Sprintf("audit-%012d.jsonl", first))); err != nil {
		w.t.Fatal(err)
	}
}

// safeBuffer is written by a command while a test looks at it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// waitFor waits until so many lines were printed.
func (s *safeBuffer) waitFor(t *testing.T, lines int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(s.String(), "\n") < lines; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("want %d lines:\n%s", lines, s)
		}
	}
}

// followTail runs `tail -f` and gives what it prints, and a function that ends it and gives its error.
func followTail(t *testing.T, dir string, asJSON bool, args ...string) (out *safeBuffer, result chan error, cancel context.CancelFunc) {
	t.Helper()
	out, result = new(safeBuffer), make(chan error, 1)
	to, _, _ := tool("en")
	to.Out, to.JSON = out, &asJSON
	ended := errors.New("ended by the test")
	to.Ended = func(context.Context) error { return ended }
	ctx, cancel := context.WithCancel(t.Context())
	c := NewTail(to)
	c.SetContext(ctx)
	go func() {
		err := runCommand(c, append([]string{dir, "-f"}, args...)...)
		if err == ended {
			err = context.Canceled
		}
		result <- err
	}()
	t.Cleanup(cancel)
	return out, result, cancel
}

// Only the records that are chosen come, in order and once each, through rotations, as lines for people and as they stand in the log.
func TestTailFollowsWithConditions(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		t.Setenv("XDG_CACHE_HOME", t.TempDir())
		w := &written{t: t, dir: t.TempDir(), prev: audit.StoreHash(storeID)}
		w.write("a", "b", "a", "b", "a")
		out, result, cancel := followTail(t, w.dir, asJSON, "-n", "2", "--where", "path=a since=1h", "--utc")
		out.waitFor(t, 2)
		w.write("b", "a")
		out.waitFor(t, 3)
		w.rotate(1)
		w.write("a", "b")
		out.waitFor(t, 4)
		w.write("b")
		w.rotate(8)
		w.write("b", "a")
		out.waitFor(t, 5)
		cancel()
		if err := <-result; err != context.Canceled {
			t.Errorf("json %v: %v", asJSON, err)
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			if p, err := audit.ParseLine([]byte(strings.TrimSuffix(line, "\n"))); asJSON && (err != nil || p.Path != "a" || !json.Valid([]byte(line))) {
				t.Errorf("%q: %v", line, err)
			}
			for seq := range w.seq + 1 {
				if strings.Contains(line, fmt.Sprintf("  #%d ", seq)) || strings.HasPrefix(line, fmt.Sprintf(`{"seq":%d,`, seq)) {
					got = append(got, fmt.Sprint(seq))
				}
			}
		}
		if want := "3 5 7 8 12"; strings.Join(got, " ") != want {
			t.Errorf("json %v: records %v, want %s\n%s", asJSON, got, want, out)
		}
	}
}

// With an end in its conditions a follower ends there: at once where it has passed, at the first record after it, or when the clock
// has passed it and nothing came.
func TestTailFollowsUntil(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	old := &written{t: t, dir: t.TempDir(), prev: audit.StoreHash(storeID), at: time.Date(2011, 11, 22, 1, 0, 0, 0, time.UTC)}
	old.write("a", "b", "a")
	w := &written{t: t, dir: t.TempDir(), prev: audit.StoreHash(storeID)}
	w.write("a")
	soon := time.Now().UTC().Add(time.Second).Format("2006-01-02T15:04:05Z")
	for name, c := range map[string]struct {
		dir, where string
		lines      int
	}{
		"passed, records after it":    {old.dir, "until=2011-11-22T01:01:30Z", 2},
		"passed, with since":          {old.dir, "since=2011-11-22T01:01Z until=2011-11-22T01:01:30Z", 1},
		"passed, no records after it": {old.dir, "until=2011-11-22T01:10Z path=a", 2},
		"to come":                     {w.dir, "until=" + soon, 1},
	} {
		out, result, _ := followTail(t, c.dir, false, "--where", c.where)
		select {
		case err := <-result:
			if got := strings.Count(out.String(), "\n"); err != nil || got != c.lines {
				t.Errorf("%s: %d lines, want %d: %v\n%s", name, got, c.lines, err, out)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s: does not end", name)
		}
	}
	far := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z")
	out, result, cancel := followTail(t, w.dir, false, "--where", "until="+far)
	out.waitFor(t, 1)
	w.write("b")
	out.waitFor(t, 2)
	cancel()
	if err := <-result; err != context.Canceled {
		t.Errorf("an end that has not come: %v", err)
	}
}

func TestTailRefusesConditionsThatAreNone(t *testing.T) {
	for _, follow := range []string{"-f", "-n=3"} {
		for _, where := range []string{"pth=a", "since=yesterday", `path="a`, "since=2026-11-22 until=2026-11-21"} {
			to, out, _ := tool("en")
			err := runCommand(NewTail(to), smallLog(t, "a"), follow, "--where", where)
			var bad *audit.FilterError
			if !errors.As(err, &bad) || out.Len() > 0 {
				t.Errorf("%s %q: %v, %q", follow, where, err, out)
			}
		}
	}
}
