package policy_test

import (
	"slices"
	"testing"
	"time"

	"matterfs/policy"
)

// TestModel compares the package with the model, question by question.
func TestModel(t *testing.T) {
	seen := map[string]int{}
	corpus(t, 1, 1200, 80, func(p *policy.Policy, q *mAsk) {
		d := p.Decide(q.request())
		if !q.agrees(d) {
			rule, shown := q.answer()
			t.Fatalf("decided %v %s %s, the model says %q %s for %s", d.Allow, d.Rule, d.Shown, rule, shown, q)
		}
		c, _ := q.refusal(append(slices.Clone(before), within...))
		seen[c.rule]++
		if d.Allow {
			seen[d.Rule]++
		}
	})
	rules := []string{"member.lead", "member.user", "member.wide.department", "member.wide.firm"}
	for _, c := range append(slices.Clone(before), within...) {
		rules = append(rules, c.rule)
	}
	for _, rule := range rules {
		if seen[rule] < 10 {
			t.Errorf("%s decided only %d questions", rule, seen[rule])
		}
	}
}

// TestModelWithoutAClause spoils the model in one clause after the other: the
// comparison must notice each, or it would not notice a gate that is lost.
func TestModelWithoutAClause(t *testing.T) {
	missing := map[string]bool{"screen": true, "only": true, "between": true, "root": true, "tag level": true, "tag purpose": true}
	for _, limit := range []string{"switch", "department", "between", "top", "named", "few"} {
		missing["wide "+limit] = true
	}
	for _, c := range append(slices.Clone(before), within...) {
		missing[c.rule] = true
	}
	for _, rule := range []string{"user.unknown", "matter.unknown", "wall"} {
		delete(missing, rule) // the model cannot do without; walls are spoilt by their form
	}
	corpus(t, 2, 1200, 80, func(p *policy.Policy, q *mAsk) {
		d := p.Decide(q.request())
		for q.skip = range missing {
			if !q.agrees(d) {
				delete(missing, q.skip)
			}
		}
	})
	for rule := range missing {
		t.Errorf("nothing notices when %s is lost", rule)
	}
}

// TestRefusedRootIsRefusedBelow: whoever may not go into a matter that they see
// by name learns nothing of what is in it, whatever they ask for.
func TestRefusedRootIsRefusedBelow(t *testing.T) {
	refused := 0
	corpus(t, 3, 400, 40, func(p *policy.Policy, q *mAsk) {
		q.sealed = nil
		r := q.request()
		r.Path, r.Op, r.Own = "", policy.OpLookup, false
		if d := p.Decide(r); d.Allow || d.Shown != policy.Refused {
			return
		}
		refused++
		r.Path = q.path
		for _, r.Op = range policy.Ops() {
			if d := p.Decide(r); d.Shown == policy.Hidden {
				t.Fatalf("the root is refused, %s says %s by %s for %s", r.Op, d.Shown, d.Rule, q)
			}
		}
	})
	if refused < 500 {
		t.Errorf("only %d roots are refused", refused)
	}
}

// TestNothingChangesBeforeExpires: as long as an answer says that it holds, the
// same question has the same answer.
func TestNothingChangesBeforeExpires(t *testing.T) {
	edges, changed := 0, 0
	corpus(t, 4, 400, 20, func(p *policy.Policy, q *mAsk) {
		r := q.request()
		first := p.Decide(r)
		same := func(at time.Time) bool {
			r.At = at
			d := p.Decide(r)
			return d.Allow == first.Allow && d.Rule == first.Rule && d.Shown == first.Shown && d.Purpose == first.Purpose
		}
		for day := q.day; day < 10; day++ {
			for _, at := range []time.Time{date(day), date(day + 1).Add(-1)} {
				holds := first.Expires.IsZero() || at.Before(first.Expires)
				if !at.Before(q.at) && holds && !same(at) {
					t.Fatalf("%s %s until %v is something else at %v for %s", first.Rule, first.Shown, first.Expires, at, q)
				}
			}
		}
		if !first.Expires.IsZero() {
			edges++
			if !same(first.Expires) {
				changed++
			}
		}
	})
	if edges < 500 || changed < edges/2 {
		t.Errorf("%d answers expire, %d of them become another", edges, changed)
	}
}
