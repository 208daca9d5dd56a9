package store_test

import (
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

var (
	crashCount = flag.Int("crashes", 5000/slowdown, "how many crashes TestCrashSim makes at least")
	crashSeed  = flag.Uint64("crashseed", 0, "the one workload that TestCrashSim runs; 0 for all")
)

var (
	killed    = []crashdisk.Kind{crashdisk.Kill}
	cut       = []crashdisk.Kind{crashdisk.PowerCut}
	bothKinds = []crashdisk.Kind{crashdisk.Kill, crashdisk.PowerCut}
)

func simPlan(kinds []crashdisk.Kind) plan {
	return plan{kinds: kinds, chance: 0.4, again: 0.25, steps: 80, limit: 1 << 30, age: -1}
}

// simulate runs one workload.
func simulate(seed uint64, p plan, tune func(*store.Options)) (tally, error) {
	s, err := newSim(seed, p, tune)
	if err == nil {
		err = s.run()
	}
	return s.tally, err
}

// TestCrashSim crashes random workloads by kills and power cuts and wants that
// nothing is lost, ever. More: go test -run CrashSim ./crypto/store -crashes 1000000
func TestCrashSim(t *testing.T) {
	if *crashSeed != 0 {
		sum, err := simulate(*crashSeed, simPlan(bothKinds), nil)
		if err != nil {
			t.Error(err)
		}
		t.Logf("%+v", sum)
		return
	}
	var seeds, crashes atomic.Int64
	var mu sync.Mutex
	var sum tally
	var bad []error
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for crashes.Load() < int64(*crashCount) {
				got, err := simulate(uint64(seeds.Add(1)), simPlan(bothKinds), nil)
				crashes.Add(int64(got.crashes))
				mu.Lock()
				sum.add(got)
				if err != nil {
					bad = append(bad, err)
				}
				enough := len(bad) >= 5
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range bad {
		t.Error(err)
	}
	t.Logf("%d workloads, %d calls that change the disk, %d crashes, %d of them in a recovery, %d violations",
		seeds.Load(), sum.steps, sum.crashes, sum.again, len(bad))
	if len(bad) == 0 && sum.crashes < *crashCount {
		t.Errorf("only %d crashes", sum.crashes)
	}
}

// TestCrashTimers has journals that end by their age as well, in the background.
func TestCrashTimers(t *testing.T) {
	var sum tally
	for seed := uint64(1); seed <= 12/slowdown; seed++ {
		synctest.Test(t, func(t *testing.T) {
			p := simPlan(bothKinds)
			p.age = 5 * time.Second
			got, err := simulate(seed, p, nil)
			if err != nil {
				t.Error(err)
			}
			sum.add(got)
		})
	}
	t.Logf("%+v", sum)
	if sum.crashes < 1000/slowdown || sum.idle < 20/slowdown {
		t.Errorf("too little happened: %+v", sum)
	}
}

// TestSimRepeats makes sure that a seed means the same workload and crashes in
// every run, so that what is printed about a failure can be had again.
func TestSimRepeats(t *testing.T) {
	for seed := uint64(1); seed < 4; seed++ {
		a, err := simulate(seed, simPlan(bothKinds), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := simulate(seed, simPlan(bothKinds), nil)
		if err != nil {
			t.Fatal(err)
		}
		if a != b || a.crashes == 0 {
			t.Errorf("seed %d: %+v and then %+v", seed, a, b)
		}
	}
}

// find runs workloads with one promise broken until a crash shows it, or the
// store that was crashed for good does.
func find(rule string, kinds []crashdisk.Kind, limit int) (tally, error) {
	var sum tally
	for seed := uint64(1); sum.crashes < limit; seed++ {
		p := simPlan(kinds)
		p.limit = limit - sum.crashes
		got, err := simulate(seed, p, func(o *store.Options) { store.BreakRule(o, rule) })
		sum.add(got)
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}
