package store_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

var (
	longName = strings.Repeat("长", 85)
	simNames = []string{"a", "b", "c", "合同.docx", longName}
)

var simAttr = store.NewAttr{UID: 7, Mode: 0o640}

// run does the operations of the plan, up to the first violation.
func (s *sim) run() error {
	for range s.plan.steps {
		s.pass(time.Millisecond) // no two timers of the store at once
		if err := s.step(); err != nil {
			return fmt.Errorf("seed %d: the workload itself: %w\nafter:\n  %s", s.seed, err, strings.Join(s.history, "\n  "))
		}
		if s.stopped() {
			return s.failed()
		}
	}
	if err := s.end(); err != nil {
		return err
	}
	return s.failed()
}

func (s *sim) stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found != nil || s.tally.crashes >= s.plan.limit
}

// do runs one operation whose effect is e.
func (s *sim) do(e effect, call func() error, after func()) error {
	s.mu.Lock()
	s.model.now = e
	s.say("%s", e.desc)
	s.mu.Unlock()
	if err := call(); err != nil {
		return fmt.Errorf("%s: %w", e.desc, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.model.done()
	if after != nil {
		after()
	}
	return nil
}

// step draws one operation.
func (s *sim) step() error {
	switch n := s.rng.IntN(100); {
	case n < 8:
		return s.create()
	case n < 14:
		return s.openOld()
	case n < 20:
		return s.closeOne()
	case n < 60:
		return s.useHandle()
	case n < 64:
		return s.mkdir()
	case n < 65:
		return s.symlink()
	case n < 69:
		return s.unlink()
	case n < 71:
		return s.rmdir()
	case n < 83:
		return s.rename()
	case n < 87:
		return s.syncDir()
	case n < 90:
		return s.setMode()
	case n < 94:
		return s.setXattr()
	case n < 96:
		return s.raise()
	case n < 97:
		return s.crashForGood()
	default:
		return s.wait()
	}
}

// any draws one of the things that are there and that f takes; nil if none is.
func (s *sim) any(f func(*thing) bool) *thing {
	var list []*thing
	for _, o := range s.model.things {
		if !o.gone() && f(o) {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[s.rng.IntN(len(list))]
}

func isDir(o *thing) bool  { return o.kind == crypto.Dir }
func isFile(o *thing) bool { return o.kind == crypto.File }

// place draws a place for something new or moved.
func (s *sim) place() loc {
	for {
		at := loc{s.any(isDir).id, simNames[s.rng.IntN(len(simNames))]}
		if !s.model.blocked[at] {
			return at
		}
	}
}

// object finds a thing in the store; the caller releases it.
func (s *sim) object(o *thing) (*store.Object, error) {
	at := s.root
	at.Retain()
	for _, name := range s.model.names(o) {
		next, err := at.Lookup(name)
		at.Release()
		if err != nil {
			return nil, fmt.Errorf("lookup of %q: %w", name, err)
		}
		at = next
	}
	return at, nil
}

// with runs f on the object of a thing.
func (s *sim) with(o *thing, f func(*store.Object) error) error {
	x, err := s.object(o)
	if err != nil {
		return err
	}
	defer x.Release()
	return f(x)
}

func (s *sim) create() error {
	at := s.place()
	if s.model.child(at.parent, at.name) != nil || len(s.open) > 6 {
		return nil
	}
	o := newThing(crypto.File, at, simAttr.Mode)
	var h *store.Handle
	call := func() error {
		return s.with(s.model.byID[at.parent], func(d *store.Object) error {
			x, nh, _, err := d.Create(at.name, simAttr, true)
			if err != nil {
				return err
			}
			o.id, h = x.ID(), nh
			x.Release()
			return nil
		})
	}
	e := effect{desc: fmt.Sprintf("create %.12q", at.name), made: o, moves: []move{{o, at}}}
	o.locs = []loc{{}}
	return s.do(e, call, func() {
		s.model.add(o, o.id)
		s.open = append(s.open, &opened{h, o})
	})
}

func (s *sim) mkdir() error {
	at := s.place()
	if s.model.child(at.parent, at.name) != nil || len(s.model.names(s.model.byID[at.parent])) > 2 {
		return nil
	}
	return s.make(crypto.Dir, at, simAttr.Mode, fmt.Sprintf("mkdir %.12q", at.name), func(d *store.Object) (*store.Object, error) {
		return d.Mkdir(at.name, simAttr)
	})
}

func (s *sim) symlink() error {
	at := s.place()
	if s.model.child(at.parent, at.name) != nil {
		return nil
	}
	return s.make(crypto.Symlink, at, 0o777, fmt.Sprintf("symlink %.12q", at.name), func(d *store.Object) (*store.Object, error) {
		return d.Symlink(at.name, "target", simAttr)
	})
}

func (s *sim) make(kind crypto.Kind, at loc, mode uint32, desc string, call func(*store.Object) (*store.Object, error)) error {
	o := newThing(kind, at, mode)
	o.locs = []loc{{}}
	if kind == crypto.Symlink {
		o.content = []byte("target")
	}
	return s.do(effect{desc: desc, made: o, moves: []move{{o, at}}}, func() error {
		return s.with(s.model.byID[at.parent], func(d *store.Object) error {
			x, err := call(d)
			if err != nil {
				return err
			}
			o.id = x.ID()
			x.Release()
			return nil
		})
	}, func() { s.model.add(o, o.id) })
}

func (s *sim) openOld() error {
	o := s.any(isFile)
	if o == nil || len(s.open) > 6 {
		return nil
	}
	return s.do(effect{desc: fmt.Sprintf("open %.12q", o.at().name)}, func() error {
		return s.with(o, func(x *store.Object) error {
			h, err := x.Open(true)
			if err == nil {
				s.open = append(s.open, &opened{h, o})
			}
			return err
		})
	}, nil)
}

func (s *sim) closeOne() error {
	if len(s.open) == 0 {
		return nil
	}
	i := s.rng.IntN(len(s.open))
	f := s.open[i]
	s.open = slices.Delete(s.open, i, i+1)
	return s.do(effect{desc: fmt.Sprintf("close %.12q", f.o.at().name)}, f.h.Close, nil)
}

func (s *sim) unlink() error {
	o := s.any(func(o *thing) bool { return !isDir(o) })
	if o == nil {
		return nil
	}
	at := o.at()
	return s.do(effect{desc: fmt.Sprintf("unlink %.12q", at.name), moves: []move{{o, loc{}}}}, func() error {
		return s.with(s.model.byID[at.parent], func(d *store.Object) error { return d.Unlink(at.name) })
	}, nil)
}

func (s *sim) rmdir() error {
	o := s.any(func(o *thing) bool { return isDir(o) && o.id != s.model.root && len(s.model.in(o.id)) == 0 })
	if o == nil {
		return nil
	}
	at := o.at()
	return s.do(effect{desc: fmt.Sprintf("rmdir %.12q", at.name), moves: []move{{o, loc{}}}}, func() error {
		return s.with(s.model.byID[at.parent], func(d *store.Object) error { return d.Rmdir(at.name) })
	}, nil)
}

func (s *sim) rename() error {
	o, to := s.any(func(o *thing) bool { return o.id != s.model.root }), s.place()
	if o == nil || o.at() == to || isDir(o) && s.model.isAbove(o, s.model.byID[to.parent]) {
		return nil
	}
	e := effect{moves: []move{{o, to}}}
	e.desc = fmt.Sprintf("rename %s to %.12q, other folder %v", s.model.describe(o), to.name, o.at().parent != to.parent)
	if v := s.model.child(to.parent, to.name); v != nil {
		if isDir(v) != isDir(o) || len(s.model.in(v.id)) > 0 || isDir(v) && s.model.isAbove(v, o) {
			return nil
		}
		e.moves = append(e.moves, move{v, loc{}})
		e.desc += " over it"
	}
	from := o.at()
	return s.do(e, func() error {
		return s.with(s.model.byID[from.parent], func(d *store.Object) error {
			return s.with(s.model.byID[to.parent], func(t *store.Object) error { return d.Rename(from.name, t, to.name, false) })
		})
	}, func() {
		if isDir(o) || o.synced && from.parent != to.parent {
			s.model.syncDir(from.parent)
			s.model.syncDir(to.parent)
		}
	})
}

func (s *sim) syncDir() error {
	o := s.any(isDir)
	return s.do(effect{desc: fmt.Sprintf("sync folder %.12q", o.at().name)}, func() error {
		return s.with(o, (*store.Object).SyncDir)
	}, func() {
		s.model.syncDir(o.id)
		s.model.syncPath(o)
		o.syncXattrs()
	})
}

func (s *sim) setMode() error {
	o, mode := s.any(func(*thing) bool { return true }), uint32(s.rng.IntN(0o1000))
	if o.kind == crypto.Symlink {
		return nil
	}
	return s.do(effect{desc: fmt.Sprintf("chmod %s %o", s.model.describe(o), mode), mode: o, newMode: mode}, func() error {
		return s.with(o, func(x *store.Object) error {
			_, err := x.SetAttr(store.SetAttr{Mode: &mode})
			return err
		})
	}, func() {
		if isDir(o) {
			o.modes = o.modes[len(o.modes)-1:]
		}
	})
}

func (s *sim) setXattr() error {
	o := s.any(func(o *thing) bool { return o.kind != crypto.Symlink })
	e := effect{xattr: o, name: "user." + simNames[s.rng.IntN(2)], value: fmt.Sprint(s.rng.IntN(1000))}
	call := func(x *store.Object) error { return x.SetXattr(e.name, []byte(e.value), 0) }
	if o.xattr(e.name) != absent && s.rng.IntN(3) == 0 {
		e.value = absent
		call = func(x *store.Object) error { return x.RemoveXattr(e.name) }
	}
	e.desc = fmt.Sprintf("xattr of %s: %s=%q", s.model.describe(o), e.name, e.value)
	return s.do(e, func() error { return s.with(o, call) }, nil)
}

func (s *sim) raise() error {
	o := s.any(isDir)
	e := effect{level: o, newLvl: []string{"内部", "机密", "绝密"}[s.rng.IntN(3)]}
	e.desc = fmt.Sprintf("level %s of %s", e.newLvl, s.model.describe(o))
	return s.do(e, func() error {
		return s.with(o, func(x *store.Object) error { return x.SetLevel(e.newLvl) })
	}, nil)
}
