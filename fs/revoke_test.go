package fs

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/crypto/store"
	"matterfs/internal/as"
	"matterfs/policy"
)

// clock is a clock that a test can put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// loss is a way to lose the right to write, without a new policy.
type loss struct {
	member string // the member's line in the matter's policy
	env    policy.Env
	lose   func(d *drive, c *clock)
}

const memberLine = "  - { user: li.na, rights: [read, write, create] }\n"

// losses are the emergency list, the end of a term and the loss of a group of the system.
func losses() map[string]loss {
	var disabled, left atomic.Bool
	today := time.Now().In(time.FixedZone("CST", 8*3600)).Format("2006-01-02")
	return map[string]loss{
		"emergency": {
			member: memberLine,
			env:    policy.Env{Disabled: func(user string) bool { return disabled.Load() && user == "li.na" }},
			lose:   func(*drive, *clock) { disabled.Store(true) },
		},
		"group": {
			member: "  - { group: litigation, rights: [read, write, create] }\n",
			env:    policy.Env{Groups: func(_, user string) (bool, bool) { return user == "li.na" && !left.Load(), true }},
			lose:   func(*drive, *clock) { left.Store(true) },
		},
		"expiry": {
			member: "  - { user: li.na, rights: [read, write, create], until: " + today + " }\n",
			lose: func(d *drive, c *clock) {
				dec := d.srv.Policy().Decide(policy.Request{UID: lina, Matter: matter1, Op: policy.OpWrite, At: time.Now()})
				c.forward(time.Until(dec.Expires) + time.Second)
			},
		},
	}
}

// mount mounts the firm with the member's line and environment of this loss.
func (l loss) mount(t *testing.T, c *clock) *drive {
	files := firm()
	files["firm.yaml"] = append(files["firm.yaml"], "groups: { litigation: { unix: lit } }\n"...)
	files["matters/"+matter1+".yaml"] = []byte(strings.Replace(matter1YAML, memberLine, l.member, 1))
	return setup{files: files, env: &l.env, now: c.now}.mount(t)
}

// mapped is a member's shared, writable mapping of a document of the lead's.
func mapped(t *testing.T, d *drive, lead, member *as.User) (*as.File, *as.Mapping) {
	t.Helper()
	lead.Writes(d.in("库"), strings.Repeat("旧", 4096))
	f := member.Opens(d.in("库"), os.O_RDWR, 0)
	m, err := f.Map(0, 3*4096, true)
	if err != nil {
		t.Fatal(err)
	}
	return f, m
}

// Whoever loses the right to write loses no work: pages that were dirty then are taken. From
// then on neither descriptor nor mapping gives anything or takes anything.
func TestLossKeepsDirtyPages(t *testing.T) {
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			var c clock
			d := l.mount(t, &c)
			lead, member := as.Start(t, zhang), as.Start(t, lina)
			f, m := mapped(t, d, lead, member)
			member.Does(m.Write([]byte("新"), 4096*2))
			l.lose(d, &c)
			d.srv.Refresh()

			if _, err := m.Read(0, 3); err == nil {
				t.Error("the mapping still reads")
			}
			if err := m.Write([]byte("后"), 0); err == nil {
				t.Error("the mapping still takes writes")
			}
			if _, err := f.ReadAt(0, 3); err == nil {
				t.Error("the descriptor still reads")
			}
			if _, err := f.WriteAt([]byte("后"), 0); err == nil {
				t.Error("the descriptor still writes")
			}
			g := lead.Opens(d.in("库"), os.O_RDONLY, 0)
			if b, err := g.ReadAt(4096*2, 3); err != nil || string(b) != "新" {
				t.Errorf("the work from before reads %q, %v", b, err)
			}
			d.logged("ev", "writeback", "res", "ok", "user", "li.na", "path", "库")
			lead.Does(g.Close())
			member.Does(m.Unmap())
			member.Does(f.Close())
		})
	}
}

