package fs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// asFS runs f on a thread of the test process that acts in file systems as uid: fast enough
// for measuring, and with root's other rights.
func asFS(t testing.TB, uid int, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with its identity
		if err := unix.Setfsgid(uid); err != nil {
			t.Error(err)
		}
		if err := unix.Setfsuid(uid); err != nil {
			t.Error(err)
		}
		f()
	}()
	<-done
}

// errnoIn is the errno of a refusal, 0 for success.
func errnoIn(err error) syscall.Errno {
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) {
		return ^syscall.Errno(0)
	}
	return errno
}

// probes are the ways to ask the root for a name.
func probes(u *as.User) map[string]func(string) error {
	const oPath = 0o10000000
	return map[string]func(string) error{
		"stat":     func(p string) error { _, err := u.Stat(p); return err },
		"below":    func(p string) error { _, err := u.Stat(p + "/合同.txt"); return err },
		"above":    func(p string) error { _, err := u.Stat(p + "/.."); return err },
		"open":     func(p string) error { _, err := u.Open(p, os.O_RDONLY, 0); return err },
		"O_PATH":   func(p string) error { _, err := u.Open(p, oPath, 0); return err },
		"O_CREAT":  func(p string) error { _, err := u.Open(p, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); return err },
		"access":   func(p string) error { return u.Access(p, 0) },
		"getxattr": func(p string) error { _, err := u.Getxattr(p, "user.x"); return err },
		"chdir":    u.Chdir,
		"readlink": func(p string) error { _, err := u.Readlink(p); return err },
		"mkdir":    u.Mkdir,
		"rmdir":    u.Rmdir,
		"unlink":   u.Remove,
		"symlink":  func(p string) error { return u.Symlink("x", p) },
		"rename":   func(p string) error { return u.Rename(p, p+"x") },
	}
}

// mended reports whether the mender has nothing to do.
func (d *drive) mended() bool {
	m := d.srv.fs.mender
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.busy
}

// Nobody can tell by errno, nor by when the drive has enough of them, whether a name at the
// root is in use, exists, or is nobody's.
func TestMissesTellNothing(t *testing.T) {
	var c clock
	d := setup{now: c.now}.mount(t)
	lead, outside := as.Start(t, zhang), as.Start(t, other)
	root := func(name string) string { return filepath.Join(d.mnt, name) }
	for what, probe := range probes(outside) {
		said := map[string][]syscall.Errno{}
		for _, name := range []string{matter1, matter2, "2026-0999"} { // used, idle, absent
			c.forward(missWindow)
			lead.Does(lead.Chdir(root(matter1)))
			for range missesAMinute + 2 {
				said[name] = append(said[name], errnoIn(probe(root(name))))
				waitFor(t, d.mended)
			}
		}
		for _, name := range []string{matter1, matter2} {
			if fmt.Sprint(said[name]) != fmt.Sprint(said["2026-0999"]) {
				t.Errorf("%s %s says %v, an absent name %v", what, name, said[name], said["2026-0999"])
			}
		}
		if got := said["2026-0999"]; got[0] != syscall.ENOENT && got[0] != syscall.EACCES || got[len(got)-1] != syscall.ENOMEM {
			t.Errorf("%s says %v", what, got)
		}
	}
	lead.Does(lead.Chdir("/"))
	d.logged("ev", "lookup", "res", "deny", "uid", other, "matter", matter1, "rule", "member.none")
	d.logged("ev", "lookup", "res", "deny", "uid", other, "path", "2026-0999", "rule", "matter.unknown")
	d.logged("ev", "lookup", "res", "deny", "uid", other, "rule", ruleGuess)
	d.logged("ev", "mkdir", "res", "deny", "uid", other, "rule", "root.fixed")
}

// Guesses fill the log no further than their count, and it names the matters among them.
func TestGuessesAreCounted(t *testing.T) {
	d := mountFirm(t)
	outside := as.Start(t, other)
	const guesses = 300
	for i := range guesses {
		if _, err := outside.Stat(filepath.Join(d.mnt, fmt.Sprintf("2026-%04d", i))); err == nil {
			t.Errorf("number %d is there", i)
		}
	}
	d.unmount()
	n, lines, named := 0, 0, false
	for _, l := range d.records() {
		if l.str("res") == "deny" && l.str("user") == "sun.li" {
			lines++
			n += max(1, int(l.num("count")))
			named = named || l.str("rule") == ruleGuess && strings.HasSuffix(l.str("note"), matter1+", "+matter2+", 2026-0200")
		}
	}
	if n != guesses || lines > missesAMinute+4 || !named {
		t.Errorf("%d refusals in %d records, want %d in few; matters named: %v\n%s", n, lines, guesses, named, d.tail(4))
	}
}

