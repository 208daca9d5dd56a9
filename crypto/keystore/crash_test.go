package keystore

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matterfs/crypto"
)

var (
	errStop  = errors.New("the world stopped here")
	hexNames = regexp.MustCompile(`[0-9a-f]{32}`)
)

// world records the calls that change a directory, stops before the one numbered
// stopAt, and keeps what a power cut at that time would leave: of each directory, what
// it held when it was last synced.
type world struct {
	dir     string
	calls   []string
	stopAt  int // -1: never
	durable map[string]map[string][]byte
	pending func()
}

func newWorld(t testing.TB, dir string, stopAt int) *world {
	w := &world{dir: dir, stopAt: stopAt, durable: map[string]map[string][]byte{}}
	for _, sub := range []string{".", mattersName} {
		if _, err := os.Stat(filepath.Join(dir, sub)); err == nil {
			w.durable[sub] = w.snapshot(t, sub)
		}
	}
	return w
}

func (w *world) step(t testing.TB) func(call, name string) error {
	return func(call, name string) error {
		w.settle()
		if len(w.calls) == w.stopAt {
			return errStop
		}
		w.calls = append(w.calls, hexNames.ReplaceAllString(call+" "+name, "KEYID"))
		if call == "fsync" && (name == "." || name == mattersName) {
			s := w.snapshot(t, name)
			w.pending = func() { w.durable[name] = s }
		}
		return nil
	}
}

// settle takes the last sync as done.
func (w *world) settle() {
	if w.pending != nil {
		w.pending()
		w.pending = nil
	}
}

func (w *world) snapshot(t testing.TB, sub string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.dir, sub))
	must(t, err)
	s := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() {
			s[e.Name()] = nil
			continue
		}
		b, err := os.ReadFile(filepath.Join(w.dir, sub, e.Name()))
		must(t, err)
		s[e.Name()] = append([]byte{}, b...)
	}
	return s
}

// afterwards returns the directories that may be found after the stop: everything
// that was called took effect, or only what was synced.
func (w *world) afterwards(t testing.TB) map[string]string {
	t.Helper()
	live := filepath.Join(t.TempDir(), "keys")
	if _, err := os.Stat(w.dir); err == nil {
		must(t, os.CopyFS(live, os.DirFS(w.dir)))
	}
	synced := filepath.Join(t.TempDir(), "keys")
	for _, sub := range []string{".", mattersName} {
		if _, listed := w.durable["."][sub]; sub != "." && !listed {
			continue
		}
		must(t, os.MkdirAll(filepath.Join(synced, sub), 0o700))
		for name, b := range w.durable[sub] {
			if b != nil {
				must(t, os.WriteFile(filepath.Join(synced, sub, name), b, 0o600))
			}
		}
	}
	return map[string]string{"crash": live, "power cut": synced}
}

// stops runs try with a stop before each call, until nothing is left to stop.
func stops(t *testing.T, try func(t *testing.T, stopAt int) (stopped bool)) {
	t.Helper()
	for n := 0; ; n++ {
		if !try(t, n) {
			if n < 5 {
				t.Fatalf("only %d calls were stopped", n)
			}
			return
		}
	}
}

func TestInitStopsAnywhere(t *testing.T) {
	stops(t, func(t *testing.T, n int) bool {
		f := people(t)
		w := newWorld(t, f.dir, n)
		k, err := initWith(f.dir, f.options(), w.step(t))
		w.settle()
		for what, dir := range w.afterwards(t) {
			f.dir = dir
			found, openErr := Open(dir, f.asAdmin())
			switch {
			case openErr == nil:
				found.Lock()
			case err == nil || !errors.Is(openErr, ErrNoKeystore):
				t.Fatalf("%s before call %d (%v): Open says %v", what, n, w.calls, openErr)
			default:
				again, err := Init(dir, InitOptions{Recovery: []string{f.recoveryKey}})
				if err != nil {
					t.Fatalf("%s before call %d (%v): second Init says %v", what, n, w.calls, err)
				}
				again.Lock()
				opened, err := Open(dir, Unlock{Identity: f.recovery})
				must(t, err)
				opened.Lock()
			}
		}
		if err == nil {
			k.Lock()
			return false
		}
		wantErr(t, err, errStop)
		return true
	})
}

func TestCreateStopsAnywhere(t *testing.T) {
	base := newFirm(t)
	stops(t, func(t *testing.T, n int) bool {
		f := base.copied(t)
		w := newWorld(t, f.dir, n)
		k, err := openWith(f.dir, f.asAdmin(), w.step(t))
		must(t, err)
		defer k.Lock()
		id, err := k.Create("2026-0003")
		w.settle()
		for what, dir := range w.afterwards(t) {
			c := *f
			c.dir = dir
			found := c.open(t, c.asAdmin())
			if err == nil && *secretOf(t, found, id) != *secretOf(t, k, id) {
				t.Fatalf("%s: another key than was handed out", what)
			}
			c.wantUsable(t, found, "2026-0003")
		}
		if err == nil {
			return false
		}
		wantErr(t, err, errStop)
		if _, ok := k.Matters()["2026-0003"]; ok {
			t.Fatalf("a Create that failed before call %d gave a key", n)
		}
		w.stopAt = -1 // the disk has room again: the same keystore goes on
		id, err = k.Create("2026-0003")
		must(t, err)
		w.settle()
		for what, dir := range w.afterwards(t) {
			c := *f
			c.dir = dir
			if again := c.open(t, c.asAdmin()); *secretOf(t, again, id) != *secretOf(t, k, id) {
				t.Fatalf("after a failure before call %d and a %s the key is not kept", n, what)
			}
		}
		return true
	})
}