// After ten seconds nothing is taken any more: a mapping is no way around the loss.
func TestLossEndsWriteBack(t *testing.T) {
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			var c clock
			d := l.mount(t, &c)
			lead, member := as.Start(t, zhang), as.Start(t, lina)
			f, m := mapped(t, d, lead, member)
			member.Does(m.Write([]byte("新"), 0))
			l.lose(d, &c)
			if err := m.Sync(); err == nil { // the page is taken, but its writer is told
				t.Error("msync says that all is well")
			}
			d.logged("ev", "writeback", "res", "ok", "user", "li.na", "path", "库")
			c.forward(writeBackGrace)
			if err := m.Write([]byte("迟"), 0); err == nil {
				_ = m.Sync() // an error as before; what counts is the document
			}
			if d.count("res", "deny", "ev", "write", "uid", 0)+d.count("res", "deny", "ev", "read", "uid", lina) == 0 {
				t.Errorf("no refusal of the late page:\n%s", d.tail(6))
			}
			g := lead.Opens(d.in("库"), os.O_RDONLY, 0)
			if b, err := g.ReadAt(0, 3); err != nil || string(b) != "新" {
				t.Errorf("the document begins with %q, %v, want what was there in time", b, err)
			}
			lead.Does(g.Close())
			member.Does(m.Unmap())
			member.Does(f.Close())
		})
	}
}

// dismissed is the firm after the member left the matter.
func dismissed() map[string][]byte {
	files := firm()
	files["matters/"+matter1+".yaml"] = []byte(strings.Replace(matter1YAML, memberLine, "", 1))
	return files
}

// A working directory is no way around a revocation: names that others use there, before and
// after, are not told to who has left.
func TestRevokedWorkingDirectory(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("证据")))
	lead.Writes(d.in("证据/旧"), "1")
	member.Does(member.Chdir(d.in("证据")))
	member.Reads("旧", "1")
	d.srv.SetPolicy(parse(t, dismissed()))
	_, err := member.Stat("旧")
	member.Refused(err, syscall.ENOENT)
	_, err = member.ReadDir(".")
	member.Refused(err, syscall.ENOENT)
	member.IsDenied("旧", syscall.ENOENT)
	member.Refused(member.Mkdir("新"), syscall.ENOENT)
	member.Does(member.Chdir("/"))
}

// halt stops the next decision, or the next look at the backing disk, until it is let go.
type halt struct {
	armed   atomic.Bool
	reached chan struct{}
	goOn    chan struct{}
}

func newHalt() *halt { return &halt{reached: make(chan struct{}), goOn: make(chan struct{})} }

func (h *halt) pass() {
	if h.armed.CompareAndSwap(true, false) {
		h.reached <- struct{}{}
		<-h.goOn
	}
}

// haltedCall is in the stack of the calls that during makes, and in no other: what the drive
// does by itself in the background is not stopped.
//
//go:noinline
func haltedCall(call func() answer) answer { return call() }

// newHaltInCalls stops what during calls.
func newHaltInCalls() *haltIn { return newHaltIn(".haltedCall") }

func (h *haltIn) disk(d store.Disk) store.Disk {
	return hookedDisk{d, func(string) error { h.pass(); return nil }}
}

// during makes a call that is stopped, does something meanwhile and lets it go.
func (h *haltIn) during(t *testing.T, call func() answer, do func()) answer {
	t.Helper()
	h.armed.Store(true)
	said := make(chan answer, 1)
	go func() { said <- haltedCall(call) }()
	select {
	case <-h.reached:
		do()
		h.goOn <- struct{}{}
		return <-said
	case a := <-said:
		h.armed.Store(false)
		t.Error("the call was not stopped")
		return a
	}
}

// answer is what a handler said, and what of it the kernel would pass on.
type answer struct {
	said   string
	status fuse.Status
}

