package fs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// expected are the errors that a storm of random operations meets on any file system.
var expected = []unix.Errno{unix.ENOENT, unix.EEXIST, unix.ENOTDIR, unix.EISDIR, unix.ENOTEMPTY, unix.EINVAL, unix.ELOOP, unix.EBUSY}

// stormNames are the names that all storms use, at every depth, so that they meet.
var stormNames = []string{"a", "b", "c", "d", strings.Repeat("名", 80)}

// stormOps are the operations of a storm, on random paths.
var stormOps = []func(r *rand.Rand, path, other string) error{
	func(_ *rand.Rand, p, _ string) error { return unix.Mkdir(p, 0o755) },
	func(_ *rand.Rand, p, _ string) error { return unix.Rmdir(p) },
	func(_ *rand.Rand, p, _ string) error { return unix.Unlink(p) },
	func(_ *rand.Rand, p, o string) error { return unix.Rename(p, o) },
	func(_ *rand.Rand, p, o string) error { return unix.Rename(p, o) },
	stormWrite,
	stormWrite,
	func(r *rand.Rand, p, _ string) error { return unix.Truncate(p, r.Int64N(20_000)) },
	func(r *rand.Rand, p, _ string) error { return unix.Chmod(p, []uint32{0o600, 0o644, 0o755}[r.IntN(3)]) },
	func(_ *rand.Rand, p, _ string) error { return unix.Symlink("目标", p) },
	func(_ *rand.Rand, p, _ string) error { _, err := os.ReadDir(filepath.Dir(p)); return err },
	func(_ *rand.Rand, p, _ string) error { return os.Chtimes(p, time.Unix(5, 6), time.Unix(7, 8)) },
	stormMap,
}

func stormWrite(r *rand.Rand, path, _ string) error {
	flags := []int{0, unix.O_TRUNC, unix.O_EXCL, unix.O_APPEND}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|flags[r.IntN(len(flags))], 0o644)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, make([]byte, r.IntN(9000)))
	return errors.Join(err, unix.Close(fd))
}

// stormMap writes through a mapping of the first page. The file may be empty, or be cut by
// another storm, at any time.
func stormMap(r *rand.Rand, path, _ string) error {
	fd, err := unix.Open(path, unix.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	touch(&m[r.IntN(len(m))])
	return unix.Munmap(m)
}

// touch writes a byte of a mapping. Where the file has no page that is SIGBUS, as on any
// file system, which is let pass here.
func touch(b *byte) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	*b++
}

// storm is a program: n random operations below a directory. It fails at an error that no
// other file system would give.
func storm(args []string) error {
	r := rand.New(rand.NewPCG(1, uint64(number(args[1]))))
	path := func() string {
		p := args[0]
		for range 1 + r.IntN(3) {
			p = filepath.Join(p, stormNames[r.IntN(len(stormNames))])
		}
		return p
	}
	for range number(args[2]) {
		i := r.IntN(len(stormOps))
		err := stormOps[i](r, path(), path())
		var errno unix.Errno
		if err != nil && !(errors.As(err, &errno) && slices.Contains(expected, errno)) {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

// lookAtAll is a program: all that stat, readdir and readlink tell of a tree, and which of
// the storm's names are there.
func lookAtAll(args []string) error {
	err := filepath.Walk(args[0], func(p string, _ os.FileInfo, err error) error {
		var st unix.Stat_t
		if err = errors.Join(err, unix.Lstat(p, &st)); err != nil {
			return err
		}
		to, _ := os.Readlink(p)
		_, err = fmt.Println(p, st.Mode, st.Ino, st.Size, st.Nlink, st.Mtim, st.Ctim, st.Blocks, to)
		return err
	})
	for _, a := range stormNames {
		for _, b := range stormNames {
			var st unix.Stat_t
			fmt.Println(a, b, errnoName(unix.Lstat(filepath.Join(args[0], a, b), &st)))
		}
	}
	return err
}

// refreshing decides everything anew again and again until it is stopped.
func refreshing(d *drive, every time.Duration) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(every):
				d.srv.Refresh()
			}
		}
	})
	return func() { close(end); wg.Wait() }
}

