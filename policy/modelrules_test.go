package policy_test

import "slices"

// What tags and wide roles say, in the model.

// tags are the rules of the tags that the path carries, by name.
func (q *mAsk) tags() (list []mTag) {
	names := []string{q.m.tag}
	for _, f := range q.m.folders {
		if below(q.path, f.path) {
			names = append(names, f.tags...)
		}
	}
	for _, t := range q.f.tags { // they are written by name
		if slices.Contains(names, t.name) {
			list = append(list, t)
		}
	}
	return list
}

// purpose is what the level and the tags ask for together.
func (q *mAsk) purpose() string {
	asks := []string{q.level().purpose}
	for _, t := range q.tags() {
		if q.skip != "tag purpose" {
			asks = append(asks, t.purpose)
		}
	}
	for _, word := range []string{"session", "required"} {
		if slices.Contains(asks, word) {
			return word
		}
	}
	return ""
}

// tagThat finds the first tag with a rule.
func (q *mAsk) tagThat(has func(t mTag) bool) string {
	t, found := find(q.tags(), has)
	if !found {
		return ""
	}
	return "tag." + t.name
}

func (q *mAsk) named() bool {
	return q.level().named || q.tagThat(func(t mTag) bool { return t.named }) != "" && q.skip != "tag.named"
}

// wide tells whether the caller reads in this matter by their role.
func (q *mAsk) wide() bool {
	root := *q
	root.path, root.sealed = "", nil
	o := q.role()
	switch {
	case o.wide == "", !q.f.wide && q.skip != "wide switch":
		return false
	case o.wide == "department" && (q.u.dept == "" || q.u.dept != q.m.dept) && q.skip != "wide department":
		return false
	case q.skip != "wide between" && slices.ContainsFunc(q.f.walls, func(w mWall) bool {
		return w.form == "between" && slices.ContainsFunc(w.sides, q.m.isOf)
	}):
		return false
	}
	return root.counts(mGrant{wide: true})
}

func (q *mAsk) deniedByTag() string {
	return q.tagThat(func(t mTag) bool { return slices.Contains(t.denied, q.u.role) })
}
