package store_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// The crash simulator: a random workload on a disk in memory, crashed before
// each of the calls that the store makes, and what is found afterwards compared
// with an oracle. Package crashdisk says what a crash may leave.

// simKey is a keystore of one matter.
type simKey struct {
	id  crypto.ID
	key *crypto.Key
}

func (k simKey) Key(id crypto.ID) (*crypto.Key, string, uint32, error) {
	if id != k.id {
		return nil, "", 0, errors.New("no such key")
	}
	return k.key, "m1", 1, nil
}

// sim is one workload.
type sim struct {
	seed  uint64
	rng   *rand.Rand // of the workload
	dice  *rand.Rand // of the crashes
	disk  *crashdisk.Disk
	store *store.Store
	root  *store.Object
	open  []*opened

	journal int64 // bytes after which it is copied home
	id      crypto.ID
	key     *crypto.Key
	keys    simKey
	tune    func(*store.Options)

	mu      sync.Mutex // the hook may be called by the store's own goroutines
	clock   time.Time
	model   model
	history []string
	plan    plan
	tally   tally
	idle    bool  // only timers run
	found   error // first violation
}

// plan says what is crashed.
type plan struct {
	kinds  []crashdisk.Kind
	chance float64 // of a crash at a step, for each kind
	again  float64 // of one more crash during the recovery
	steps  int     // operations
	limit  int     // crashes

	age time.Duration // of journals, on the clock of package time; less than 0: for ever
}

// tally counts.
type tally struct {
	steps, crashes int
	again          int // crashes in a recovery
	idle           int // steps of the store's timers
}

func (t *tally) add(u tally) {
	t.steps += u.steps
	t.crashes += u.crashes
	t.again += u.again
	t.idle += u.idle
}

// opened is a handle of the workload.
type opened struct {
	h *store.Handle
	o *thing
}

func newSim(seed uint64, p plan, tune func(*store.Options)) (*sim, error) {
	s := &sim{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)),
		disk: crashdisk.New(), id: crypto.NewID(), key: crypto.NewKey(),
		keys:  simKey{crypto.NewID(), crypto.NewKey()},
		clock: time.Unix(1_800_000_000, 0), plan: p, tune: tune}
	s.journal = []int64{16 << 10, 64 << 10, 8 << 20}[s.rng.IntN(3)]
	if err := store.Create(s.disk, s.id, s.key); err != nil {
		return nil, err
	}
	var err error
	if s.store, err = s.openStore(s.disk); err != nil {
		return nil, err
	}
	s.root, err = s.store.CreateMatter("m1", s.keys.id, "甲公司", store.NewAttr{UID: 1, Mode: 0o770})
	if err != nil {
		return nil, err
	}
	s.model = model{root: s.root.ID(), byID: map[crypto.ID]*thing{}, young: true, blocked: map[loc]bool{}}
	root := newThing(crypto.Dir, loc{}, 0o770)
	root.locs, root.synced = []loc{{name: "甲公司"}}, true
	s.model.add(root, s.root.ID())
	s.disk.SetHook(s.hook)
	return s, nil
}

func (s *sim) openStore(d store.Disk) (*store.Store, error) {
	now := s.clock
	o := store.Options{Now: func() time.Time { return now }, JournalAge: -1, JournalBytes: s.journal}
	if d == store.Disk(s.disk) {
		o.JournalAge = s.plan.age
		o.Now = func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.clock }
	}
	if s.tune != nil {
		s.tune(&o)
	}
	return store.Open(d, s.id, s.key, s.keys, o)
}

func (s *sim) say(format string, args ...any) {
	s.history = append(s.history, fmt.Sprintf(format, args...))
}

// failed describes the first violation so that it can be found again.
func (s *sim) failed() error {
	if s.found == nil {
		return nil
	}
	from := max(0, len(s.history)-60)
	return fmt.Errorf("seed %d: %w\nafter:\n  %s", s.seed, s.found, strings.Join(s.history[from:], "\n  "))
}

