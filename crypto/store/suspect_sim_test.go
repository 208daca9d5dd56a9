package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// belief is a workload on one file, of which one sync fails and leaves the pages
// that it did not write for clean. What is said to be durable after that must be
// there after a power cut, and when the kernel forgets its pages.
type belief struct {
	*stage
	calls, at int  // syncs so far, and which one fails
	hit       bool // it has
	closed    bool
	blocks    [8][]byte // letters that each block may have, '.' zeros
	sizes     []int     // in blocks
	did       []string
}

func newBelief(seed uint64, at int, tune func(*store.Options)) (*belief, error) {
	b := &belief{at: at}
	g, err := newStage("aaaa", func(o *store.Options) {
		o.JournalBytes = 12 << 10
		if tune != nil {
			tune(o)
		}
	})
	if err != nil {
		return nil, err
	}
	b.stage = g
	b.rng = rand.New(rand.NewPCG(seed, 7))
	b.promise("aaaa")
	b.disk.SetHook(func(s crashdisk.Step) crashdisk.Fault {
		if s.Op != crashdisk.Sync {
			return crashdisk.Fault{}
		}
		if b.calls++; b.calls != b.at {
			return crashdisk.Fault{}
		}
		b.hit = true
		return crashdisk.Fault{Err: syscall.EIO, Lost: true}
	})
	return b, nil
}

// promise forgets what the file was before it became durable as s.
func (b *belief) promise(s string) {
	b.sizes = []int{len(s)}
	for i := range b.blocks {
		b.blocks[i] = []byte{'.'}
		if i < len(s) {
			b.blocks[i] = []byte{s[i]}
		}
	}
}

// check wants that each block is as it was when it was last durable, or newer.
func (b *belief) check(when, s string) error {
	s = strings.ReplaceAll(s, "\x00", ".")
	ok := slices.Contains(b.sizes, len(s)) && s != "?"
	for i := range len(s) {
		ok = ok && slices.Contains(b.blocks[i], s[i])
	}
	if ok {
		return nil
	}
	return broken("sync", "%s: found %q, want sizes %v of %q", when, s, b.sizes, b.blocks)
}

func (b *belief) letters() (string, error) {
	p, err := contentOfHandle(b.f.h)
	if err != nil {
		return "?", err
	}
	return blockLetters(p), nil
}

func blockLetters(p []byte) string {
	var s strings.Builder
	for i := 0; i < len(p); i += block {
		s.WriteByte(max(p[i], '.'))
	}
	return s.String()
}