// What programs look for by themselves is no guess.
func TestProgramsMayLook(t *testing.T) {
	d := mountFirm(t)
	member := as.Start(t, lina)
	member.Lists(d.mnt, matter1)
	for range 3 * missesAMinute {
		for _, name := range []string{".git", "HEAD", "desktop.ini", ".Trash-20022", "Thumbs.db"} {
			_, err := member.Stat(filepath.Join(d.mnt, name))
			member.Refused(err, syscall.ENOENT)
		}
	}
	if n := d.count("ev", "lookup", "res", "deny"); n != 0 {
		t.Errorf("%d records of what programs looked for", n)
	}
}

// Without the check one look of a colleague takes getcwd from everybody in the folder; with it
// they have it back without doing anything.
func TestRefusedNamesAreMended(t *testing.T) {
	for _, without := range []check{checkMisses, 0} {
		d := mountWithout(t, without)
		member, outside, stranger := as.Start(t, lina), as.Start(t, other), as.Start(t, nobody)
		for who, u := range map[string]*as.User{"outsider": outside, "stranger": stranger} {
			member.Does(member.Chdir(d.in("")))
			if _, err := u.Stat(d.in("")); err == nil {
				t.Errorf("the %s sees the matter", who)
			}
			back := func() (string, error) { return member.Getcwd() }
			if without != 0 {
				if cwd, err := back(); err == nil {
					t.Errorf("without the check the %s takes nothing: %s", who, cwd)
				}
				continue
			}
			if cwd := eventually(t, back); cwd != d.in("")[:len(cwd)] {
				t.Errorf("getcwd says %s", cwd)
			}
		}
		member.Does(member.Chdir("/"))
	}
}

// mountWithout mounts the firm with some defences off.
func mountWithout(t *testing.T, off check) *drive {
	d := mountFirm(t)
	d.srv.fs.off.set(without{checks: off})
	return d
}

// A colleague who tries names without end breaks nothing of what members do: getcwd, open
// files, a bind mount, a running listing, a program that asks for its own directory.
func TestProbingBreaksNothing(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	for i := range 300 {
		lead.Does(lead.WriteFile(d.in(fmt.Sprintf("文件-%03d", i)), []byte("一")))
	}
	bound := bind(t, lina, d.in(""))
	member.Does(member.Chdir(d.in("")))
	f := member.Opens("文件-000", os.O_RDONLY, 0)
	work := func() (struct{}, error) { return struct{}{}, membersWork(member, d.in(""), bound, f) }
	eventually(t, work)

	stop := prober(t, d, as.Start(t, other))
	eventually(t, work) // while the first few names are refused with ENOENT, and mended
	waitFor(t, func() bool { return d.count("rule", ruleGuess, "uid", other) > 0 })
	eventually(t, work)
	for range 25 {
		if _, err := work(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	member.Does(f.Close())
	member.Does(member.Chdir("/"))
}

// waitFor waits for a condition, for at most half a minute.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come true")
		}
	}
}

