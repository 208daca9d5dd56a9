package policy

// Wide roles read matters without being members (R8). They are off until the
// firm writes `wide_roles: allow`, and what they give is less than any
// membership: reading only; not at the top level, nor at a level or under a tag
// for named people, nor where readers are limited; not in a matter on a side
// of a `between`, because whoever reads everything would stand on all sides;
// and without a purpose, so not where one is asked for.

// wideRules are the rule codes by scope.
var wideRules = map[string]string{"department": "member.wide.department", "firm": "member.wide.firm"}

// reach is what a user reads in the matter by their role; nil for nothing.
func (m *matter) reach(u *user) *grant {
	g := u.wide
	if g == nil || !m.wide || g.wide == "department" && m.info.Department != u.Department {
		return nil
	}
	return g
}

// widen gives a role its scope.
func (b *builder) widen(raw rawRole, o *role) {
	if !raw.wide.given() {
		return
	}
	if o.rights&Read == 0 {
		raw.wide.at.errorf("add read to its rights", "role %q is wide and cannot read", o.name)
	}
	if o.approval {
		raw.wide.at.errorf("a wide role has nobody to approve it matter by matter", "role %q is wide and needs approval", o.name)
	}
	if b.r.wide.s != "allow" {
		raw.wide.at.warnf("write wide_roles: allow in firm.yaml to switch wide roles on", "role %q is wide, which the firm has not switched on: it gives nothing", o.name)
	}
	o.wide = &grant{rights: Read, rule: wideRules[raw.wide.s], wide: raw.wide.s, pos: raw.wide.at}
}

// reaching gives a user what their role reads everywhere.
func (b *builder) reaching(raw rawUser, u *user) {
	u.Department = raw.department.s
	if raw.department.given() {
		lookup(b, b.p.departments, raw.department, "department")
	}
	g := u.role.wide
	switch {
	case g == nil || b.r.wide.s != "allow" || u.departed:
	case g.wide == "department" && u.Department == "":
		raw.name.at.warnf("add department: NAME", "%q has role %q, which reads its department, and is in none", u.Name, u.role.name)
	default:
		u.wide = g
		b.p.wide = append(b.p.wide, u)
	}
}

// listDepartments notes the firm's departments.
func (b *builder) listDepartments() {
	b.p.departments = map[string]pos{}
	for _, name := range b.r.departments {
		b.alike("department", name)
		b.p.departments[name.s] = name.at
	}
}

// openToWide tells whether wide roles count in a matter at all: only where they
// do at its root. Otherwise its name would be shown to people for whom there is
// nothing in it. A wall may still close it, see divide.
func (b *builder) openToWide(m *rawMatter, made *matter) {
	made.info.Department = m.department.s
	if m.department.given() {
		lookup(b, b.p.departments, m.department, "department")
	}
	made.wide = (&grant{wide: "firm"}).countsAt(made.level)
}
