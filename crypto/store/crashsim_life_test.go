package store_test

import (
	"time"

	"matterfs/internal/crashdisk"
)

// end closes everything, and crashes after that as well.
func (s *sim) end() error {
	for len(s.open) > 0 {
		if err := s.closeOne(); err != nil {
			return err
		}
	}
	s.root.Release()
	if err := s.do(effect{desc: "close the store"}, s.store.Close, nil); err != nil {
		return err
	}
	for _, kind := range s.plan.kinds {
		if s.found == nil {
			s.found = named(s.crash(s.disk.Image(), kind), "after the end")
		}
	}
	return nil
}

// wait lets time go by on the store's clock. In more than a minute the kernel
// writes back what is not durable yet.
func (s *sim) wait() error {
	s.mu.Lock()
	d := time.Second
	if s.rng.IntN(3) == 0 {
		d = 70 * time.Second
	}
	s.clock = s.clock.Add(d)
	s.say("%v later", d)
	s.mu.Unlock()
	s.pass(10 * d)
	if d == time.Second {
		return nil
	}
	return s.disk.SyncAll()
}

// pass lets time go by for the timers of the store, if it has any.
func (s *sim) pass(d time.Duration) {
	if s.plan.age < 0 {
		return
	}
	s.setIdle(true)
	time.Sleep(d)
	s.setIdle(false)
}

func (s *sim) setIdle(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = on
}

// crashForGood crashes the workload itself, which goes on with what is left.
func (s *sim) crashForGood() error {
	if len(s.plan.kinds) == 0 {
		return nil
	}
	kind := s.plan.kinds[s.rng.IntN(len(s.plan.kinds))]
	s.say("%v for good", kind)
	s.disk.SetHook(nil)
	s.disk, s.open = s.disk.Image().Crash(kind, s.rng), nil
	d, err := s.reopen()
	if err == nil {
		err = s.model.check(d, kind != crashdisk.Kill)
	}
	if err != nil {
		s.found = named(err, "%v for good", kind)
		return nil
	}
	s.model.adoptAll(d)
	s.disk.SetHook(s.hook)
	return nil
}

// reopen makes another store of what the disk holds the one of the workload.
func (s *sim) reopen() (*dump, error) {
	var err error
	if s.store, err = s.openStore(s.disk); err != nil {
		return nil, broken("store", "does not open: %v", err)
	}
	list := s.store.Matters()
	if len(list) != 1 || list[0].Err != nil {
		return nil, broken("store", "matters %v", list)
	}
	s.root = list[0].Root
	s.root.Retain()
	return readTree(s.root)
}
