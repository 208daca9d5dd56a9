package policy

import "time"

// Access is what one user may do to one object.
type Access struct {
	User   User
	Matter string // id
	Rights Right  // those that are allowed now
	// Read is the decision on reading: its rule says why, allowed or not.
	Read Decision
}

// Who lists, for every user of the policy, what they may do to an object. Leave
// out entries without rights to answer "who can open this".
func (p *Policy) Who(matter, path string, at time.Time, env *Env) []Access {
	list := make([]Access, 0, len(p.users))
	for _, u := range p.users {
		list = append(list, p.access(u, matter, path, at, env))
	}
	return list
}

// Can lists, for every matter, what a user may do at its root; nil for an
// unknown user.
func (p *Policy) Can(name string, at time.Time, env *Env) []Access {
	u := p.user[name]
	if u == nil {
		return nil
	}
	list := make([]Access, 0, len(p.matters))
	for _, m := range p.matters {
		list = append(list, p.access(u, m.info.ID, "", at, env))
	}
	return list
}

func (p *Policy) access(u *user, matter, path string, at time.Time, env *Env) Access {
	a := Access{User: u.User, Matter: matter}
	for bit := Read; bit <= Rename; bit <<= 1 {
		d := p.DecideUser(u.Name, Request{Matter: matter, Path: path, Op: bit.probe(), At: at, Env: env})
		if bit == Read {
			a.Read = d
		}
		if d.Allow {
			a.Rights |= bit
		}
	}
	return a
}
