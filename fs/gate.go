package fs

import (
	"errors"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/audit/cover"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// state is what decisions are made under. It is swapped whole; gen rises with each swap.
type state struct {
	policy *policy.Policy
	env    *policy.Env
	gen    uint64
}

// target is the thing a request is about: a node, or a name below a directory.
type target struct {
	matter, path string
	sealed       []string
	own          bool
	fid          string
}

// request is one request on its way through the gate.
type request struct {
	fs   *fileSystem
	m    method
	hdr  *fuse.InHeader
	st   *state
	node *node

	op  policy.Op       // what was last decided
	on  target          // what the last decision was about
	dec policy.Decision // the last decision

	moves uint64      // of the store, before the place in on was looked at; 0, nothing had moved: not asked
	view  *cover.View // what records cover for the caller; nil: nothing
	opens bool        // the record to come is that of an open, which discloses

	got audit.Receipt // of the record last committed

	learned []uint64 // nodes that the answer will hand out, to be taken back if it does not leave
}

// enter looks up the method's row and the node. A method without a row, or one that is
// never served, is refused and recorded here.
func (f *fileSystem) enter(m method, hdr *fuse.InHeader) (*request, syscall.Errno) {
	r := &request{fs: f, m: m, hdr: hdr, st: f.state.Load(), node: f.nodes.get(hdr.NodeId)}
	row := &table[m]
	switch {
	case row.class == classNone:
		return r, r.refuse("op.unknown", "the drive has no rule for this request", syscall.EPERM)
	case isOwn(hdr.NodeId):
		return r, r.fixedOwn()
	case r.node == nil:
		return r, syscall.ESTALE
	case row.class == classRefused:
		r.on = targetOf(r.node)
		return r, r.refuse(row.rule, "the drive does not offer this operation", row.errno)
	}
	return r, 0
}

// targetOf describes a node itself; the root is in no matter.
func targetOf(n *node) target {
	if n.isRoot() {
		return target{}
	}
	o := n.obj
	return target{matter: o.Matter(), path: o.Path(), sealed: o.Levels(), fid: n.fid}
}

// asked describes a node together with whether the caller created it.
func (r *request) asked(n *node) target {
	t := targetOf(n)
	t.own = n.createdBy(r.hdr.Uid)
	return t
}

// child describes a name in directory n. own says that the caller makes it, or made it.
func child(n *node, name string, own bool) target {
	t := targetOf(n)
	t.fid, t.own = "", own
	if t.path == "" {
		t.path = name
	} else {
		t.path += "/" + name
	}
	return t
}

// decide asks the policy whether the caller may do op to t. It records nothing.
func (r *request) decide(op policy.Op, t target) policy.Decision {
	d := r.st.decide(r.hdr.Uid, op, t, r.fs.now())
	d.Allow = d.Allow || !r.fs.off.heeds(op)
	return d
}

func (s *state) decide(uid uint32, op policy.Op, t target, at time.Time) policy.Decision {
	return s.policy.Decide(policy.Request{
		UID: uid, Matter: t.matter, Path: t.path, Sealed: t.sealed, Op: op, Own: t.own, At: at, Env: s.env,
	})
}

// allow decides and records a refusal. An operation that changes something also needs a
// log that can be written: what could not be recorded is not done.
func (r *request) allow(op policy.Op, t target) syscall.Errno {
	if r.weigh(op, t); !r.dec.Allow {
		return r.denied()
	}
	if op.Modifies() && r.fs.opts.Audit.Ready() != nil {
		return syscall.EIO
	}
	return 0
}

// weigh decides under the policy that runs.
func (r *request) weigh(op policy.Op, t target) {
	r.op, r.on = op, t
	r.dec = r.decide(op, t)
	for !r.current() { // decided under a policy that has just ended
		r.st = r.fs.state.Load()
		r.dec = r.decide(op, t)
	}
}

// allowNode is allow for the node of the request itself.
func (r *request) allowNode(op policy.Op) syscall.Errno {
	if r.node.isRoot() {
		return r.allowRoot()
	}
	return r.allow(op, r.asked(r.node))
}

// allowRoot decides what touches the root itself. Root and the daemon are nobody, but smbd
// needs the attributes of a share's root.
func (r *request) allowRoot() syscall.Errno {
	r.on = target{}
	r.dec = r.st.policy.SeesRoot(r.hdr.Uid, r.fs.now(), r.st.env)
	if r.dec.Allow {
		return 0
	}
	service := r.hdr.Uid == 0 || r.hdr.Uid == r.fs.daemonUID
	if service && (r.m == mGetAttr || r.m == mStatx || r.m == mStatFs || r.m == mAccess) {
		return 0
	}
	return r.denied()
}

// denied records the decision in r.dec as a refusal and returns what the caller sees of it.
func (r *request) denied() syscall.Errno {
	rec := r.record("deny")
	if err := r.fs.refusals.note(r.fs, rec, r.fs.budgets.over(r.hdr.Uid)); err != nil {
		return syscall.EIO
	}
	r.fs.seen(rec)
	r.notify()
	return shownAs[r.dec.Shown]
}

// refuse records a refusal that is the drive's own and not the policy's.
func (r *request) refuse(rule, reason string, errno syscall.Errno) syscall.Errno {
	user := r.dec.User
	if user == "" {
		if u, ok := r.st.policy.UserByUID(r.hdr.Uid); ok {
			user = u.Name
		}
	}
	r.dec = policy.Decision{Rule: rule, Reason: reason, User: user, Client: r.dec.Client, Level: r.dec.Level}
	if r.denied() == syscall.EIO {
		return syscall.EIO
	}
	return errno
}

// record begins the audit record of this request.
func (r *request) record(res string) *audit.Record {
	if !r.fs.off.on(checkLog) {
		return &audit.Record{}
	}
	p := r.fs.procs.of(r.hdr.Pid)
	ev := table[r.m].ev
	if ev == "" {
		ev = "request" // a method without a row has no word for what it does
	}
	return &audit.Record{
		Ev: ev, Res: res,
		User: r.dec.User, UID: r.hdr.Uid, HasUID: true, AUID: p.auid, OUID: -1, PID: r.hdr.Pid, Exe: p.exe, Comm: p.comm,
		Matter: r.on.matter, Client: r.dec.Client, Level: r.dec.Level, Path: r.on.path, FID: r.on.fid,
		Rule: r.dec.Rule, Pol: r.st.short(), Purpose: r.dec.Purpose,
	}
}

// short is the policy's hash as records show it.
func (s *state) short() string {
	h := s.policy.Hash()
	return h[:min(12, len(h))]
}

// class says what the log does with the record of this request while its disk is full.
func (r *request) class() audit.Class {
	switch {
	case r.m == mRelease:
		return audit.Closing
	case r.opens || !changes[r.m]:
		return audit.Disclosure
	}
	return audit.Change
}

// commit appends the record of something done, or of its failure, and returns the answer.
// The answer is EIO when the record cannot be written.
func (r *request) commit(rec *audit.Record, err error) syscall.Errno {
	errno := errnoOf(err)
	if errno != 0 {
		rec.Res, rec.Note = unix.ErrnoName(errno), err.Error()
		r.fs.countDamage(err)
	}
	var lerr error
	if r.got, lerr = r.fs.append(r.class(), rec); lerr != nil {
		if r.op.Modifies() {
			r.fs.voidAll() // the change may be done all the same; the kernel must not believe it is not
		}
		return syscall.EIO
	}
	r.fs.seen(rec)
	return errno
}

// countDamage counts a request that met damage on the backing disk.
func (f *fileSystem) countDamage(err error) {
	var corrupt *store.CorruptError
	if errors.As(err, &corrupt) {
		f.damaged.Add(1)
	}
}

// done is commit with the plain record of the request.
func (r *request) done(err error) syscall.Errno { return r.commit(r.record("ok"), err) }

// current reports whether the policy that allowed the request still runs. A handler that
// took time asks before its answer leaves.
func (r *request) current() bool {
	return r.fs.state.Load() == r.st || !r.fs.off.on(checkEnded)
}

// moved reports whether what was decided about the request's own node was decided for a
// place that it has left. Its new place may be above the caller, and what is fetched after
// the move may have been put there after it.
func (r *request) moved() bool {
	if r.node.isRoot() || r.on.fid != r.node.fid || !r.fs.off.on(checkMoved) || r.moves == r.fs.opts.Store.Moves() {
		return false
	}
	return r.node.obj.Path() != r.on.path
}

// still decides again what was allowed, when the policy or the place of the node changed
// meanwhile: no answer leaves under a policy that has ended.
func (r *request) still() syscall.Errno {
	for !r.current() || r.moved() {
		r.st = r.fs.state.Load()
		if r.moved() {
			r.on = r.asked(r.node)
		}
		errno := syscall.Errno(0)
		if r.node.isRoot() && r.on.matter == "" {
			errno = r.allowRoot()
		} else {
			errno = r.allow(r.op, r.on)
		}
		if errno != 0 {
			return errno
		}
	}
	return 0
}