// hook crashes the disk before a call.
func (s *sim) hook(step crashdisk.Step) crashdisk.Fault {
	if !step.Op.Changes() {
		return crashdisk.Fault{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.steps++
	if s.idle {
		s.tally.idle++
	}
	s.say("      %s %.12q %d+%d", step.Op, step.Name, step.Off, step.Len)
	var im *crashdisk.Image
	for _, kind := range s.plan.kinds {
		if s.found != nil || s.tally.crashes >= s.plan.limit || s.dice.Float64() >= s.plan.chance {
			continue
		}
		if im == nil {
			im = step.Image()
		}
		s.found = s.crash(im, kind)
	}
	return crashdisk.Fault{}
}

// crash looks at what a crash leaves; mu is held.
func (s *sim) crash(im *crashdisk.Image, kind crashdisk.Kind) error {
	s.tally.crashes++
	d := im.Crash(kind, s.dice)
	cut := kind != crashdisk.Kill
	if s.dice.Float64() >= s.plan.again {
		return named(s.recovered(d, cut, nil), "%v", kind)
	}
	var images []*crashdisk.Image
	err := s.recovered(d, cut, func(st crashdisk.Step) crashdisk.Fault {
		if st.Op.Changes() {
			images = append(images, st.Image())
		}
		return crashdisk.Fault{}
	})
	if err != nil || len(images) == 0 {
		return named(err, "%v", kind)
	}
	second := s.plan.kinds[s.dice.IntN(len(s.plan.kinds))]
	k := s.dice.IntN(len(images))
	s.tally.crashes++
	s.tally.again++
	d = images[k].Crash(second, s.dice)
	return named(s.recovered(d, cut || second != crashdisk.Kill, nil), "%v, then %v in recovery at call %d of %d", kind, second, k, len(images))
}

func named(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

// recovered opens the store on a disk as a crash left it and checks all.
func (s *sim) recovered(d *crashdisk.Disk, cut bool, hook crashdisk.Hook) error {
	if !cut && len(s.model.blocked) == 0 { // before recovery too: all is there after a kill
		if err := s.fsck(d); err != nil {
			return err
		}
	}
	d.SetHook(hook)
	first, err := s.readBack(d)
	if err != nil {
		return err
	}
	d.SetHook(nil)
	if err := s.model.check(first, cut); err != nil {
		return err
	}
	if len(first.bad) == 0 { // else there is a folder that nobody can look into
		if err := leftovers(d); err != nil {
			return err
		}
	}
	if s.dice.IntN(4) > 0 {
		return nil
	}
	if len(first.bad) == 0 {
		if err := s.fsck(d); err != nil {
			return err
		}
	}
	second, err := s.readBack(d)
	if err != nil {
		return err
	}
	return first.same(second)
}

// readBack opens the store, reads all of it and closes it.
func (s *sim) readBack(d *crashdisk.Disk) (*dump, error) {
	st, err := s.openStore(d)
	if err != nil {
		return nil, broken("store", "does not open: %v", err)
	}
	list := st.Matters()
	if len(list) != 1 || list[0].Err != nil {
		return nil, broken("store", "matters %v", list)
	}
	tree, err := readTree(list[0].Root)
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, broken("store", "does not close: %v", err)
	}
	if n := d.OpenNodes(); n != 0 {
		return nil, broken("store", "%d descriptors are left open", n)
	}
	return tree, nil
}

// leftovers looks for what recovery and a clean end must not leave.
func leftovers(d store.Disk) error {
	root, err := d.OpenRoot()
	if err != nil {
		return err
	}
	defer root.Close()
	return leftoversIn(root, "")
}

func leftoversIn(d store.Dir, where string) error {
	list, err := d.List()
	if err != nil {
		return err
	}
	excused := map[string]bool{}
	for _, e := range list {
		if unnamed(d, e.Name) {
			excused[".j."+hashed(e.Name)] = true
		}
	}
	for _, e := range list {
		inside := where == ".mfs.tmp" || where == ".mfs.trash"
		if inside || strings.HasPrefix(e.Name, ".j.") && !excused[e.Name] || strings.HasPrefix(e.Name, ".mfs.t.") || e.Name == ".mfs.next" {
			return broken("leftover", "%q in %q", e.Name, where)
		}
		if e.Type != store.TypeDir || e.Name == ".mfs.lost" || unnamed(d, e.Name) {
			continue
		}
		sub, err := d.OpenDir(e.Name)
		if err != nil {
			return err
		}
		err = leftoversIn(sub, e.Name)
		if cerr := sub.Close(); err != nil || cerr != nil {
			return errors.Join(err, cerr)
		}
	}
	return nil
}

// unnamed reports a file or folder with a long name of which only the hash
// reached the disk. Nothing in it was ever synced, nobody can list it, and fsck
// finds it, and the journal of such a file.
func unnamed(d store.Dir, name string) bool {
	if !strings.HasPrefix(name, crypto.LongPrefix) || strings.HasSuffix(name, ".n") {
		return false
	}
	f, err := d.OpenFile(name + ".n")
	if err != nil {
		return true
	}
	defer f.Close()
	p := make([]byte, 1024)
	n, err := f.ReadAt(p, 0)
	return err != nil || name != crypto.LongPrefix+hashed(string(p[:n]))
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
