package audit

import (
	"path/filepath"
	"testing"
	"time"
)

// testOptions names a new log of which nothing exists yet. The sync interval is long: tests sync where they mean it.
func testOptions(t testing.TB) Options {
	t.Helper()
	dir := t.TempDir()
	return Options{Dir: filepath.Join(dir, "log"), StateDir: filepath.Join(dir, "state"), StoreID: testStore, SyncInterval: time.Hour}
}

func verifyOptions(o Options) VerifyOptions {
	return VerifyOptions{Dir: o.Dir, StateDir: o.StateDir, StoreID: o.StoreID}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// fill writes n records and closes the log.
func fill(t testing.TB, o Options, n int) {
	t.Helper()
	l := mustOpen(t, o)
	appendN(t, l, n)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendN(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.Append(sample(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func livePath(o Options) string { return filepath.Join(o.Dir, LiveName) }
func headPath(o Options) string { return filepath.Join(o.StateDir, HeadName) }

func mustVerify(t testing.TB, o Options) *Report {
	t.Helper()
	rep, err := Verify(verifyOptions(o))
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// wantClean fails unless the log verifies without any problem and has n records.
func wantClean(t testing.TB, o Options, n uint64) *Report {
	t.Helper()
	rep := mustVerify(t, o)
	if rep.Code() != 0 || rep.Records != n || rep.LastSeq != n {
		t.Fatalf("want %d clean records, got code %d, %d records, last %d: %v", n, rep.Code(), rep.Records, rep.LastSeq, rep.Problems)
	}
	return rep
}