// lateCalls are requests of the member that tell or change something.
func lateCalls(t *testing.T, d *drive) map[string]func() answer {
	f := d.srv.fs
	root := f.matterRoot(matter1)
	root.Retain()
	hdr := func(id uint64) fuse.InHeader {
		return fuse.InHeader{NodeId: id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: lina, Gid: lina}}}
	}
	dir := hdr(f.nodes.learn(root, zhang).id)
	link := hdr(f.nodes.learn(must(root.Lookup("链接")), zhang).id)
	file := hdr(f.nodes.learn(must(root.Lookup("合同.txt")), zhang).id)
	return map[string]func() answer{
		"readlink": func() answer { b, s := f.Readlink(nil, &link); return answer{string(b), s} },
		"getxattr": func() answer {
			b := make([]byte, 100)
			n, s := f.GetXAttr(nil, &file, "user.标签", b)
			return answer{string(b[:n]), s}
		},
		"listxattr": func() answer {
			b := make([]byte, 100)
			n, s := f.ListXAttr(nil, &file, b)
			return answer{string(b[:n]), s}
		},
		"getattr": func() answer {
			var out fuse.AttrOut
			return answer{status: f.GetAttr(nil, &fuse.GetAttrIn{InHeader: file}, &out), said: fmt.Sprint(out.Size)}
		},
		"statx": func() answer {
			var out fuse.StatxOut
			return answer{status: f.Statx(nil, &fuse.StatxIn{InHeader: file}, &out), said: fmt.Sprint(out.Size)}
		},
		"lookup": func() answer {
			var out fuse.EntryOut
			return answer{status: f.Lookup(nil, &dir, "合同.txt", &out), said: fmt.Sprint(out.NodeId)}
		},
		"mkdir": func() answer {
			return answer{"", f.Mkdir(nil, &fuse.MkdirIn{InHeader: dir}, "新", &fuse.EntryOut{})}
		},
		"setxattr": func() answer {
			return answer{"", f.SetXAttr(nil, &fuse.SetXAttrIn{InHeader: file}, "user.新", []byte("1"))}
		},
		"unlink": func() answer { return answer{"", f.Unlink(nil, &dir, "新")} },
		"open":   func() answer { return answer{"", f.Open(nil, &fuse.OpenIn{InHeader: file}, &fuse.OpenOut{})} },
	}
}

// A request that was being decided when the policy changed is answered under the new one.
func TestNoAnswerUnderAnEndedPolicy(t *testing.T) {
	h := newHaltInCalls()
	d := setup{now: h.now}.mount(t)
	lead := withSecrets(t, d)
	in, out := parse(t, firm()), parse(t, dismissed())
	for name, call := range lateCalls(t, d) {
		d.srv.SetPolicy(in)
		if a := h.during(t, call, func() { d.srv.SetPolicy(out) }); a.status != fuse.ENOENT {
			t.Errorf("%s answered %v %q after the member had left, want ENOENT", name, a.status, a.said)
		}
	}
	lead.Lists(d.in(""), "合同.txt", "链接")
}

// withSecrets makes what lateCalls ask for.
func withSecrets(t *testing.T, d *drive) *as.User {
	lead := as.Start(t, zhang)
	lead.Does(lead.Symlink("保密目标", d.in("链接")))
	lead.Writes(d.in("合同.txt"), "保密")
	lead.Does(lead.Setxattr(d.in("合同.txt"), "user.标签", []byte("保密"), 0))
	return lead
}

// What was decided and fetched already does not leave either.
func TestNoAnswerFetchedUnderAnEndedPolicy(t *testing.T) {
	h := newHaltInCalls()
	d := setup{disk: h.disk}.mount(t)
	withSecrets(t, d)
	in, out := parse(t, firm()), parse(t, dismissed())
	calls := lateCalls(t, d)
	for _, name := range []string{"readlink", "getxattr", "listxattr", "getattr", "statx", "lookup"} {
		d.srv.SetPolicy(in)
		if a := h.during(t, calls[name], func() { d.srv.SetPolicy(out) }); a.status != fuse.ENOENT {
			t.Errorf("%s answered %v %q after the member had left, want ENOENT", name, a.status, a.said)
		}
	}
}
