package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// Without the check a person who has left still sees attributes through what they hold; with
// it nothing of the time before is left in the kernel.
func TestRevokedAttributes(t *testing.T) {
	for _, off := range []check{checkVoid, 0} {
		d := setup{off: without{checks: off}}.mount(t)
		lead, member := as.Start(t, zhang), as.Start(t, lina)
		lead.Does(lead.Mkdir(d.in("证据")))
		lead.Writes(d.in("证据/合同"), "甲方")
		held := map[string]*as.File{
			"folder":        member.Opens(d.in("证据"), os.O_RDONLY, 0),
			"folder O_PATH": member.Opens(d.in("证据"), unix.O_PATH, 0),
			"file":          member.Opens(d.in("证据/合同"), os.O_RDONLY, 0),
			"file O_PATH":   member.Opens(d.in("证据/合同"), unix.O_PATH, 0),
		}
		for _, f := range held {
			_, err := f.Stat() // the kernel has the attributes
			member.Does(err)
		}
		d.srv.SetPolicy(parse(t, dismissed()))
		for what, f := range held {
			if off != 0 && strings.HasPrefix(what, "file") {
				continue // the writer's close voids these by itself, soon
			}
			if _, err := f.Stat(); (err == nil) != (off != 0) {
				t.Errorf("%s, defences off %b: fstat says %v", what, off, err)
			}
		}
		if off == 0 {
			d.logged("ev", "getattr", "res", "deny", "user", "li.na", "path", "证据/合同", "rule", "member.none")
		}
		for _, f := range held {
			member.Does(f.Close())
		}
	}
}

// What the kernel does not let us stop: it has one copy of names and attributes for all users,
// so what a colleague uses after a revocation is seen through what the revoked person holds.
// It cannot be opened, listed or read. README names it; if this fails, the kernel got better.
func TestKernelShowsAttributesThroughWhatIsHeld(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("证据")))
	lead.Writes(d.in("证据/合同"), "甲方")
	member.Does(member.Chdir(d.in("证据")))
	d.srv.SetPolicy(parse(t, dismissed()))
	_, err := member.Stat("合同")
	member.Refused(err, syscall.ENOENT)
	s := eventually(t, func() (as.Stat, error) { // the writer's close voids attributes once more
		known(lead, d.in("证据/合同")) // a colleague looks
		return member.Stat("合同")
	})
	if s.Size != int64(len("甲方")) {
		t.Errorf("the kernel shows %+v", s)
	}
	member.IsDenied("合同", syscall.ENOENT)
	_, err = member.ReadDir(".")
	member.Refused(err, syscall.ENOENT)
	d.logged("ev", "open", "res", "deny", "user", "li.na", "path", "证据/合同", "rule", "member.none")
	member.Does(member.Chdir("/"))
}

// watchAs sets an inotify watch as uid and returns a reader of the names that it tells.
func watchAs(t *testing.T, uid int, dir string) (names func() []string, err error) {
	fd, e := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if e != nil {
		t.Fatal(e)
	}
	t.Cleanup(func() { unix.Close(fd) })
	asFS(t, uid, func() { _, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_CREATE|unix.IN_MODIFY) })
	return func() []string {
		var list []string
		buf := make([]byte, 64<<10)
		n, err := unix.Read(fd, buf)
		if err == unix.EAGAIN {
			return nil
		}
		if err != nil {
			t.Error(err)
		}
		for b := buf[:max(n, 0)]; len(b) >= unix.SizeofInotifyEvent; {
			end := unix.SizeofInotifyEvent + int(b[12]) + int(b[13])<<8 // len, little-endian as on all we build for
			list = append(list, strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00"))
			b = b[end:]
		}
		return list
	}, err
}

