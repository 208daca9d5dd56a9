package fs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
	"matterfs/policy"
)

// kept is what a member keeps of a folder while they may use it. After the member has left,
// try goes on with it, and let gives it back.
type kept struct {
	try func() string
	let func() error
}

// keeping is one attack of someone whose access has ended.
type keeping struct {
	name    string
	keep    func(t *testing.T, m *as.User, folder string) kept
	without without
	got     string
	meets   string
	ev      string
}

// outcome is how an attack through an agent is told, as tries tells one of a program.
func outcome(got string, err error) string {
	if err != nil {
		return errnoName(err)
	}
	return got
}

// keepsCwd keeps a working directory, and what the kernel knows there.
func keepsCwd(way ...string) func(*testing.T, *as.User, string) kept {
	return func(t *testing.T, m *as.User, folder string) kept {
		m.Does(m.Chdir(folder))
		known(m, "合同")
		return kept{func() string { return tries(t, m, nil, way...) }, func() error { return m.Chdir("/") }}
	}
}

// keepsOpen keeps an open file, or the open folder when name is "".
func keepsOpen(name string, flags int, way ...string) func(*testing.T, *as.User, string) kept {
	return func(t *testing.T, m *as.User, folder string) kept {
		known(m, folder+"/合同")
		f := m.Opens(folder+"/"+name, flags, 0)
		if flags&(unix.O_DIRECTORY|unix.O_PATH) == 0 {
			_, err := f.ReadAt(0, 1)
			m.Does(err)
			known(m, folder+"/合同")
		}
		return kept{func() string { return tries(t, m, []*as.File{f}, way...) }, f.Close}
	}
}

