package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
	"matterfs/policy"
)

// walking is what stands against someone who walks to a document by a path.
var walking = []policy.Op{policy.OpLookup, policy.OpOpenRead, policy.OpRead}

// hidden are the answers to a walk through a matter that the walker may not see: the second
// after many misses. Their rules go with them.
var hidden = []string{"ENOENT", "ENOMEM"}

// walk tries one way by path twice: it gets this without the checks, and meets one of these
// with them. A refused walk is in the log, with its rule.
func (a *attacked) walk(u *as.User, files []*as.File, w without, got string, meets []string, way ...string) {
	a.t.Helper()
	a.srv.fs.off.set(w)
	succeeds(a.t.(*testing.T), got, func(int) string { return tries(a.t.(*testing.T), u, files, way...) })
	a.srv.fs.off.set(without{})
	a.srv.Refresh()                                      // what the kernel has learned meanwhile is no part of the next try
	a.srv.flushRefusals(a.srv.fs.now().AddDate(1, 0, 0)) // nor are counts of the log
	before := a.denied(u)
	if out := tries(a.t.(*testing.T), u, files, way...); !slices.Contains(meets, out) {
		a.t.Errorf("%q meets %q, want one of %q", way, out, meets)
	}
	if a.denied(u) == before {
		a.t.Errorf("%q: no refusal in the log:\n%s", way, a.tail(4))
	}
}

// denied counts the refusals of a user that name a rule.
func (a *attacked) denied(u *as.User) (n int) {
	for _, l := range a.records() {
		if l.str("res") == "deny" && l.num("uid") == float64(u.UID()) && l.str("rule") != "" {
			n++
		}
	}
	return n
}