// step does one thing at random; only an error of the disk may stop it.
func (b *belief) step() error {
	i, c := b.rng.IntN(8), byte('b'+b.rng.IntN(20))
	what := []string{"put", "put", "put", "sync", "sync", "cut", "reopen"}[b.rng.IntN(7)]
	err := b.do(what, i, c)
	b.did = append(b.did, fmt.Sprintf("%s %d %c: %v", what, i, c, err))
	if err != nil && !(b.hit && errors.Is(err, syscall.EIO)) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (b *belief) do(what string, i int, c byte) error {
	if b.closed {
		what = "reopen"
	}
	switch what {
	case "put":
		b.blocks[i] = append(b.blocks[i], c)
		for n := b.sizes[len(b.sizes)-1]; n <= i; n++ {
			b.sizes = append(b.sizes, n+1)
		}
		return b.put(string(c), i)
	case "cut":
		b.sizes = append(b.sizes, i)
		for k := i; k < len(b.blocks); k++ {
			b.blocks[k] = append(b.blocks[k], '.')
		}
		return b.f.h.Truncate(uint64(i * block))
	case "sync":
		return b.sync()
	}
	return b.reopen()
}

func (b *belief) sync() error {
	if err := b.f.h.Sync(); err != nil {
		return err
	}
	s, err := b.letters()
	if err != nil {
		return err
	}
	if err := b.check("read after a sync", s); err != nil {
		return err
	}
	b.promise(s)
	return nil
}

func (b *belief) reopen() error {
	var err error
	if !b.closed {
		err = b.f.h.Close()
		b.closed = true
	}
	if oerr := b.openAgain(); err != nil || oerr != nil {
		b.closed = oerr != nil
		return errors.Join(err, oerr)
	}
	b.closed = false
	s, err := b.letters()
	if err != nil {
		return err
	}
	b.sizes = append(b.sizes, len(s))
	return nil
}

// believe runs it and looks at the disk after a power cut at each step behind
// the failure. ended: the workload has not so many syncs.
func believe(seed uint64, at int, tune func(*store.Options)) (ended bool, err error) {
	b, err := newBelief(seed, at, tune)
	if err != nil {
		return false, err
	}
	defer b.disk.SetHook(nil)
	dice := rand.New(rand.NewPCG(seed, uint64(at)))
	for range 24 {
		if err := b.step(); err != nil {
			return false, b.told(err)
		}
		if !b.hit {
			continue
		}
		kind := []crashdisk.Kind{crashdisk.PowerCut, crashdisk.Kill}[dice.IntN(2)]
		d := b.disk.Image().Crash(kind, dice)
		s, err := b.after(d, 0)
		if err == nil && kind == crashdisk.Kill {
			err = b.check("after a kill", s)
			d.DropCaches() // what recovery calls durable is on the disk
		}
		if err == nil {
			s, err = b.after(d, 0)
		}
		if err == nil {
			err = b.check("on the disk", s)
		}
		if err != nil {
			return false, b.told(err)
		}
	}
	return !b.hit, nil
}

func (b *belief) told(err error) error {
	return fmt.Errorf("sync %d fails: %w\nafter: %s", b.at, err, strings.Join(b.did, "; "))
}

// believed fails every sync of some workloads.
func believed(tune func(*store.Options)) error {
	runs := 0
	for seed := uint64(1); seed <= max(12/slowdown, 3); seed++ {
		for at := 1; ; at++ {
			ended, err := believe(seed, at, tune)
			if err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			if ended {
				break
			}
			runs++
		}
	}
	if runs < 100/slowdown {
		return fmt.Errorf("only %d syncs failed", runs)
	}
	return nil
}

func TestFailedSyncIsNotRepeated(t *testing.T) {
	g, err := newStage("aa", nil)
	if err != nil {
		t.Fatal(err)
	}
	fail := true
	g.disk.SetHook(func(s crashdisk.Step) crashdisk.Fault {
		if fail && s.Op == crashdisk.Sync {
			return crashdisk.Fault{Err: syscall.ENOSPC, Lost: true}
		}
		return crashdisk.Fault{}
	})
	if err := g.put("b", 0); err != nil {
		t.Fatal(err)
	}
	if err := g.f.h.Sync(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the sync that fails: %v", err)
	}
	fail = false
	var lost *store.SyncError
	for what, err := range map[string]error{"sync": g.f.h.Sync(), "write": g.put("c", 1), "truncate": g.f.h.Truncate(0), "close": g.f.h.Close()} {
		if !errors.As(err, &lost) || !errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s afterwards: %v", what, err)
		}
	}
	if err := g.openAgain(); err != nil {
		t.Fatal(err)
	}
	if p, err := contentOfHandle(g.f.h); err != nil || blockLetters(p) != "aa" {
		t.Errorf("read again it is %q, %v", blockLetters(p), err)
	}
	if err := errors.Join(g.put("d", 1), g.f.h.Sync(), g.f.h.Close()); err != nil {
		t.Errorf("opened again: %v", err)
	}
	g.disk.DropCaches()
	if err := g.want(g.disk.Image().Crash(crashdisk.PowerCut, rand.New(rand.NewPCG(1, 1))), 0, "ad"); err != nil {
		t.Error(err)
	}
}

// A folder's .mfs.dir and the side file of a long name are written anew when
// their sync failed: the next sync that works means that they are there.
func TestFailedSyncOfSideFiles(t *testing.T) {
	name := strings.Repeat("长", 60)
	for at := 1; ; at++ {
		s, err := newSim(3, simPlan(nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		s.disk.SetHook(func(st crashdisk.Step) crashdisk.Fault {
			if st.Op == crashdisk.Sync {
				calls++
			}
			if st.Op == crashdisk.Sync && calls == at {
				return crashdisk.Fault{Err: syscall.EIO, Lost: true}
			}
			return crashdisk.Fault{}
		})
		told, err := makeDeep(s.root, name)
		if err != nil {
			t.Fatalf("sync %d fails: %v", at, err)
		}
		if calls < at {
			if at < 5 {
				t.Errorf("only %d syncs", calls)
			}
			return
		}
		if told == 0 {
			t.Errorf("sync %d failed and nobody was told", at)
		}
		d := s.disk.Image().Crash(crashdisk.PowerCut, s.dice)
		tree, err := s.readBack(d)
		if err != nil {
			t.Fatalf("sync %d fails: %v", at, err)
		}
		if len(tree.bad) > 0 || len(tree.order) != 4 {
			t.Errorf("sync %d fails: %d objects, unreadable %v", at, len(tree.order), tree.bad)
		}
	}
}

// makeDeep makes a folder, one with a long name in it, and a file there, and
// syncs until that works; a file that says that its fsync failed is replaced.
func makeDeep(root *store.Object, name string) (told int, err error) {
	a, err := root.Mkdir("a", simAttr)
	if err != nil {
		return 0, err
	}
	defer a.Release()
	b, err := a.Mkdir(name, simAttr)
	if err != nil {
		return 0, err
	}
	defer b.Release()
	for range 5 {
		o, h, _, err := b.Create(name, simAttr, true)
		if err != nil {
			return told, err
		}
		_, err = h.WriteAt(letters("x"), 0)
		first := errors.Join(err, h.Sync())
		again := h.Sync()
		cerr := h.Close()
		o.Release()
		if first != nil || cerr != nil {
			told++
		}
		if again == nil && cerr == nil {
			return told, nil
		}
		// Of one whose header is lost as well the name goes by itself.
		if err := b.Unlink(name); err != nil && !errors.Is(err, syscall.ENOENT) {
			return told, err
		}
	}
	return told, errors.New("never durable")
}
