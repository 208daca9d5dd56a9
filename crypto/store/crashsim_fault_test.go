package store_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// faulty makes one call of a workload fail.
type faulty struct {
	at     int // which call, from 1
	err    error
	short  bool // a write does its first half, up to a page, like a kernel that finds no room
	reads  bool // calls that change nothing count too
	active bool // an operation of the workload is under way
	calls  int
	hit    string // which call failed
}

func (f *faulty) hook(s crashdisk.Step) crashdisk.Fault {
	if !f.active || !f.reads && !s.Op.Changes() {
		return crashdisk.Fault{}
	}
	f.calls++
	if f.calls != f.at {
		return crashdisk.Fault{}
	}
	f.hit = fmt.Sprintf("%s %.12q %d+%d", s.Op, s.Name, s.Off, s.Len)
	fault := crashdisk.Fault{Err: f.err}
	if f.short {
		fault.Done = int(max((s.Off+int64(s.Len)/2)&^4095-s.Off, 0))
	}
	return fault
}

// runFaulty does the operations of the plan while one call of the disk fails,
// and wants that the caller is told, that all is as it was or as it was to be,
// and that the store goes on.
func (s *sim) runFaulty(f *faulty) error {
	s.disk.SetHook(f.hook)
	for range s.plan.steps {
		f.active = true
		err := s.step()
		f.active = false
		if err != nil && (f.hit == "" || !errors.Is(err, f.err) && !isSyncError(err)) {
			return fmt.Errorf("after %s failed: %w", f.hit, err)
		}
		if err != nil {
			s.say("failed: %s", f.hit)
			if err := s.adopt(); err != nil {
				return fmt.Errorf("%s failed: %w", f.hit, err)
			}
		}
	}
	return s.atEnd(f.hit)
}

// isSyncError reports that a file refuses because an fsync of it failed before.
func isSyncError(err error) bool {
	var e *store.SyncError
	return errors.As(err, &e)
}

// atEnd closes everything and looks whether it is there when opened again.
func (s *sim) atEnd(hit string) error {
	for _, f := range s.open {
		if err := f.h.Close(); err != nil && !isSyncError(err) {
			return fmt.Errorf("%s failed: the last close: %w", hit, err)
		}
	}
	s.root.Release()
	if err := s.store.Close(); err != nil && !isSyncError(err) {
		return fmt.Errorf("%s failed: closing the store: %w", hit, err)
	}
	s.disk.SetHook(nil)
	err := s.recovered(s.disk, false, nil)
	if err != nil {
		return fmt.Errorf("%s failed: opened again: %w", hit, err)
	}
	return nil
}

// adopt finds out how far an operation came that failed. Each part of it is
// there or not.
func (s *sim) adopt() error {
	d, err := readTree(s.root)
	if err != nil {
		return err
	}
	if err := s.model.check(d, false); err != nil {
		return err
	}
	e := s.model.now
	if e.file != nil {
		if err := s.adoptContent(e.file, d); err != nil {
			return err
		}
	}
	for _, mv := range e.moves {
		s.adoptPlace(mv.o, d)
	}
	for _, o := range []*thing{e.mode, e.xattr, e.level} {
		if o != nil {
			o.adoptAttrs(d.objects[o.id], e.name)
		}
	}
	s.model.now = effect{}
	return nil
}

func (s *sim) adoptContent(o *thing, d *dump) error {
	if !o.gone() {
		o.setContent(d.objects[o.id].content)
		return nil
	}
	for _, f := range s.open {
		if f.o != o {
			continue
		}
		got, err := contentOfHandle(f.h)
		if err == nil {
			err = s.model.checkContent(o, got, false)
		}
		if err != nil {
			return err
		}
		o.setContent(got)
		return nil
	}
	return nil
}

func (s *sim) adoptPlace(o *thing, d *dump) {
	if o == s.model.now.made {
		for _, id := range d.order {
			if s.model.byID[id] == nil {
				s.model.add(o, id)
				o.locs = append(o.locs, d.objects[id].at)
				return
			}
		}
		return
	}
	to := loc{}
	if f := d.objects[o.id]; f != nil {
		to = f.at
	}
	o.moveTo(to)
}

func (o *thing) adoptAttrs(f *found, name string) {
	o.modes = append(o.modes, f.mode)
	o.level = f.level
	if name != "" {
		o.foundXattr(f, name)
	}
}

// TestEveryCallFails makes every call of some workloads fail, one in each run.
func TestEveryCallFails(t *testing.T) {
	for _, c := range []faulty{
		{err: syscall.ENOSPC},
		{err: syscall.ENOSPC, short: true},
		{err: syscall.EIO, reads: true},
	} {
		t.Run(fmt.Sprintf("%v short %v", c.err, c.short), func(t *testing.T) {
			runs, failed := 0, 0
			for seed := uint64(1); seed <= max(5/slowdown, 2); seed++ {
				for n := 1; ; n++ {
					f := c
					f.at = n
					hit, err := tryFault(seed, &f)
					if err != nil {
						if failed++; failed > 8 {
							t.FailNow()
						}
						t.Errorf("seed %d, call %d: %v", seed, n, err)
					}
					if !hit {
						break
					}
					runs++
				}
			}
			t.Logf("%d calls failed", runs)
			if runs < 120 {
				t.Errorf("only %d calls failed", runs)
			}
		})
	}
}

func tryFault(seed uint64, f *faulty) (hit bool, err error) {
	p := simPlan(nil)
	p.steps = 40
	s, err := newSim(seed, p, nil)
	if err != nil {
		return false, err
	}
	if err := s.runFaulty(f); err != nil {
		from := max(0, len(s.history)-30)
		return true, fmt.Errorf("%w\nafter:\n  %s", err, strings.Join(s.history[from:], "\n  "))
	}
	return f.hit != "", nil
}

// A store that keeps meeting a full disk frees what it can and works again when
// there is room.
func TestFullDiskForLong(t *testing.T) {
	s, err := newSim(5, simPlan(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	full := func(st crashdisk.Step) crashdisk.Fault {
		switch st.Op {
		case crashdisk.Write, crashdisk.Create, crashdisk.Mkdir, crashdisk.SetXattr:
			return crashdisk.Fault{Err: syscall.ENOSPC}
		}
		return crashdisk.Fault{}
	}
	told := 0
	for i := range 600 {
		isFull := i/20%2 == 1
		s.disk.SetHook(nil)
		if isFull {
			s.disk.SetHook(full)
		}
		err := s.step()
		s.disk.SetHook(nil)
		switch {
		case err != nil && !(isFull && errors.Is(err, syscall.ENOSPC)):
			t.Fatalf("full %v: %v\nafter:\n  %s", isFull, err, strings.Join(s.history[max(0, len(s.history)-40):], "\n  "))
		case err != nil:
			told++
			if err := s.adopt(); err != nil {
				t.Fatalf("%v\nafter:\n  %s", err, strings.Join(s.history[max(0, len(s.history)-40):], "\n  "))
			}
		}
	}
	if told < 20 {
		t.Errorf("only %d operations met the full disk", told)
	}
	if err := s.atEnd("full disk"); err != nil {
		t.Error(err)
	}
}
