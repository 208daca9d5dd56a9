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

// secret is what the lead's documents hold in these tests.
const secret = "绝密原文"

// An attempt is one attack: a way that an outsider goes with what they were handed, what it
// gets when the checks that stand against it are off, and what it meets when they are on.
// Each is made twice, on two documents of its own, so that nothing that the kernel remembers
// of the first helps the second.
type attempt struct {
	way     string   // with its arguments
	without without  // the checks that are responsible
	got     string   // without them
	meets   []string // with them: errno names; a page fault or a splice may tell another than the call
	ev      string   // of the record of the refusal
	folder  bool     // the outsider is handed the folder, not the document
	flags   int      // how it was opened; 0 is O_RDWR for a document
	content string   // of the document, default secret
}

// ops are the decisions about these operations.
func ops(list ...policy.Op) without { return without{ops: list} }

// attacked is a firm with a lead who has documents and an outsider who is handed them.
type attacked struct {
	*drive
	lead, outside *as.User
	ring          string // what the outsider's io_uring_setup(2) answers: "done" where there is one
}

func underAttack(t *testing.T) *attacked {
	a := &attacked{drive: mountFirm(t), lead: as.Start(t, zhang), outside: as.Start(t, other)}
	a.ring = tries(t, a.outside, nil, "ring")
	if a.ring != "done" {
		t.Logf("THIS MACHINE OFFERS NO io_uring: setup answers %s; the attacks through it must answer the same", a.ring)
		if a.ring != "ENOSYS" && a.ring != "EPERM" {
			t.Errorf("io_uring_setup: %s", a.ring)
		}
	}
	return a
}

// document makes a folder with a document, a label and a link.
func (a *attacked) document(folder, content string) (path string) {
	a.lead.Does(a.lead.Mkdir(a.in(folder)))
	path = a.in(folder + "/合同")
	a.lead.Writes(path, content)
	a.lead.Does(a.lead.Chmod(path, 0o755))
	a.lead.Does(a.lead.Setxattr(path, "user.标签", []byte(secret), 0))
	a.lead.Does(a.lead.Symlink(secret, a.in(folder+"/链接")))
	return path
}

// handsOver opens a path as the lead and passes the descriptor to the outsider.
func (a *attacked) handsOver(path string, flags int) *as.File {
	a.t.Helper()
	f := a.lead.Opens(path, flags, 0o644)
	if flags&(unix.O_PATH|unix.O_DIRECTORY) == 0 { // what the lead may is remembered for the handle
		_, err := f.ReadAt(0, 1)
		a.lead.Does(err)
	}
	theirs, err := f.SendTo(a.outside)
	a.lead.Does(errors.Join(err, f.Close()))
	return theirs
}

// make makes the attempt once, in a folder of its own, and returns the document's path there.
func (c *attempt) make(t *testing.T, a *attacked, folder string, w without) (path, got string) {
	path = a.document(folder, c.contents())
	opened, flags := path, c.flags
	if c.folder {
		opened, flags = a.in(folder), flags|os.O_RDONLY|syscall.O_DIRECTORY
	} else if flags == 0 {
		flags = os.O_RDWR
	}
	f := a.handsOver(opened, flags)
	to := a.handsOver(a.in(folder+"/附件"), os.O_RDWR|os.O_CREATE)
	a.srv.fs.off.set(w)
	got = tries(t, a.outside, []*as.File{f, to}, strings.Fields(c.way)...)
	a.srv.fs.off.set(without{})
	a.outside.Does(errors.Join(f.Close(), to.Close()))
	return path, got
}

func (c *attempt) contents() string {
	if c.content == "" {
		return secret
	}
	return c.content
}