// keepsMapped keeps the mapped first page, which was touched.
func keepsMapped(shared bool, use func(m *as.Mapping) string) func(*testing.T, *as.User, string) kept {
	return func(t *testing.T, m *as.User, folder string) kept {
		f := m.Opens(folder+"/合同", os.O_RDWR, 0)
		mapping, err := f.MapPrivate(0, 4096)
		if shared {
			mapping, err = f.Map(0, 4096, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = mapping.Read(0, 1)
		m.Does(err)
		return kept{func() string { return use(mapping) }, func() error { return errors.Join(mapping.Unmap(), f.Close()) }}
	}
}

func readMapped(m *as.Mapping) string {
	b, err := m.Read(0, len(secret))
	return outcome(string(b), err)
}

func writeMapped(m *as.Mapping) string { return outcome("done", m.Write([]byte("x"), 4000)) }

// keepsHalfAStream keeps a directory stream that was read in part.
func keepsHalfAStream(t *testing.T, m *as.User, folder string) kept {
	f := m.Opens(folder, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if some, err := f.Names(64); err != nil || len(some) > 1 {
		t.Errorf("the first buffer has %q, %v", some, err)
	}
	return kept{func() string {
		rest, err := f.Names(8192)
		slices.Sort(rest)
		return outcome(fmt.Sprint(len(rest) > 0), err)
	}, f.Close}
}

// Whoever has left a matter gets nothing by what they kept from before.
func TestAttackByWhatWasKept(t *testing.T) {
	a := underAttack(t)
	m := as.Start(t, lina)
	in, out := parse(t, firm()), parse(t, dismissed())
	const dir = unix.O_DIRECTORY
	void := without{checks: checkVoid}
	opening := ops(policy.OpLookup, policy.OpOpenRead, policy.OpRead)
	for i, c := range []keeping{
		{"cwd, stat", keepsCwd("stat", "合同"), void, "size 12", "ENOENT", "lookup getattr"},
		{"cwd, open", keepsCwd("open", "合同"), opening, secret, "ENOENT", "lookup open"},
		{"cwd, list", keepsCwd("list", "."), ops(policy.OpList, policy.OpLookup), "合同 链接", "ENOENT", "list"},
		{"dirfd, stat", keepsOpen("", dir, "fstatat", "合同"), void, "size 12", "ENOENT", "lookup getattr"},
		{"dirfd, open", keepsOpen("", dir, "openat", "合同"), opening, secret, "ENOENT", "lookup open"},
		{"dirfd, list", keepsOpen("", dir, "getdents"), ops(policy.OpList, policy.OpLookup), "合同 链接", "ENOENT", "list"},
		{"dirfd, ring", keepsOpen("", dir, "ring-openat", "合同"), opening, "opened", "ENOENT", "lookup open"},
		{"half a stream", keepsHalfAStream, ops(policy.OpList, policy.OpLookup), "true", "ENOENT", "list"},
		{"fd, read", keepsOpen("合同", unix.O_RDWR, "read"), without{checks: checkRemembered}, secret, "ENOENT", "read"},
		{"fd, reopen", keepsOpen("合同", unix.O_RDWR, "reopen"), ops(policy.OpOpenRead, policy.OpRead), secret, "ENOENT", "open getattr"},
		{"fd, stat", keepsOpen("合同", unix.O_RDWR, "fstat"), void, "size 12", "ENOENT", "getattr"},
		{"O_PATH, stat", keepsOpen("合同", unix.O_PATH, "fstat"), void, "size 12", "ENOENT", "getattr"},
		{"O_PATH, reopen", keepsOpen("合同", unix.O_PATH, "reopen"), ops(policy.OpOpenRead, policy.OpRead), secret, "ENOENT", "open getattr"},
		{"shared pages, read", keepsMapped(true, readMapped), void, secret, "EFAULT", "read"},
		{"shared pages, write", keepsMapped(true, writeMapped), ops(policy.OpFill), "done", "EFAULT", "read"},
		{"private pages, read", keepsMapped(false, readMapped), void, secret, "EFAULT", "read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.t = t
			if strings.Contains(c.name, "ring") && a.ring != "done" {
				c.got, c.meets, c.ev = a.ring, a.ring, ""
			}
			make := func(folder string, w without) string {
				a.document(folder, secret)
				k := c.keep(t, m, a.in(folder))
				a.srv.fs.off.set(w)
				a.srv.SetPolicy(out)
				got := k.try()
				a.srv.fs.off.set(without{})
				a.srv.SetPolicy(in)
				m.Does(k.let())
				return got
			}
			succeeds(t, c.got, func(try int) string { return make(fmt.Sprintf("弃%d-%d", i, try), c.without) })
			if got := make(fmt.Sprint("守", i), without{}); got != c.meets {
				t.Errorf("the attack meets %q, want %q", got, c.meets)
			}
			if c.ev != "" {
				a.refused(c.ev, lina, fmt.Sprint("守", i))
			}
		})
	}
}

// Someone else's mapped pages are not lost when a writer of the same file has to go: neither
// those that were dirty then, nor those of later, which the kernel may send with the handle
// of who has left.
func TestRevocationKeepsPagesOfOthers(t *testing.T) {
	for what, w := range map[string]without{"opener": {checks: checkWriters}, "writers": {}} {
		t.Run(what, func(t *testing.T) {
			var c clock
			d := setup{now: c.now}.mount(t)
			lead, member := as.Start(t, zhang), as.Start(t, lina)
			lead.Writes(d.in("库"), strings.Repeat("-", 8192))
			f := lead.Opens(d.in("库"), os.O_RDWR, 0)
			theirs := member.Opens(d.in("库"), os.O_RDWR, 0)
			m, err := f.Map(0, 8192, true)
			hers, err2 := theirs.Map(0, 8192, true) // the kernel sends pages with the handle mapped last
			if err = errors.Join(err, err2); err != nil {
				t.Fatal(err)
			}
			lead.Does(m.Write([]byte("甲"), 0))
			d.srv.SetPolicy(parse(t, dismissed()))
			d.holds(lead, "库", 0, "甲")

			d.srv.fs.off.set(w)
			c.forward(writeBackGrace)
			lead.Does(m.Write([]byte("乙"), 4096))
			if err := m.Sync(); (err == nil) != (w.checks == 0) {
				t.Errorf("msync after the member left: %v", err)
			}
			d.srv.fs.off.set(without{})
			if w.checks == 0 {
				d.holds(lead, "库", 4096, "乙")
			}
			if _, err := theirs.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.ENOENT) {
				t.Errorf("the member still writes: %v", err)
			}
			lead.Does(errors.Join(m.Unmap(), f.Close()))
			member.Does(errors.Join(hers.Unmap(), theirs.Close()))
		})
	}
}

// holds fails the test unless a document of the matter has these bytes at an offset.
func (d *drive) holds(u *as.User, name string, off int64, want string) {
	d.t.Helper()
	f := u.Opens(d.in(name), os.O_RDONLY, 0)
	if b, err := f.ReadAt(off, len(want)); err != nil || string(b) != want {
		d.t.Errorf("at %d the document has %q, %v, want %q", off, b, err, want)
	}
	u.Does(f.Close())
}