// wantUsable checks that a matter has a key or can get one, and that it stays.
func (f *firm) wantUsable(t *testing.T, k *Keystore, matter string) {
	t.Helper()
	id, ok := k.Matters()[matter]
	if !ok {
		var err error
		id, err = k.Create(matter)
		must(t, err)
	}
	secret := *secretOf(t, k, id)
	if again := f.open(t, f.asAdmin()); *secretOf(t, again, id) != secret || len(again.Strays()) != 0 {
		t.Fatal("the key is not the same after opening again")
	}
}

// unlisted returns a firm whose second key is not in the manifest, as a crash
// between key file and manifest leaves it.
func unlisted(t *testing.T) *firm {
	f := newFirm(t)
	must(t, os.Rename(f.path(keyFile(f.second)), f.path("aside")))
	f.writeListOfFirst(t)
	must(t, os.Rename(f.path("aside"), f.path(keyFile(f.second))))
	return f
}

// writeListOfFirst writes a manifest that names the first key only.
func (f *firm) writeListOfFirst(t *testing.T) {
	t.Helper()
	k, err := newKeystore()
	must(t, err)
	defer k.discard()
	k.disk, k.head, err = find(f.dir)
	must(t, err)
	must(t, k.unlock(f.asAdmin()))
	l, _, err := k.readList()
	must(t, err)
	l.keys = l.keys[:1]
	_, err = k.saveList(l)
	must(t, err)
}

func TestAnUnlistedKeyIsAdopted(t *testing.T) {
	f := unlisted(t)
	k := f.open(t, f.asAdmin())
	if k.Matters()[secondMatter] != f.second {
		t.Fatalf("matters: %v", k.Matters())
	}
	secretOf(t, k, f.second)
	must(t, os.Remove(f.path(keyFile(f.second)))) // listed now: its loss is noticed
	_, err := Open(f.dir, f.asAdmin())
	wantDamage(t, err, keyFile(f.second))
}

func TestADamagedUnlistedKeyIsNotAdopted(t *testing.T) {
	f := unlisted(t)
	b := f.read(t, keyFile(f.second))
	b[200] ^= 1
	f.write(t, keyFile(f.second), b)
	k := f.open(t, f.asAdmin())
	if s := k.Strays(); len(s) != 1 || s[0].Why != "does not authenticate" || len(k.Matters()) != 1 {
		t.Fatalf("strays %v, matters %v", s, k.Matters())
	}
}

// The name of the unlisted file is not durable yet: it must be before it is listed.
func TestAdoptionStopsAnywhere(t *testing.T) {
	base := unlisted(t)
	stops(t, func(t *testing.T, n int) bool {
		f := base.copied(t)
		w := newWorld(t, f.dir, n)
		delete(w.durable[mattersName], f.second.String())
		k, err := openWith(f.dir, f.asAdmin(), w.step(t))
		w.settle()
		for what, dir := range w.afterwards(t) {
			c := *f
			c.dir = dir
			found := c.open(t, c.asAdmin())
			if (err == nil || what == "crash") && found.Matters()[secondMatter] != f.second {
				t.Fatalf("%s before call %d: the key is lost", what, n)
			}
		}
		if err == nil {
			k.Lock()
			return false
		}
		wantErr(t, err, errStop)
		return true
	})
}

func TestOpenRemovesTheMarkOfInit(t *testing.T) {
	f := newFirm(t)
	f.write(t, initName, nil)
	f.open(t, f.asAdmin())
	if _, err := os.Stat(f.path(initName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", initName, err)
	}
}

// The package documentation lists the system calls; these are they.
func TestDocumentedOrder(t *testing.T) {
	f := people(t)
	w := newWorld(t, f.dir, -1)
	k, err := initWith(f.dir, InitOptions{Recipients: []string{f.adminKey}}, w.step(t))
	must(t, err)
	defer k.Lock()
	wantCalls(t, "Init:", w.calls)
	w.calls = nil
	_, err = k.Create(firstMatter)
	must(t, err)
	wantCalls(t, "Create:", w.calls)
}

func wantCalls(t *testing.T, after string, got []string) {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	must(t, err)
	_, rest, ok := strings.Cut(string(doc), after+"\n\n")
	if !ok {
		t.Fatalf("doc.go has no list after %q", after)
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	want := strings.Split(strings.ReplaceAll(block, "\t", ""), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("%s\ncalls      %q\ndocumented %q", after, got, want)
	}
}

func TestPowerCutModelForgetsUnsyncedNames(t *testing.T) {
	f := newFirm(t)
	w := newWorld(t, f.dir, -1)
	f.write(t, keyFile(crypto.NewID()), []byte("never synced"))
	entries, err := os.ReadDir(filepath.Join(w.afterwards(t)["power cut"], mattersName))
	if err != nil || len(entries) != 2 {
		t.Fatalf("the model kept %v, %v", entries, err)
	}
}