func (c *attempt) test(t *testing.T, a *attacked, n int) {
	a.t = t
	if strings.HasPrefix(c.way, "ring") && a.ring != "done" {
		c.got, c.meets, c.ev = a.ring, []string{a.ring}, ""
	}
	succeeds(t, c.got, func(try int) string {
		_, got := c.make(t, a, fmt.Sprintf("弃%d-%d", n, try), c.without)
		return got
	})
	path, got := c.make(t, a, fmt.Sprint("守", n), without{})
	if !slices.Contains(c.meets, got) {
		t.Errorf("the attack meets %q, want %q", got, c.meets)
	}
	if c.ev != "" {
		a.refused(c.ev, other, fmt.Sprint("守", n))
	}
	if b, err := a.lead.ReadFile(path); err != nil || string(b) != c.contents() {
		t.Errorf("the document holds %.100q, %v afterwards", b, err)
	}
}

// succeeds fails the test unless the attack without its check gets something. What the kernel
// caches may go at any time, and with it what some attacks live on: so it has a few tries.
func succeeds(t *testing.T, want string, attack func(try int) string) {
	t.Helper()
	got := ""
	for try := range 5 {
		if got = attack(try); got == want {
			return
		}
	}
	t.Errorf("without the check the attack gets %q, want %q", got, want)
}

// refused fails the test unless a refusal of uid is in the log, with its rule, for something
// in this folder. ev lists the events that it may be of: which one depends on what the kernel
// has cached.
func (a *attacked) refused(ev string, uid int, folder string) {
	a.t.Helper()
	for _, l := range a.records() {
		if l.has([]any{"res", "deny", "uid", uid, "rule", "member.none"}) && strings.HasPrefix(l.str("path"), folder) &&
			slices.Contains(strings.Fields(ev), l.str("ev")) {
			return
		}
	}
	a.t.Errorf("no refusal of %s in %s for uid %d:\n%s", ev, folder, uid, a.tail(5))
}

