package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeDisk is a directory that fails when it is told to, and of which a power cut leaves what had to be on the medium, and perhaps more.
type fakeDisk struct {
	files, medium map[string]string
	left          int // calls until one fails; negative: none does
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{map[string]string{}, map[string]string{}, -1}
}

var errDisk = errors.New("the disk fails")

func (d *fakeDisk) fails() bool {
	d.left--
	return d.left == -1
}

func (d *fakeDisk) Read(name string) ([]byte, error) {
	if b, ok := d.files[name]; ok {
		return []byte(b), nil
	}
	return nil, fs.ErrNotExist
}

func (d *fakeDisk) Write(name string, b []byte) error {
	d.files[name] = string(b)
	if d.fails() {
		d.files[name] = string(b[:len(b)/2])
		return errDisk
	}
	return nil
}

func (d *fakeDisk) Rename(from, to string) error {
	if d.fails() {
		return errDisk
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *fakeDisk) Sync() error {
	if d.fails() {
		return errDisk
	}
	d.medium = maps.Clone(d.files)
	return nil
}

// powerCut leaves names as they were at the last Sync, or as they are: the system may have written them in between.
func (d *fakeDisk) powerCut(lucky bool) {
	if !lucky {
		d.files = maps.Clone(d.medium)
	}
	d.medium, d.left = maps.Clone(d.files), -1
}

// branches are two histories of one log that part after some records.
const parted = 5

func branches(t *testing.T) (a, b *foreignLog) {
	t.Helper()
	a = newForeignLog(t, "example.com/log")
	b = &foreignLog{origin: a.origin, key: a.key}
	for _, l := range []*foreignLog{a, b} {
		l.add(t, numbered(0, parted)...)
	}
	a.add(t, numbered(1000, 20)...)
	b.add(t, numbered(2000, 20)...)
	return a, b
}

// faulty is a witness on such a disk, with what it has signed.
type faulty struct {
	t      *testing.T
	dir    string
	disk   *fakeDisk
	a, b   *foreignLog
	w      *Witness
	signed map[string]bool // branches of which signatures have left
	most   uint64          // greatest size signed
}

func newFaulty(t *testing.T, a, b *foreignLog) *faulty {
	t.Helper()
	f := &faulty{t: t, dir: t.TempDir(), disk: newFakeDisk(), a: a, b: b, signed: map[string]bool{}}
	if _, err := Init(f.dir, "w"); err != nil {
		t.Fatal(err)
	}
	f.open()
	return f
}

func (f *faulty) open() {
	f.t.Helper()
	if f.w != nil {
		f.w.Close()
	}
	w, err := Open(Options{Dir: f.dir, Logs: []string{f.a.vkey()}, files: f.disk})
	if err != nil {
		f.t.Fatal(err)
	}
	f.w = w
	f.t.Cleanup(func() { w.Close() })
	if have := f.size(); have < f.most {
		f.t.Fatalf("%d records were signed, after a restart it knows of %d", f.most, have)
	}
}

func (f *faulty) size() uint64 {
	for _, l := range f.w.logs {
		return l.state.last.Size
	}
	return 0
}

// bring submits a branch from where the witness stands, and reports whether it was signed.
func (f *faulty) bring(name string, l *foreignLog, size int64) bool {
	f.t.Helper()
	g, why := parseGrowth(l.body(f.t, int64(f.size()), size))
	if why != "" {
		f.t.Fatal(why)
	}
	line, err := f.w.AddCheckpoint(g)
	if err != nil {
		if line != "" {
			f.t.Fatal("a signature comes with an error")
		}
		return false
	}
	if size > parted {
		f.signed[name] = true
	}
	f.most = max(f.most, uint64(size))
	if len(f.signed) > 1 {
		f.t.Fatal("two histories are signed")
	}
	return true
}

// Whatever call fails, and wherever the power goes, one history is signed, and what was signed is known.
func TestEveryFaultLeavesOneHistory(t *testing.T) {
	a, b := branches(t)
	const calls = 3 // of a change of state
	for at := range calls {
		for _, then := range []string{"goes on", "restarts", "power cut", "power cut, names written"} {
			for _, next := range []*foreignLog{a, b} {
				t.Run(fmt.Sprintf("call %d fails, %s, branch %t", at, then, next == a), func(t *testing.T) {
					f := newFaulty(t, a, b)
					if !f.bring("", a, parted) {
						t.Fatal("not signed without a fault")
					}
					f.disk.left = at
					if f.bring("a", a, 12) {
						t.Fatal("signed although the state was not kept")
					}
					f.disk.left = -1
					switch then {
					case "restarts":
						f.open()
					case "power cut", "power cut, names written":
						f.disk.powerCut(then != "power cut")
						f.open()
					}
					one := f.bring("next", next, 14)
					f.signed = map[string]bool{}
					other := map[bool]*foreignLog{true: b, false: a}[next == a]
					if two := f.bring("other", other, 16); one && two {
						t.Error("both histories are signed")
					} else if !one && !two {
						t.Error("neither history is signed any more")
					}
				})
			}
		}
	}
}

// The same at random, for long.
func TestRandomFaultsLeaveOneHistory(t *testing.T) {
	a, b := branches(t)
	rng := rand.New(rand.NewPCG(7, 7))
	signed := 0
	for range 150 {
		f := newFaulty(t, a, b)
		for range 30 {
			f.disk.left = rng.IntN(9) - 3
			size := min(int64(f.size())+rng.Int64N(4), 25)
			if name, l := "a", a; rng.IntN(2) == 0 && f.bring(name, l, size) {
				signed++
			} else if name, l = "b", b; f.bring(name, l, size) {
				signed++
			}
			if rng.IntN(3) == 0 {
				f.disk.powerCut(rng.IntN(2) == 0)
				f.open()
			}
		}
	}
	if signed < 500 {
		t.Errorf("only %d signatures were given: the runs show nothing", signed)
	}
}

// What cannot be read is not passed over: the witness would begin anew, and sign a second history.
func TestDamagedStateIsRefused(t *testing.T) {
	l := newForeignLog(t, "example.com/log")
	l.add(t, numbered(0, 5)...)
	s := startService(t, "", l.vkey())
	s.wantSigned(t, l, 0, 5)
	s.Close()
	path := filepath.Join(s.dir, logsName, Hash(l.origin))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := newForeignLog(t, "example.com/other")
	for name, b := range map[string]string{
		"empty":              "",
		"cut":                string(good[:len(good)-10]),
		"size changed":       strings.Replace(string(good), "\n5\n", "\n4\n", 1),
		"without signatures": strings.Split(string(good), "\n\n")[0] + "\n\n" + l.checkpoint(t, 5),
		"of another log":     strings.ReplaceAll(string(good), l.origin, other.origin),
		"key of another":     strings.Replace(string(good), l.vkey(), other.vkey(), 1),
		"no number":          strings.Replace(string(good), "\n0\n", "\nx\n", 1),
	} {
		if b == string(good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := Open(Options{Dir: s.dir, Logs: []string{l.vkey()}})
		if bad := (*StateError)(nil); !errors.As(err, &bad) || bad.Path != path {
			t.Errorf("%s: %v, %v", name, w, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(Options{Dir: s.dir, Logs: []string{l.vkey()}})
	if err != nil {
		t.Fatal(err)
	}
	if w2, err := Open(Options{Dir: s.dir, Logs: []string{l.vkey()}}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second witness works with the directory: %v, %v", w2, err)
	}
	w.Close()
}

// Another key cannot go on with what this one signed, and one that others can read is none.
func TestKeyIsGuarded(t *testing.T) {
	dir := t.TempDir()
	vkey, err := Init(dir, "witness.example/w1")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, KeyName)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if again, err := Init(dir, ""); again != vkey || err != nil {
		t.Errorf("%q, %v", again, err)
	}
	var bad *KeyError
	if _, err := Init(dir, "other"); !errors.As(err, &bad) {
		t.Errorf("a witness changes its name: %v", err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"readable":  func() error { return os.Chmod(path, 0o640) },
		"damaged":   func() error { return os.WriteFile(path, good[:len(good)-3], 0o600) },
		"no base64": func() error { return os.WriteFile(path, []byte(keyHead+"\nn\n!\n"), 0o600) },
		"short":     func() error { return os.WriteFile(path, []byte(keyHead+"\nn\nAAAA\n"), 0o600) },
		"bad name":  func() error { return os.WriteFile(path, []byte(strings.Replace(string(good), "/w1", " w1", 1)), 0o600) },
		"a link":    func() error { return errors.Join(os.Rename(path, path+".x"), os.Symlink(path+".x", path)) },
	} {
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, good, 0o600), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(Options{Dir: dir}); !errors.As(err, &bad) || bad.Path != path {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Init(dir, ""); !errors.As(err, &bad) {
			t.Errorf("%s: a new key takes its place: %v", name, err)
		}
	}
}
