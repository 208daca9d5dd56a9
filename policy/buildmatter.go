package policy

import (
	"slices"
	"strings"
)

// leadPurpose is what being lead of a matter stands for where a purpose is
// required and the matter states none.
const leadPurpose = "承办"

func (b *builder) matters() {
	shown := map[string]*matter{} // by what the folder's name looks like
	for i := range b.r.matters {
		m := &b.r.matters[i]
		if !m.id.given() {
			continue
		}
		b.alike("matter", m.id)
		b.alike("client", m.client)
		for _, tag := range m.tags {
			b.alike("tag", tag)
		}
		made := b.makeMatter(m)
		if old := b.p.matter[m.id.s]; old != nil {
			again(m.id, "matter", old.pos)
			continue
		}
		b.p.matter[m.id.s] = made
		b.p.matters = append(b.p.matters, made)
		b.claimFolder(m, made, shown)
	}
	slices.SortFunc(b.p.matters, func(x, y *matter) int { return strings.Compare(x.info.ID, y.info.ID) })
}

func (b *builder) makeMatter(m *rawMatter) *matter {
	made := &matter{pos: m.id.at, level: b.p.top(), grants: map[int32][]grant{}, status: statusOf(m.status.s)}
	if m.level.given() {
		made.level = b.p.levels[0] // a mistyped level is reported once, not through its rules too
		if level, ok := lookup(b, b.p.level, m.level, "level"); ok {
			made.level = level
		}
	} else {
		m.id.at.warnf("", "matter %q has no level and is treated as %q", m.id.s, made.level.Name)
	}
	made.info = Matter{
		ID: m.id.s, Client: m.client.s, Title: m.title.s, Folder: m.id.s, Level: made.level.Name, Lead: m.lead.s,
		Status: m.status.s, Tags: texts(m.tags), Pos: m.id.at.String(),
	}
	if made.info.Status == "" {
		made.info.Status = "active"
	}
	stated := made.level
	b.tagMatter(m, made)
	made.info.Level = made.level.Name
	b.openToWide(m, made)
	b.setLead(m, made)
	for i := range m.members {
		b.addMember(m, &m.members[i], made)
	}
	b.folders(m, made, stated)
	b.countReaders(m, made)
	return made
}

func statusOf(word string) status {
	switch word {
	case "closed":
		return closed
	case "sealed":
		return sealed
	case "destroyed":
		return destroyed
	}
	return active
}

func texts(list []val) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.s)
	}
	return out
}

// claimFolder gives the matter its name at the root of the drive.
func (b *builder) claimFolder(m *rawMatter, made *matter, shown map[string]*matter) {
	name := m.id
	if m.folder.given() {
		name = m.folder
	}
	if why := badRootName(name.s); why != "" {
		name.at.errorf("give the matter a folder: NAME that can be a file name", "folder name %q %s", name.s, why)
		return
	}
	made.info.Folder = name.s
	looks := skeleton(name.s)
	if old := shown[looks]; old != nil {
		name.at.errorf("", "folder name %q is taken by matter %q (%s)", name.s, old.info.ID, old.pos)
		return
	}
	shown[looks] = made
	b.p.folder[name.s] = made
}

// setLead gives the lead their grant. A leaver leads nothing that is still
// open to anybody (R23).
func (b *builder) setLead(m *rawMatter, made *matter) {
	u, ok := lookup(b, b.p.user, m.lead, "user")
	if !ok {
		return
	}
	if u.departed && (made.status == active || made.status == closed) {
		m.lead.at.errorf("name another lead, or use status: sealed", "lead %q of matter %q has left", u.Name, m.id.s)
	}
	if made.level.keepsOut(u).rule != "" {
		m.lead.at.warnf("", "lead %q may not open level %q of matter %q", u.Name, made.level.Name, m.id.s)
	}
	made.lead, made.leadAt = u, m.lead.at
	made.info.LeadUID = u.UID
	g := grant{rights: AllRights, rule: "member.lead", purpose: m.purpose.s, pos: m.lead.at}
	if g.purpose == "" {
		g.purpose = leadPurpose
	}
	made.grants[u.index] = append(made.grants[u.index], g)
}

func (b *builder) addMember(m *rawMatter, entry *rawMember, made *matter) {
	g := grant{
		rights: entry.rights, until: entry.until.end(b.p.zone), purpose: entry.purpose.s,
		ack: entry.ack.given(), approval: entry.approve.given(), pos: entry.at,
	}
	if entry.rights != 0 && entry.rights&Read == 0 {
		entry.at.warnf("add read", "rights without read open nothing")
	}
	switch {
	case entry.user.given():
		b.addUser(m, entry, made, g)
	case entry.group.given():
		b.addGroup(m, entry, made, g)
	}
}