// Whoever was handed a descriptor of a document gets nothing through it that they could not
// get by its name, on whichever way.
func TestAttackByPassedDocument(t *testing.T) {
	a := underAttack(t)
	for i, c := range []attempt{
		{way: "read", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "read", without: without{checks: checkRemembered}, got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "seek-hole", without: ops(policy.OpRead), got: "12", meets: []string{"ENOENT"}, ev: "read"},
		{way: "write", without: ops(policy.OpWrite), got: "done", meets: []string{"ENOENT"}, ev: "write"},
		{way: "ftruncate", without: ops(policy.OpTruncate), got: "done", meets: []string{"ENOENT"}, ev: "setattr"},
		{way: "fchmod", without: ops(policy.OpSetattr), got: "done", meets: []string{"ENOENT"}, ev: "setattr"},
		{way: "futimens", without: ops(policy.OpSetattr), got: "done", meets: []string{"ENOENT"}, ev: "setattr"},
		{way: "fsetxattr", without: ops(policy.OpSetxattr), got: "done", meets: []string{"ENOENT"}, ev: "setxattr"},
		{way: "fgetxattr", without: ops(policy.OpGetxattr), got: secret, meets: []string{"ENOENT"}, ev: "getxattr"},
		{way: "flistxattr", without: ops(policy.OpGetxattr), got: "user.标签", meets: []string{"ENOENT"}, ev: "getxattr"},
		{way: "fallocate", without: ops(policy.OpAllocate), got: "done", meets: []string{"ENOENT"}, ev: "write"},
		{way: "reopen", without: ops(policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "open getattr"},
		{way: "copy-range", without: ops(policy.OpRead, policy.OpWrite), got: "12", meets: []string{"ENOENT"}, ev: "read"},
		{way: "mmap-shared", without: ops(policy.OpFill), got: secret, meets: []string{"EFAULT"}, ev: "read"},
		{way: "mmap-private", without: ops(policy.OpFill), got: secret, meets: []string{"EFAULT"}, ev: "read"},
		{way: "mmap-write", without: ops(policy.OpFill), got: "done", meets: []string{"EFAULT"}, ev: "read"},
		{way: "sendfile", without: ops(policy.OpFill), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "splice", without: ops(policy.OpFill), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "tee", without: ops(policy.OpFill), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "vmsplice", without: ops(policy.OpFill), got: secret, meets: []string{"EFAULT"}, ev: "read"},
		{way: "ring-read", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "ring-async", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "ring-poll", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "ring-buffer", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "ring-file", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "ring-write", without: ops(policy.OpWrite), got: "result 1", meets: []string{"ENOENT"}, ev: "write"},
		{way: "ring-splice", without: ops(policy.OpFill), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "userns read", without: ops(policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "read"},
		{way: "userns reopen", without: ops(policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "open getattr"},
		{way: "get-flags", without: ops(policy.OpOpenRead), got: "ENOTTY", meets: []string{"ENOENT"}, ev: "open getattr"},
		{way: "exec", without: ops(policy.OpOpenRead, policy.OpRead, policy.OpFill, policy.OpGetattr), got: "executed", meets: []string{"ENOENT"}, ev: "open getattr", content: program(t), flags: unix.O_CLOEXEC},
		{way: "reopen", flags: unix.O_PATH, without: ops(policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "open getattr"},
		{way: "exec", flags: unix.O_PATH, without: ops(policy.OpOpenRead, policy.OpRead, policy.OpFill, policy.OpGetattr), got: "executed", meets: []string{"ENOENT"}, ev: "open getattr", content: program(t)},
	} {
		t.Run(c.way, func(t *testing.T) { c.test(t, a, i) })
	}
}

// program is one that prints its arguments.
func program(t *testing.T) string {
	b, err := os.ReadFile("/bin/echo")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The same for a folder: neither what is in it nor anything below.
func TestAttackByPassedFolder(t *testing.T) {
	a := underAttack(t)
	for i, c := range []attempt{
		{way: "openat 合同", without: ops(policy.OpLookup, policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "lookup open"},
		{way: "fchdir 合同", without: ops(policy.OpLookup, policy.OpGetattr, policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "lookup access"},
		{way: "getdents", without: ops(policy.OpList, policy.OpLookup), got: "合同 链接 附件", meets: []string{"ENOENT"}, ev: "list"},
		{way: "reopen-list", without: ops(policy.OpList, policy.OpLookup), got: "合同 链接 附件", meets: []string{"ENOENT"}, ev: "list"},
		{way: "readlinkat 链接", without: ops(policy.OpReadlink), got: secret, meets: []string{"ENOENT"}, ev: "lookup readlink"},
		{way: "mkdirat 新", without: ops(policy.OpLookup, policy.OpMkdir), got: "done", meets: []string{"ENOENT"}, ev: "lookup mkdir"},
		{way: "unlinkat 链接", without: ops(policy.OpLookup, policy.OpUnlink), got: "done", meets: []string{"ENOENT"}, ev: "lookup unlink"},
		{way: "renameat 链接 别名", without: ops(policy.OpLookup, policy.OpRenameFrom, policy.OpRenameTo), got: "done", meets: []string{"ENOENT"}, ev: "lookup rename"},
		{way: "ring-openat 合同", without: ops(policy.OpLookup, policy.OpOpenRead), got: "opened", meets: []string{"ENOENT"}, ev: "lookup open"},
		{way: "reopen-list", flags: unix.O_PATH, without: ops(policy.OpList, policy.OpLookup), got: "合同 链接 附件", meets: []string{"ENOENT"}, ev: "list"},
		{way: "openat 合同", flags: unix.O_PATH, without: ops(policy.OpLookup, policy.OpOpenRead, policy.OpRead), got: secret, meets: []string{"ENOENT"}, ev: "lookup open"},
	} {
		c.folder = true
		t.Run(c.way, func(t *testing.T) { c.test(t, a, i) })
	}
}

// A member who reads a document through an io_uring gets it once, however much they ask for.
func TestRingReadsToTheEnd(t *testing.T) {
	a := underAttack(t)
	want := secret
	if a.ring != "done" {
		want = a.ring
	}
	f := a.lead.Opens(a.document("卷", secret), os.O_RDWR, 0)
	for _, way := range []string{"ring-read", "ring-async", "ring-poll", "ring-buffer", "ring-file", "ring-splice"} {
		if got := tries(t, a.lead, []*as.File{f}, way); got != want {
			t.Errorf("%s gets %q, want %q", way, got, want)
		}
	}
	a.lead.Does(f.Close())
}