// What inotify tells, and we cannot refuse: the kernel checks the right to watch by the mode
// bits it is given, and reports what others do under the watch. At the root that is the number
// of a matter that somebody opens; and a watch set before a revocation goes on naming files.
// A watch of what somebody may not see is refused. README names both.
func TestKernelTellsWatchers(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同"), "甲方")
	root, err := watchAs(t, other, d.mnt)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := watchAs(t, lina, d.in(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watchAs(t, other, d.in("")); err != unix.ENOENT {
		t.Errorf("a watch of a hidden matter: %v", err)
	}
	d.logged("ev", "lookup", "res", "deny", "uid", other, "matter", matter1, "rule", "member.none")
	lead.Lists(d.in(""), "合同")
	if got := root(); !slices.Contains(got, matter1) {
		t.Errorf("a watch of the root tells %q", got)
	}
	d.srv.SetPolicy(parse(t, dismissed()))
	inside() // what was before
	lead.Writes(d.in("新文件"), "1")
	if got := inside(); !slices.Contains(got, "新文件") {
		t.Errorf("a watch from before the revocation tells %q", got)
	}
	if _, err := watchAs(t, lina, d.in("")); err != unix.ENOENT {
		t.Errorf("a new watch after the revocation: %v", err)
	}
}

// A folder hidden by its level cannot be told from an absent name by looking. Where a rule of
// the policy hides it, making it is refused whether it is there or not. Where only its seal
// does, POSIX leaves no way to hide it from those who may create there: the name is taken.
func TestHiddenFolderNames(t *testing.T) {
	var c clock
	d := setup{now: c.now}.mount(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	make := func(p string) []syscall.Errno {
		return []syscall.Errno{errnoIn(member.Mkdir(p)), errnoIn(member.Symlink("x", p)), errnoIn(member.WriteFile(p, []byte("1")))}
	}
	absent := make(d.in("鉴定"))
	lead.Does(lead.Mkdir(d.in("鉴定")))
	if there := make(d.in("鉴定")); fmt.Sprint(there) != fmt.Sprint(absent) || absent[0] == 0 {
		t.Errorf("making a folder that a rule hides: %v where it is, %v where it is not", there, absent)
	}
	d.logged("ev", "mkdir", "res", "deny", "user", "li.na", "path", "鉴定", "rule", "level.clearance")
	d.srv.SetPolicy(parse(t, withoutFolders())) // from here on only the seal hides it
	for what, probe := range probes(member) {
		if slices.Contains([]string{"mkdir", "symlink", "O_CREAT", "rename", "rmdir", "unlink"}, what) {
			continue // below
		}
		if a, b := errnoIn(probe(d.in("鉴定"))), errnoIn(probe(d.in("没有"))); a != b || a == 0 {
			t.Errorf("%s: %v for a hidden folder, %v for an absent name", what, a, b)
		}
	}
	member.Refused(member.Rmdir(d.in("鉴定")), syscall.ENOENT)
	member.Refused(member.Rename(d.in("鉴定"), d.in("x")), syscall.ENOENT)
	if got := make(d.in("鉴定")); fmt.Sprint(got) != fmt.Sprint([]syscall.Errno{syscall.EEXIST, syscall.EEXIST, got[2]}) || got[2] == 0 {
		t.Errorf("making a folder that a seal hides: %v", got)
	}
	member.Writes(d.in("草稿"), "1")
	before, err := member.Stat(d.in(""))
	member.Does(err)
	lead.Does(lead.Mkdir(d.in("鉴定/内")))
	after, err := member.Stat(d.in(""))
	if err != nil || before != after {
		t.Errorf("work in the hidden folder changes the attributes of its parent: %+v, %+v, %v", before, after, err)
	}
}

// walkAs looks a name up on this thread as another user, so that the kernel knows it if it is theirs.
func walkAs(t testing.TB, uid int, path string, st *unix.Stat_t) {
	if err := unix.Setfsuid(uid); err != nil {
		t.Error(err)
	}
	_ = unix.Lstat(path, st) // most names are not there
	if err := unix.Setfsuid(other); err != nil {
		t.Error(err)
	}
}

// lookupTimes measures n lookups of a name as an outsider, each in a minute of its own when
// fresh is set, else all after the misses of the minute are used up.
func lookupTimes(t testing.TB, c *clock, path string, n int, fresh bool) (times []time.Duration) {
	asFS(t, other, func() {
		var st unix.Stat_t
		for range n {
			if fresh {
				c.forward(missWindow)
				walkAs(t, zhang, path, &st)
			}
			start := time.Now()
			err := unix.Lstat(path, &st)
			times = append(times, time.Since(start))
			if err == nil {
				t.Errorf("%s is there", path)
			}
		}
	})
	slices.Sort(times)
	return times
}

func percentiles(times []time.Duration) string {
	at := func(p int) time.Duration { return times[len(times)*p/100] }
	return fmt.Sprintf("median %v, p90 %v, p99 %v", at(50), at(90), at(99))
}

// The time that a refused lookup takes, for a matter in use, an idle one and an absent name,
// and what a member's work costs while somebody guesses. It reports; machines differ.
func TestReportLookupTimes(t *testing.T) {
	var c clock
	d := setup{now: c.now}.mount(t)
	lead := as.Start(t, zhang)
	lead.Does(lead.Chdir(d.in("")))
	for _, fresh := range []bool{true, false} {
		n := 2000
		if fresh {
			n = 400
		}
		for _, q := range []struct{ what, name string }{{"in use", matter1}, {"idle", matter2}, {"absent", "2026-0999"}} {
			t.Logf("first misses %v, %-6s: %s", fresh, q.what, percentiles(lookupTimes(t, &c, filepath.Join(d.mnt, q.name), n, fresh)))
		}
	}
	lead.Writes(d.in("合同"), "甲方")
	round := func() time.Duration {
		start := time.Now()
		for range 300 {
			lead.Reads(d.in("合同"), "甲方")
		}
		return time.Since(start) / 300
	}
	alone := round()
	stop := prober(t, d, as.Start(t, other))
	t.Logf("a member opens and reads in %v alone, in %v beside a guesser", alone, round())
	stop()
	lead.Does(lead.Chdir("/"))
}

// BenchmarkRefusedLookup is one refused lookup at the root after the misses of the minute.
func BenchmarkRefusedLookup(b *testing.B) {
	var c clock
	d := setup{now: c.now}.mount(b)
	for _, q := range []struct{ what, name string }{{"hidden", matter1}, {"absent", "2026-0999"}} {
		b.Run(q.what, func(b *testing.B) {
			times := lookupTimes(b, &c, filepath.Join(d.mnt, q.name), b.N, false)
			b.ReportMetric(float64(times[len(times)/2]), "median-ns")
			b.ReportMetric(float64(times[len(times)*99/100]), "p99-ns")
		})
	}
}