// bind mounts a directory of the drive elsewhere, as uid sees it.
func bind(t *testing.T, uid int, dir string) (bound string) {
	t.Helper()
	bound = filepath.Join(as.Dir(t), "bound")
	if err := os.Mkdir(bound, 0o755); err != nil {
		t.Fatal(err)
	}
	asFS(t, uid, func() {
		if err := unix.Mount(dir, bound, "", unix.MS_BIND, ""); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := unix.Unmount(bound, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return bound
}

// membersWork is a round of what a member does in their matter.
func membersWork(u *as.User, dir, bound string, f *as.File) error {
	cwd, err := u.Getcwd()
	if err != nil || cwd+"/" != dir+"/" && cwd != strings.TrimSuffix(dir, "/") {
		return fmt.Errorf("getcwd: %q, %w", cwd, errors.Join(err, os.ErrInvalid))
	}
	if b, err := f.ReadAt(0, 3); err != nil || string(b) != "一" {
		return fmt.Errorf("open file: %q, %w", b, errors.Join(err, os.ErrInvalid))
	}
	if b, err := u.ReadFile(bound + "/文件-299"); err != nil || string(b) != "一" {
		return fmt.Errorf("bind mount: %q, %w", b, errors.Join(err, os.ErrInvalid))
	}
	for _, list := range []string{".", bound} {
		names, err := u.ReadDir(list)
		slices.Sort(names)
		if err != nil || len(slices.Compact(names)) != 300 {
			return fmt.Errorf("listing of %s: %d names, %w", list, len(names), errors.Join(err, os.ErrInvalid))
		}
	}
	res, err := u.Run([]string{"/bin/pwd", "-P"}, "")
	if err != nil || res.Code != 0 {
		return fmt.Errorf("pwd: %+v, %w", res, errors.Join(err, os.ErrInvalid))
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil
	}
	res, err = u.Run([]string{"git", "-c", "safe.directory=*", "status", "--short"}, "")
	if err != nil || !strings.Contains(res.Stderr, "not a git repository") || strings.Contains(res.Stderr, "working directory") {
		return fmt.Errorf("git: %+v, %w", res, errors.Join(err, os.ErrInvalid))
	}
	return nil
}

// prober tries names at the root until it is stopped.
func prober(t *testing.T, d *drive, u *as.User) (stop func()) {
	ways, end := probes(u), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			for what, probe := range ways {
				for _, name := range []string{matter1, matter2, "2026-0999"} {
					select {
					case <-end:
						return
					default:
					}
					if probe(filepath.Join(d.mnt, name)) == nil {
						t.Errorf("%s finds %s", what, name)
					}
				}
			}
			if names, err := u.ReadDir(d.mnt); err != nil || len(names) != 0 {
				t.Errorf("lists %q, %v", names, err)
			}
		}
	})
	return func() { close(end); work.Wait() }
}

// The table of misses by itself: what is asked a second time is not counted again, a minute
// ends, uids do not share.
func TestMissesTable(t *testing.T) {
	m, now := newMisses(), time.Unix(1_000_000, 0)
	hdr := func(uid, tid uint32) *fuse.InHeader {
		return &fuse.InHeader{Caller: fuse.Caller{Owner: fuse.Owner{Uid: uid}, Pid: tid}}
	}
	ask := func(uid uint32, name string) syscall.Errno {
		errno, _, _ := m.missed(hdr(uid, 7), name, true, syscall.ENOENT, now)
		return errno
	}
	for range missesAMinute {
		m.entered("a", m.begin())
		for range 2 {
			if ask(1, "a") != syscall.ENOENT {
				t.Fatal("a walk to a name in use counts twice")
			}
		}
	}
	if ask(1, "a") != syscall.ENOMEM || ask(1, "b") != syscall.ENOMEM {
		t.Error("the minute has no end of misses")
	}
	m.entered("a", m.begin())
	m.voided()
	for range missesAMinute {
		if ask(2, "a") != syscall.ENOENT {
			t.Error("uids share their misses")
		}
	}
	if ask(2, "a") != syscall.ENOMEM {
		t.Error("a name that the kernel does not have is asked for once")
	}
	now = now.Add(missWindow)
	if ask(1, "b") != syscall.ENOENT {
		t.Error("a new minute brings nothing")
	}
	for range refusalsAMinute {
		m.knocked(3, "c", syscall.EACCES, now)
	}
	if m.knocked(3, "c", syscall.EACCES, now) != syscall.ENOMEM || ask(3, "d") != syscall.ENOENT {
		t.Error("names that somebody sees are counted among those that they miss")
	}
	for uid := range uint32(3000) {
		m.missed(hdr(uid+10, 1), "x", false, syscall.ENOENT, now)
		now = now.Add(time.Second)
	}
	if len(m.of) > 1500 {
		t.Errorf("%d uids are remembered", len(m.of))
	}
}

// TestOverdueSecondLookup: a caller who ends between the two lookups of a walk leaves the name to the mender, once.
func TestOverdueSecondLookup(t *testing.T) {
	m := newMisses()
	hdr := &fuse.InHeader{Caller: fuse.Caller{Owner: fuse.Owner{Uid: other}, Pid: 7}}
	m.entered(matter1, m.begin())
	if errno, turn, _ := m.missed(hdr, matter1, true, syscall.ENOENT, time.Now()); errno != syscall.ENOENT || turn != firstLookup {
		t.Fatalf("the first lookup is answered %v, turn %d", errno, turn)
	}
	if names := m.overdue(); names != nil {
		t.Errorf("%q is overdue at once", names)
	}
	m.of[other].second[7] = asked{matter1, time.Now().Add(-secondTakes)}
	if names := m.overdue(); len(names) != 1 || names[0] != matter1 {
		t.Errorf("overdue is %q", names)
	}
	if names := m.overdue(); names != nil {
		t.Errorf("%q is overdue twice", names)
	}
}