func (b *builder) addUser(m *rawMatter, entry *rawMember, made *matter, g grant) {
	u, ok := lookup(b, b.p.user, entry.user, "user")
	if !ok || b.twice(m, entry, entry.user) {
		return
	}
	g.rule = "member.user"
	switch {
	case u == made.lead:
		entry.user.at.warnf("remove the entry", "%q is the lead and has every right already", u.Name)
	case u.departed:
		entry.user.at.warnf("remove the entry", "member %q has left", u.Name)
	case made.level.keepsOut(u).rule != "":
		entry.user.at.warnf("", "member %q may not open level %q of this matter", u.Name, made.level.Name)
	case g.rights&^u.role.rights != 0:
		entry.user.at.warnf("", "role %q of %q does not have %s", u.role.name, u.Name, g.rights&^u.role.rights)
	}
	made.grants[u.index] = append(made.grants[u.index], g)
	made.entries = append(made.entries, member{g, u})
}

func (b *builder) addGroup(m *rawMatter, entry *rawMember, made *matter, g grant) {
	group, ok := lookup(b, b.p.groups, entry.group, "group")
	if !ok || b.twice(m, entry, entry.group) {
		return
	}
	if t := made.level.tagged.named; t != nil {
		entry.group.at.errorf("list the people", "tag %q takes named people only, not group %q", t.name, group.name)
		return
	}
	if made.level.NamedOnly {
		entry.group.at.errorf("list the people", "level %q takes named people only, not group %q", made.level.Name, group.name)
		return
	}
	if made.level.MaxReaders > 0 && group.unix != "" {
		entry.group.at.errorf("list the people", "level %q limits readers, and nobody can count group %q of the system", made.level.Name, group.name)
		return
	}
	g.rule, g.group = "member.group:"+group.name, group
	made.entries = append(made.entries, member{g, nil})
	for _, u := range group.members {
		made.grants[u.index] = append(made.grants[u.index], g)
	}
	if group.unix != "" {
		made.unix = append(made.unix, g)
	}
}

// twice reports a user or group that stands twice in the members of a matter.
func (b *builder) twice(m *rawMatter, entry *rawMember, name val) bool {
	for i := range m.members {
		other := &m.members[i]
		if other == entry {
			return false
		}
		if entry.user.given() && other.user.s == name.s || entry.group.given() && other.group.s == name.s {
			name.at.errorf("make it one entry", "%q is a member twice, first at %s", name.s, other.at)
			return true
		}
	}
	return false
}

// folders reads the folder rules. stated is the matter's level without what its
// tags add: a tag may come to raise it above that of a folder.
func (b *builder) folders(m *rawMatter, made *matter, stated *Level) {
	for i := range m.folders {
		f := &m.folders[i]
		if !f.path.given() {
			continue
		}
		if why := badPath(f.path.s); why != "" {
			f.path.at.errorf("write it like 证据/鉴定", "folder path %q %s", f.path.s, why)
			continue
		}
		for _, tag := range f.tags {
			b.alike("tag", tag)
		}
		if folder, ok := b.makeFolder(f, made, stated); ok {
			made.folders = append(made.folders, folder)
			made.info.Folders = append(made.info.Folders, FolderRule{Path: f.path.s, Only: refTexts(f.only), Tags: texts(f.tags)})
		}
	}
	b.overlaps(m, made)
	b.tagFolders(m, made)
	for i := range made.folders {
		made.info.Folders[i].Level = made.folders[i].level.Name
	}
}

func (b *builder) makeFolder(f *rawFolder, made *matter, stated *Level) (folder, bool) {
	out := folder{path: f.path.s, level: stated, given: f.level.given(), tags: f.tags, pos: f.path.at}
	if f.level.given() {
		level, ok := lookup(b, b.p.level, f.level, "level")
		if !ok {
			return out, false
		}
		if level.Rank < stated.Rank {
			f.level.at.errorf("a folder may only raise the level", "folder %q is %q, below the matter's %q", f.path.s, level.Name, stated.Name)
			return out, false
		}
		out.level = level
	}
	if len(f.only) > 0 {
		out.only = b.peopleOf(f.only)
		b.onlyMembers(f, made)
	}
	return out, true
}

// onlyMembers reports people whom a folder names and the matter does not know:
// `only` narrows, it does not grant.
func (b *builder) onlyMembers(f *rawFolder, made *matter) {
	for _, ref := range f.only {
		u := b.p.user[ref.name.s]
		if ref.kind.s == "user" && u != nil && len(made.grants[u.index]) == 0 && len(made.unix) == 0 {
			ref.name.at.errorf("add them to members", "%q is named for folder %q and is no member of the matter", u.Name, f.path.s)
		}
	}
}

// overlaps reports folder rules that contradict each other: the same folder
// twice, or a lower level inside a higher one.
func (b *builder) overlaps(m *rawMatter, made *matter) {
	for i := range made.folders {
		inner := &made.folders[i]
		for j := range made.folders {
			outer := &made.folders[j]
			switch {
			case i == j || !within(inner.path, outer.path):
			case inner.path == outer.path:
				if i > j {
					inner.pos.errorf("make it one rule", "folder %q has two rules, first at %s", inner.path, outer.pos)
				}
			case inner.given && inner.level.Rank < outer.level.Rank:
				inner.pos.errorf("a folder may only raise the level", "folder %q is %q inside %q, which is %q",
					inner.path, inner.level.Name, outer.path, outer.level.Name)
			}
		}
	}
}

func refTexts(refs []rawRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.kind.s+":"+r.name.s)
	}
	return out
}