// gone checks that the drive holds nothing when the kernel does not.
func gone(t *testing.T, d *drive) {
	t.Helper()
	forgetAll(t, d, 0)
	if s := d.srv.Stats(); s.Handles != 0 || s.Damaged != 0 {
		t.Errorf("after all is forgotten: %+v", s)
	}
}

// Whatever several processes do at once, while everything is decided anew: none hangs or is
// denied wrongly, the kernel believes in the end what is true, and nothing is kept.
func TestStorm(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	dir := d.in("风暴")
	lead.Does(lead.Mkdir(dir))
	stop := refreshing(d, 20*time.Millisecond)
	var wg sync.WaitGroup
	for i := range 4 {
		u := as.Start(t, zhang)
		wg.Go(func() {
			runs(t, u, "storm", dir, fmt.Sprint(i), "800")
			if i == 0 {
				stop() // what follows happens between two policies, with all that is cached
			}
			runs(t, u, "storm", dir, fmt.Sprint(i+10), "800")
		})
	}
	wg.Wait()
	believed := lines(runs(t, lead, "look-at-all", dir))
	d.srv.Refresh()
	fresh := lines(runs(t, lead, "look-at-all", dir))
	for i := range min(len(believed), len(fresh)) {
		if believed[i] != fresh[i] {
			t.Errorf("cached: %s\ntrue:   %s", believed[i], fresh[i])
		}
	}
	if len(believed) != len(fresh) {
		t.Errorf("%d lines from the cache, %d true ones", len(believed), len(fresh))
	}
	gone(t, d)
}

const mappedSize = 300_000

// stormMapped is a program: it maps, reads, writes and sends eight files that others use too.
func stormMapped(args []string) error {
	r := rand.New(rand.NewPCG(2, uint64(number(args[1]))))
	for range number(args[2]) {
		fd, err := unix.Open(fmt.Sprintf("%s/%d", args[0], r.IntN(8)), unix.O_RDWR, 0)
		if err != nil {
			return err
		}
		buf := make([]byte, 1+r.IntN(90_000))
		switch r.IntN(6) {
		case 0, 1, 2:
			err = dirty(fd, r)
		case 3:
			_, err = unix.Pwrite(fd, buf, r.Int64N(200_000))
		case 4:
			_, err = unix.Pread(fd, buf, r.Int64N(200_000))
		case 5:
			err = send(fd, args[0], args[1])
		}
		if err = errors.Join(err, unix.Close(fd)); err != nil {
			return err
		}
	}
	return nil
}

// dirty writes bytes all over a mapping.
func dirty(fd int, r *rand.Rand) error {
	m, err := unix.Mmap(fd, 0, mappedSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for range 20 {
		m[r.IntN(len(m))]++
	}
	if r.IntN(3) == 0 {
		err = unix.Msync(m, unix.MS_SYNC)
	}
	return errors.Join(err, unix.Munmap(m))
}

// send copies a file with sendfile(2), as servers do, and puts the copy in the place of
// another.
func send(fd int, dir, mine string) error {
	tmp := filepath.Join(dir, "tmp-"+mine)
	out, err := unix.Open(tmp, unix.O_WRONLY|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	var off int64
	_, err = unix.Sendfile(out, fd, &off, mappedSize)
	return errors.Join(err, unix.Close(out), unix.Rename(tmp, filepath.Join(dir, "copy-"+mine)))
}

// The same with pages that are dirtied, filled and dropped by two people.
func TestStormOfMappings(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	dir := d.in("库")
	lead.Does(lead.Mkdir(dir))
	for i := range 8 {
		lead.Writes(fmt.Sprintf("%s/%d", dir, i), strings.Repeat("a", mappedSize))
	}
	stop := refreshing(d, 5*time.Millisecond)
	var wg sync.WaitGroup
	for i, uid := range []uint32{zhang, lina, zhang, lina} {
		u := as.Start(t, uid)
		wg.Go(func() { runs(t, u, "storm-mapped", dir, fmt.Sprint(i), "250") })
	}
	wg.Wait()
	stop()
	for _, l := range d.records() {
		if l.has([]any{"res", "deny"}) {
			t.Errorf("a false refusal: %v", l)
		}
	}
	gone(t, d)
}
