package policy

import (
	"maps"
	"slices"
	"strings"
)

// Mention is a place in the policy that names somebody.
type Mention struct {
	What  string // lead, member or only (of a folder), group, duty
	Where string // id of the matter; name of the group or of the duty
}

// Mentions lists by user where the policy names them, but for walls: those outlive
// who they keep out. Matters that are destroyed are left out.
func (p *Policy) Mentions() map[string][]Mention {
	list := map[string][]Mention{}
	add := func(user, what, where string) {
		if n := (Mention{what, where}); !slices.Contains(list[user], n) {
			list[user] = append(list[user], n)
		}
	}
	for _, m := range p.matters {
		if m.status != destroyed {
			p.mentionsIn(m, add)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.groups)) {
		for _, u := range p.groups[name].members {
			add(u.Name, "group", name)
		}
	}
	for _, duty := range slices.Sorted(maps.Keys(p.duties)) {
		for _, user := range p.duties[duty] {
			add(user, "duty", duty)
		}
	}
	return list
}

func (p *Policy) mentionsIn(m *matter, add func(user, what, where string)) {
	add(m.info.Lead, "lead", m.info.ID)
	for _, entry := range m.entries {
		if entry.user != nil {
			add(entry.user.Name, "member", m.info.ID)
		}
	}
	for _, f := range m.info.Folders {
		for _, ref := range f.Only {
			if user, ok := strings.CutPrefix(ref, "user:"); ok {
				add(user, "only", m.info.ID)
			}
		}
	}
}
