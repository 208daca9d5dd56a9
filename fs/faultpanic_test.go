package fs

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// inHandler reports whether a request is what runs: a panic anywhere else ends the
// process, which the unit starts again.
func inHandler() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "matterfs/fs.(*front)") || strings.HasPrefix(f.Function, "matterfs/fs.(*fileSystem)") {
			return true
		}
		if !more {
			return false
		}
	}
}

// panicOnce makes the next call of that kind on the backing disk panic, in the
// midst of a request and with the locks of the store held.
func panicOnce(f *faults, call string) (hit *atomic.Bool) {
	hit = &atomic.Bool{}
	f.set(func(c string) error {
		if c == call && inHandler() && hit.CompareAndSwap(false, true) {
			panic("test: " + call)
		}
		return nil
	})
	return hit
}

// panicRow is what somebody does when the disk's call panics.
type panicRow struct {
	call string
	do   func(u *as.User, d *drive, f *as.File) error
}

func panicRows() []panicRow {
	newFile := func(u *as.User, d *drive, _ *as.File) error { return u.WriteFile(d.in("新"), []byte("x")) }
	return []panicRow{
		{"ReadAt", func(_ *as.User, _ *drive, f *as.File) error { _, err := f.ReadAt(0, 100); return err }},
		{"WriteAt", func(_ *as.User, _ *drive, f *as.File) error { _, err := f.WriteAt([]byte("half"), 3); return err }},
		{"Sync", func(_ *as.User, _ *drive, f *as.File) error {
			_, err := f.WriteAt([]byte("y"), 5)
			return errors.Join(err, f.Fsync())
		}},
		{"Truncate", func(_ *as.User, _ *drive, f *as.File) error { return f.Truncate(1) }},
		{"StatAt", func(u *as.User, d *drive, _ *as.File) error { _, err := u.Stat(d.in("没有")); return err }},
		{"CreateFile", newFile},
		{"Rename", newFile},
		{"List", func(u *as.User, d *drive, _ *as.File) error { _, err := u.ReadDir(d.in("")); return err }},
		{"Mkdir", func(u *as.User, d *drive, _ *as.File) error { return u.Mkdir(d.in("目录")) }},
		{"Unlink", func(u *as.User, d *drive, _ *as.File) error { return u.Remove(d.in("旧")) }},
		{"SetXattr", func(u *as.User, d *drive, _ *as.File) error { return u.Setxattr(d.in("卷"), "user.a", []byte("1"), 0) }},
	}
}

// A panic in a handler, with whatever locks it holds, is EIO for its caller and a
// record. The file on which a change was under way can be read, is not written to,
// and is whole when it was closed; everything else goes on.
func TestPanicLeavesNoLock(t *testing.T) {
	for _, row := range panicRows() {
		t.Run(row.call, func(t *testing.T) {
			f := &faults{}
			d := setup{disk: f.wrap}.mount(t)
			u, next := as.Start(t, zhang), as.Start(t, zhang)
			content := strings.Repeat("甲", 5000)
			for _, name := range []string{"卷", "旧", "别"} {
				u.Writes(d.in(name), content)
			}
			file := u.Opens(d.in("卷"), os.O_RDWR, 0)
			hit := panicOnce(f, row.call)
			err := row.do(u, d, file)
			f.set(nil)
			if !hit.Load() {
				t.Fatalf("nothing panicked, %v", err)
			}
			u.Refused(err, syscall.EIO)
			d.logged("ev", "panic", "res", "EIO", "note", "test: "+row.call)

			next.Reads(d.in("别"), content)
			next.Writes(d.in("第三"), "好")
			next.Does(next.Rename(d.in("第三"), d.in("第四")))
			next.Does(next.Mkdir(d.in("新目录")))
			if _, err := next.ReadDir(d.in("")); err != nil {
				t.Errorf("listing: %v", err)
			}
			// The file itself answers, whatever it says, until it is closed.
			_, _ = file.ReadAt(0, 100)
			_, _ = file.WriteAt([]byte("z"), 0)
			_ = file.Close()
			got := eventually(t, func() ([]byte, error) { return next.ReadFile(d.in("卷")) })
			if len(got) == 0 || got[0] != content[0] && got[0] != 'z' {
				t.Errorf("the file begins with %.10q", got)
			}
			next.Does(next.WriteFile(d.in("卷"), []byte("再写")))
			next.Reads(d.in("卷"), "再写")
		})
	}
}
