package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"matterfs/policy"
)

const (
	// watchSettle is for how long nothing may have happened to the policy's
	// files before they are read; what then only takes access away is in force
	// at once.
	watchSettle = 10 * time.Millisecond
	// watchQuiet is the same for everything else: an editor, a checkout or a
	// copy is done by then, and a state between two files that belong together
	// is not taken for what somebody wrote.
	watchQuiet = 150 * time.Millisecond
	// watchPatience ends the waiting when something never stops writing.
	watchPatience = time.Second
	// maxHops bounds the symbolic links on the way to the policy, as the
	// kernel does.
	maxHops = 40
)

// watchPlace is a directory that is watched: which inode it was, and which
// names in it matter; nil: all that may belong to a policy.
type watchPlace struct {
	path  string
	dev   uint64
	ino   uint64
	names []string
}

// policyWatch tells when something happens to the files of a policy, however
// they are written: in place, by rename, by another directory in the place of
// theirs, or by a symbolic link on the way that points elsewhere.
type policyWatch struct {
	dir    string
	w      *fsnotify.Watcher
	places []watchPlace
}

func newPolicyWatch(dir string) (*policyWatch, error) {
	p := &policyWatch{dir: dir}
	return p, p.rescan()
}

// rescan watches what is to be watched now. When a directory is another one
// than before, all are watched anew: a watch follows an inode, not a name.
func (p *policyWatch) rescan() error {
	places := watchPlaces(p.dir)
	if p.w != nil && slices.EqualFunc(places, p.places, watchPlace.same) {
		return nil
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	for _, place := range places {
		if err := w.Add(place.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, w.Close())
		}
	}
	old := p.w
	p.w, p.places = w, places
	if old != nil {
		return old.Close()
	}
	return nil
}

func (a watchPlace) same(b watchPlace) bool {
	return a.path == b.path && a.dev == b.dev && a.ino == b.ino && slices.Equal(a.names, b.names)
}

// watchPlaces lists the directories to watch: those that hold a link on the way
// to dir or dir itself, and dir with all below it that may hold policy files.
// The upper ones come first, so that what is put in place of a lower one before
// it is watched is seen from above.
func watchPlaces(dir string) []watchPlace {
	var list []watchPlace
	add := func(path string, names []string) {
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil {
			list = append(list, watchPlace{path, st.Dev, st.Ino, names})
		}
	}
	links, real := wayTo(dir)
	for _, link := range links {
		add(filepath.Dir(link), []string{filepath.Base(link)})
	}
	tree := func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // what cannot be read is for the load to tell
		}
		if path != real && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		add(path, nil)
		return nil
	}
	if err := filepath.WalkDir(real, tree); err != nil {
		return list // never: tree returns no error
	}
	return list
}

// wayTo follows path: the names on the way whose change means another
// directory, and the directory that it comes to.
func wayTo(path string) (names []string, real string) {
	rest := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	at := "/"
	for hops := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		target, err := os.Readlink(next)
		rest = rest[1:]
		if err != nil || hops == maxHops {
			at = next
			continue
		}
		hops++
		names = append(names, next)
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...)
	}
	return append(names, at), at
}

// concerns tells whether an event may change what is loaded: hidden files and
// backups of editors do not.
func (p *policyWatch) concerns(e fsnotify.Event) bool {
	dir, name := filepath.Split(e.Name)
	dir = filepath.Clean(dir)
	for _, place := range p.places {
		switch {
		case place.path == e.Name && place.names == nil:
			return true
		case place.path != dir:
		case place.names == nil && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~"), slices.Contains(place.names, name):
			return true
		}
	}
	return false
}

// watched is what is done when the files have changed.
type watched struct {
	settled func() bool // applies what may be at once; true: nothing is left to do
	quiet   func()
	failed  func(error)
}

// run waits for changes until ctx ends. It begins with a look: something may
// have happened since the policy was loaded.
func (p *policyWatch) run(ctx context.Context, do watched) {
	defer func() { p.w.Close() }()
	timer := time.NewTimer(watchSettle)
	defer timer.Stop()
	burst := watchBurst{since: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-p.w.Events:
			if !p.concerns(e) {
				continue
			}
		case <-p.w.Errors: // some events were lost
		case <-timer.C:
			if next := burst.step(do); next > 0 {
				timer.Reset(next)
			}
			continue
		}
		do.failed(p.rescan())
		timer.Reset(burst.more(time.Now()))
	}
}

// watchBurst is a series of changes without a pause.
type watchBurst struct {
	since   time.Time // zero: none
	settled bool      // the files have been looked at since the last change
	done    bool      // and there is nothing left to do
}

// more counts one change and says when to look.
func (b *watchBurst) more(now time.Time) time.Duration {
	if b.since.IsZero() {
		b.since = now
	}
	b.settled, b.done = false, false
	return min(watchSettle, max(0, b.since.Add(watchPatience).Sub(now)))
}

// step looks once; it returns when to look again, 0 for not before the next
// change.
func (b *watchBurst) step(do watched) time.Duration {
	if !b.settled && time.Since(b.since) < watchPatience {
		b.settled, b.done = true, do.settled()
		return watchQuiet - watchSettle
	}
	// Also after nothing was left to do: the burst is over now.
	do.quiet()
	*b = watchBurst{}
	return 0
}

// watchPolicy loads the policy anew whenever its files change. Without it
// everything else works, and status says so.
func (d *daemon) watchPolicy(context.Context) error {
	w, err := newPolicyWatch(d.s.Policy)
	d.watchFailed(err)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var base *policy.Policy // in force when the burst began, while it is not over
	go func() {
		defer close(done)
		w.run(ctx, watched{
			settled: func() bool {
				old, ok := d.narrow()
				if ok && base == nil {
					base = old
				}
				return ok
			},
			quiet: func() {
				d.reloadQuietly(base)
				base = nil
			},
			failed: d.watchFailed,
		})
	}()
	d.onClose(func() {
		cancel()
		<-done
	})
	return nil
}
