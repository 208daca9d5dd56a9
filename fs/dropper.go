package fs

import (
	"sync"
	"time"
)

// fillDelay is how long filled pages stay before they are dropped.
const fillDelay = 100 * time.Millisecond

// dropper makes the kernel forget what it must not keep: pages of files that were filled
// (mapped, executed, sent), so that a later use is a READ again, and attributes that a
// close moved. The kernel may hold an invalidation up behind a page that is being filled,
// so each is sent by a goroutine of its own, one at a time for each node.
type dropper struct {
	pages, attrs func(id uint64)

	mu   sync.Mutex // guards the rest
	due  map[uint64]*time.Timer
	busy sync.WaitGroup
	done bool
}

func newDropper() *dropper { return &dropper{due: map[uint64]*time.Timer{}} }

// add has the pages of a node dropped soon, or at once when someone who may not see them
// could.
func (d *dropper) add(id uint64, atOnce bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delay := fillDelay
	if atOnce {
		delay = 0
	}
	switch t := d.due[id]; {
	case d.done:
	case t == nil:
		d.busy.Add(1)
		d.due[id] = time.AfterFunc(delay, func() { d.drop(id) })
	case atOnce && t.Stop():
		t.Reset(0)
	}
}

func (d *dropper) drop(id uint64) {
	defer d.busy.Done()
	d.mu.Lock()
	delete(d.due, id) // a fill from here on asks again
	d.mu.Unlock()
	d.pages(id)
}

// stale has the attributes of a node forgotten.
func (d *dropper) stale(id uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.done {
		d.busy.Go(func() { d.attrs(id) })
	}
}

// stop ends the work; what was due is not sent any more.
func (d *dropper) stop() {
	d.mu.Lock()
	d.done = true
	for _, t := range d.due {
		if t.Stop() {
			d.busy.Done()
		}
	}
	d.mu.Unlock()
	d.busy.Wait()
}
