package fs

import (
	"strings"
	"syscall"

	"matterfs/crypto"
	"matterfs/policy"
)

// LastRefusal is the newest refusal of a user of the policy that they may still know of. ok is
// false when there is none.
func (s *Server) LastRefusal(uid uint32) (r Reason, ok bool) {
	u, known := s.Policy().UserByUID(uid)
	if !known {
		return Reason{}, false
	}
	list := s.fs.reasons(uid, u.Name)
	if len(list) == 0 {
		return Reason{}, false
	}
	return list[0], true
}

// Why tells uid whether they may read what stands at a path of the drive ("MATTER/FOLDER/FILE",
// "" is the root), and why not. What they may not know of and what there is not are one answer.
func (s *Server) Why(uid uint32, path string) Reason {
	q := question{fs: s.fs, st: s.fs.state.Load(), uid: uid, path: strings.Trim(path, "/")}
	d := q.decide()
	n := notice{ev: table[mOpen].ev, matter: q.on.matter, path: q.on.path, rule: d.Rule, at: s.fs.now(), count: 1}
	if !d.Allow && d.Shown == policy.Hidden {
		n.matter, n.path, n.rule = "", "", ""
	}
	u, _ := q.st.policy.UserByUID(uid)
	r := q.st.reason(u.Name, &n)
	r.Allowed, r.Path = d.Allow, q.path
	if r.Allowed {
		r.Ask = nil
	}
	return r
}

// question is whether uid may read what stands at a path.
type question struct {
	fs   *fileSystem
	st   *state
	uid  uint32
	path string
	on   target // what the answer is about
}

// decide walks down as far as the answer is yes.
func (q *question) decide() policy.Decision {
	d := q.st.policy.SeesRoot(q.uid, q.fs.now(), q.st.env)
	if !d.Allow || q.path == "" {
		return d
	}
	name, rest, _ := strings.Cut(q.path, "/")
	if q.fs.hasOwn(d.User, name) && (rest == "" || rest == refusedFile) {
		d.Rule = "own.folder"
		return d
	}
	m, ok := q.st.policy.MatterByFolder(name)
	top := q.fs.matterRoot(m.ID)
	if !ok || top == nil {
		return absent(d.User)
	}
	q.on = target{matter: m.ID}
	top.Retain()
	o := top
	defer func() { o.Release() }()
	for d = q.ask(policy.OpLookup); d.Allow && rest != ""; d = q.ask(policy.OpLookup) {
		name, rest, _ = strings.Cut(rest, "/")
		q.on.path = strings.TrimPrefix(q.on.path+"/"+name, "/")
		if d = q.ask(policy.OpLookup); !d.Allow { // by its name alone
			return d
		}
		next, err := o.Lookup(name)
		if err == syscall.ENOENT || err == syscall.ENOTDIR {
			return absent(d.User)
		}
		if err != nil {
			q.on.sealed = append([]string{q.st.policy.TopLevel()}, q.on.sealed...)
			continue
		}
		o.Release()
		o = next
		q.on.sealed = o.Levels()
	}
	if !d.Allow {
		return d
	}
	if o.Kind() == crypto.Dir {
		return q.ask(policy.OpList)
	}
	return q.ask(policy.OpRead)
}

func (q *question) ask(op policy.Op) policy.Decision {
	return q.st.decide(q.uid, op, q.on, q.fs.now())
}