// No link leads anywhere that its reader could not go: the daemon answers what a link says
// and follows none.
func TestAttackBySymlink(t *testing.T) {
	a := underAttack(t)
	member := as.Start(t, lina)
	theirs := filepath.Join(a.mnt, matter2, "合同")
	a.lead.Writes(theirs, secret)
	for name, to := range map[string]string{
		"绝对": theirs, "相对": "../" + matter2 + "/合同", "经过": "/proc/self/root" + theirs, "自己": "/proc/self/fd/3",
	} {
		a.lead.Does(a.lead.Symlink(to, a.in(name)))
	}
	member.Does(member.Chdir(a.in("")))
	for _, name := range []string{"绝对", "相对", "经过"} {
		a.walk(member, nil, ops(walking...), secret, hidden, "open", name)
	}
	f := a.lead.Opens(theirs, os.O_RDWR, 0)
	hers, err := f.SendTo(member)
	a.lead.Does(errors.Join(err, f.Close()))
	a.walk(member, []*as.File{hers}, ops(walking...), secret, hidden, "open", "自己")
	member.Does(hers.Close())
	member.Does(member.Chdir("/"))

	// Outwards a link leads where its reader may go, and not where the daemon, who is root, may.
	out := filepath.Join(as.Dir(t), "外面")
	if err := os.WriteFile(out, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	a.lead.Does(a.lead.Symlink(out, a.in("出去")))
	a.lead.IsDenied(a.in("出去"), unix.EACCES)
	if err := os.Chmod(out, 0o644); err != nil {
		t.Fatal(err)
	}
	a.lead.Reads(a.in("出去"), secret)
}

// A bind mount shows what it is of to those who may see that, and to nobody else. What names
// and attributes the kernel has in its cache there is told to all (TestKernelTellsFromItsCache).
func TestAttackByBindMount(t *testing.T) {
	a := underAttack(t)
	a.document("卷", secret)
	for _, of := range []struct{ what, doc string }{{"", "卷/合同"}, {"卷", "合同"}} {
		at := filepath.Join(as.Dir(t), "bind")
		if err := errors.Join(os.Mkdir(at, 0o755), a.bind(a.in(of.what), at)); err != nil {
			t.Fatal(err)
		}
		a.walk(a.outside, nil, ops(walking...), secret, hidden, "open", at+"/"+of.doc)
		a.walk(a.outside, nil, ops(policy.OpLookup, policy.OpGetattr), "size 12", hidden, "stat", at+"/"+of.doc)
		a.walk(a.outside, nil, ops(policy.OpList, policy.OpLookup), strings.Split(of.doc, "/")[0]+map[bool]string{true: " 链接"}[of.what != ""], hidden, "list", at)
		a.lead.Reads(at+"/"+of.doc, secret)
		if err := unix.Unmount(at, 0); err != nil {
			t.Error(err)
		}
	}
}

// bind makes a bind mount, as root does, of what the lead has open: root itself sees nothing.
func (a *attacked) bind(from, to string) error {
	f := a.lead.Opens(from, unix.O_PATH|unix.O_DIRECTORY, 0)
	defer f.Close()
	root := as.Start(a.t, 0)
	held, err := f.SendTo(root)
	if err != nil {
		return err
	}
	if got := tries(a.t.(*testing.T), root, []*as.File{held}, "bind", to); got != "done" {
		return errors.New("bind mount: " + got)
	}
	return held.Close()
}

// What one member's walk made the kernel remember is no answer to another's.
func TestAttackByCachedNames(t *testing.T) {
	a := underAttack(t)
	member := as.Start(t, lina)
	a.lead.Does(a.lead.Mkdir(a.in("鉴定")))
	a.lead.Writes(a.in("鉴定/意见"), secret)
	a.lead.Writes(filepath.Join(a.mnt, matter2, "合同"), secret)
	boundary := without{checks: checkBoundary}
	for _, p := range []string{a.in("鉴定/意见"), filepath.Join(a.mnt, matter2, "合同")} {
		for _, way := range []string{"stat", "statx", "opath"} {
			a.srv.fs.off.set(boundary)
			a.srv.Refresh()
			succeeds(t, "size 12", func(int) string { known(a.lead, p); return tries(t, member, nil, way, p) })
			a.walk(member, nil, boundary, "size 12", hidden, way, p)
			known(a.lead, p)
			if got := tries(t, member, nil, way, p); !slices.Contains(hidden, got) {
				t.Errorf("%s right after the lead's: %s", way, got)
			}
		}
	}
}

// No read is answered from the page cache, whoever filled it: here the lead's own reads.
func TestAttackByCachedReads(t *testing.T) {
	attempt := func(a *attacked, folder string) string {
		f := a.handsOver(a.document(folder, secret), os.O_RDWR) // and reads
		got := tries(t, a.outside, []*as.File{f}, "read")
		a.outside.Does(f.Close())
		return got
	}
	// To read through the cache is to fill it, and what is filled is dropped. Whether the kernel asks for the size first
	// is up to it, and stays so for one drive: each try has its own.
	succeeds(t, secret, func(n int) string {
		a := underAttack(t)
		a.srv.fs.off.set(without{checks: checkDirect | checkDrop})
		return attempt(a, fmt.Sprint("卷", n))
	})
	a := underAttack(t)
	if got := attempt(a, "卷0"); got != "ENOENT" {
		t.Errorf("the outsider reads %q", got)
	}
	a.refused("read", other, "卷0")
}

// Pages that the lead's mapping filled are dropped; then whoever mapped the same document
// before, or sends it, asks.
func TestAttackByFilledPages(t *testing.T) {
	a := underAttack(t)
	for _, w := range []without{{checks: checkDrop}, {}} {
		a.srv.fs.off.set(w)
		path := a.document(fmt.Sprint("卷", w.checks), secret)
		theirs := a.handsOver(path, os.O_RDWR)
		window, err := theirs.Map(0, 4096, false)
		if err != nil {
			t.Fatal(err)
		}
		f := a.lead.Opens(path, os.O_RDONLY, 0)
		for way, gets := range map[string]func() string{
			"mapping":  func() string { return readMapped(window) },
			"sendfile": func() string { return tries(t, a.outside, []*as.File{theirs}, "sendfile") },
		} {
			m, err := f.Map(0, 4096, false) // a new mapping drops all pages
			if err != nil {
				t.Fatal(err)
			}
			_, err = m.Read(0, 1)
			a.lead.Does(err)
			if got := gets(); w.checks != 0 && got != secret {
				t.Errorf("%s of a page that stays gets %q", way, got)
			}
			eventually(t, func() (struct{}, error) {
				if got := gets(); w.checks == 0 && got == secret {
					return struct{}{}, errors.New("the page is still there")
				}
				return struct{}{}, nil
			})
			a.lead.Does(m.Unmap())
		}
		a.lead.Does(f.Close())
		a.outside.Does(errors.Join(window.Unmap(), theirs.Close()))
	}
	a.refused("read", other, "卷0")
}

// A file handle would be opened without a walk, and would tell what the kernel has cached. The
// kernel refuses to make one, without a question to the drive.
func TestAttackByFileHandle(t *testing.T) {
	for _, w := range []without{{checks: checkExport}, {}} {
		a := &attacked{drive: setup{off: w}.mount(t), lead: as.Start(t, zhang), outside: as.Start(t, 0)}
		path := a.document("卷", secret)
		f := a.handsOver(path, os.O_RDWR)
		known(a.lead, path) // a read makes the kernel ask again
		want := "ENOTSUP"
		if w.checks != 0 {
			want = "size 12"
		}
		if got := tries(t, a.outside, []*as.File{f}, "handle"); got != want {
			t.Errorf("with checks %b off root gets %q by a file handle, want %q", w.checks, got, want)
		}
		a.outside.Does(f.Close())
	}
}

// A stream that a member read in part gives its next reader that reader's names: to someone
// outside none, to a member of lower clearance not the folder above it.
func TestAttackByHalfReadStream(t *testing.T) {
	a := underAttack(t)
	member := as.Start(t, lina)
	a.lead.Does(a.lead.Mkdir(a.in("卷")))
	a.lead.Does(a.lead.Mkdir(a.in("鉴定")))
	runs(t, a.lead, "make", a.in("卷"), "40")
	for _, c := range []struct {
		dir  string
		to   *as.User
		ops  without
		off  func(string) bool
		on   func(string) bool
		what string
	}{
		{a.in("卷"), a.outside, ops(policy.OpList, policy.OpLookup), contains("stay-00039"), is("ENOENT"), "list"},
		{a.in(""), member, ops(policy.OpLookup), contains("鉴定"), is("卷"), ""},
	} {
		for _, w := range []without{c.ops, {}} {
			f := a.lead.Opens(c.dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
			_, err := f.Names(24) // . alone
			a.lead.Does(err)
			theirs, err := f.SendTo(c.to)
			a.lead.Does(errors.Join(err, f.Close()))
			a.srv.fs.off.set(w)
			got := tries(t, c.to, []*as.File{theirs}, "getdents")
			a.srv.fs.off.set(without{})
			want := c.on
			if w.ops != nil {
				want = c.off
			}
			if !want(got) {
				t.Errorf("without %v uid %d reads %q from the rest of the stream", w.ops, c.to.UID(), got)
			}
			c.to.Does(theirs.Close())
		}
	}
	a.refused("list", other, "卷")
}

func contains(name string) func(string) bool {
	return func(s string) bool { return slices.Contains(strings.Fields(s), name) }
}

func is(want string) func(string) bool { return func(s string) bool { return s == want } }
