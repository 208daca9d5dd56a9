package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/policy"
)

// TestHintNames: each hint has one name of its own that leads back to it.
func TestHintNames(t *testing.T) {
	for m := hintUsage; m <= hintFuse; m++ {
		if got, ok := hintNamed(hintNames[m]); !ok || got != m {
			t.Errorf("hint %q is named %q, which leads to %d", messages[m][en], hintNames[m], got)
		}
	}
	if m, ok := hintNamed(""); ok || m != noMsg {
		t.Error("no name names a hint")
	}
}

// TestHintsCrossTheSocket: what a daemon refuses is hinted at as if it had
// happened here; an older daemon sends a code alone.
func TestHintsCrossTheSocket(t *testing.T) {
	for _, c := range []struct {
		reply controlReply
		code  int
		hint  msg
	}{
		{refusal(&vanishedError{[]string{"1"}}), exitPolicy, hintVanished},
		{refusal(&policyError{&policy.OwnershipError{}}), exitPolicy, hintPolicyOwner},
		{refusal(&policyTestsError{}), exitPolicy, hintTests},
		{refusal(syscall.ENOSPC), exitNo, hintFull},
		{refusal(&logError{syscall.EIO}), exitLog, hintLog},
		{refusal(os.ErrPermission), exitNotPermitted, hintNotPermitted},
		{controlReply{Code: exitPolicy, Error: "x"}, exitPolicy, hintPolicy},
		{controlReply{Code: exitNo, Error: "x", Hint: "of a newer daemon"}, exitNo, noMsg},
	} {
		code, hint := explain(c.reply.refused())
		if code != c.code || hint != c.hint {
			t.Errorf("%+v: code %d hint %d, want %d %d", c.reply, code, hint, c.code, c.hint)
		}
	}
}

func TestExposed(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]bool{0o755: true, 0o751: true, 0o704: true, 0o750: false, 0o770: false, 0o700: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if got := exposed(dir); got != want {
			t.Errorf("mode %04o: exposed %v", mode, got)
		}
	}
	if exposed(filepath.Join(dir, "none")) {
		t.Error("what is not there is exposed")
	}
}

// TestStoreID: the keys are believed before the file that everybody can read.
func TestStoreID(t *testing.T) {
	s := newStore(t)
	byKeys, err := s.storeID()
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("ab", 16)
	if err := s.publishID(other); err != nil {
		t.Fatal(err)
	}
	if id, err := s.storeID(); id != byKeys || err != nil {
		t.Errorf("with keys: %s, %v, want %s", id, err, byKeys)
	}
	s.Keys = filepath.Join(s.Dir, "none")
	if id, err := s.storeID(); id != other || err != nil {
		t.Errorf("without keys: %s, %v, want %s", id, err, other)
	}
	if err := os.WriteFile(s.storeIDFile(), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if id, err := s.storeID(); id != "" || err == nil {
		t.Errorf("without either: %s, %v", id, err)
	}
}

// TestPublishID: whatever stood there, everybody can read the id afterwards,
// and nothing else is left beside it.
func TestPublishID(t *testing.T) {
	dir := t.TempDir()
	s := &settings{Dir: dir, Config: filepath.Join(dir, configName)}
	two := &settings{Dir: dir, Config: filepath.Join(dir, "second.yaml")}
	for range 2 {
		if err := s.publishID("11"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(s.storeIDFile(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*settings{s, two} {
		if err := p.publishID("22"); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(p.storeIDFile())
		if err != nil || st.Mode().Perm() != 0o644 || st.Size() != 3 {
			t.Errorf("%s: %v, %v", p.storeIDFile(), st, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "second.store-id" || entries[1].Name() != "store-id" {
		t.Errorf("%v, %v", entries, err)
	}
	gone := &settings{Dir: filepath.Join(dir, "x"), Config: filepath.Join(dir, "x", configName)}
	if gone.publishID("33") == nil {
		t.Error("published in a directory that is not there")
	}
}

// TestOwnLog: the readers of the log get what has no group of its own yet.
func TestOwnLog(t *testing.T) {
	dir := t.TempDir()
	for name, gid := range map[string]int{"audit.jsonl": 0, "audit-1.jsonl.gz": 0, "audit-9.jsonl": 4242, "other": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(dir, name), -1, gid); err != nil {
			t.Fatal(err)
		}
	}
	if err := ownLog(dir, -1); err != nil || groupOf(t, dir) != 0 {
		t.Errorf("without a group: %v, directory has %d", err, groupOf(t, dir))
	}
	if err := ownLog(dir, 4141); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint32{"": 4141, "audit.jsonl": 4141, "audit-1.jsonl.gz": 4141, "audit-9.jsonl": 4242, "other": 0} {
		if got := groupOf(t, filepath.Join(dir, name)); got != want {
			t.Errorf("%q has group %d, want %d", name, got, want)
		}
	}
}

func groupOf(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Gid
}
