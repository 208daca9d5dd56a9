package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// test is one entry of tests.yaml.
type test struct {
	as, matter, path string
	because          string
	only             []string
	isOnly           bool
	can, cannot      Right
	at               when
	in               []string // system groups that the users are taken to be in
	pos              pos
}

// TestResult is the outcome of one entry of tests.yaml.
type TestResult struct {
	Pos  string // file:line
	Name string // the question in one line
	OK   bool
	Got  string // what the policy says instead; "" when OK
}

func (b *builder) tests() {
	for i := range b.r.tests {
		raw := &b.r.tests[i]
		t := &test{as: raw.as.s, because: raw.because.s, isOnly: raw.isOnly, can: raw.can, cannot: raw.cannot, at: raw.date, pos: raw.at}
		if raw.as.given() {
			lookup(b, b.p.user, raw.as, "user")
		}
		for _, name := range raw.only {
			lookup(b, b.p.user, name, "user")
			t.only = append(t.only, name.s)
		}
		for _, name := range raw.in {
			if g, ok := lookup(b, b.p.groups, name, "group"); ok {
				t.in = append(t.in, g.unix)
			}
		}
		b.testObject(t, raw.on)
		b.testRule(raw.because)
		b.p.tests = append(b.p.tests, t)
	}
}

// testObject splits MATTER/PATH; the first part is a matter's id or folder.
func (b *builder) testObject(t *test, on val) {
	if !on.given() {
		return
	}
	head, path, below := strings.Cut(on.s, "/")
	m := b.p.matter[head]
	if m == nil {
		m = b.p.folder[head]
	}
	if m == nil {
		lookup(b, b.p.matter, val{head, on.at}, "matter")
		return
	}
	if why := badPath(path); below && why != "" {
		on.at.errorf("", "path %q %s", path, why)
	}
	t.matter, t.path = m.info.ID, path
}

// testRule checks that `because` names a rule that exists.
func (b *builder) testRule(rule val) {
	if !rule.given() || b.r.broken {
		return
	}
	known := Rules()
	for _, w := range b.p.walls {
		known = append(known, w.rule)
	}
	for _, t := range b.p.tags {
		known = append(known, t.rule)
	}
	for name := range b.p.groups {
		known = append(known, "member.group:"+name)
	}
	if !slices.Contains(known, rule.s) {
		rule.at.errorf(b.suggest(rule, known), "unknown rule %q", rule.s)
	}
}

// RunTests answers every entry of `tests:`. An entry without `at` is asked at
// the policy's as_of date, or at the given time when the policy has none.
func (p *Policy) RunTests(at time.Time) []TestResult {
	if p.asOf.given() {
		at = p.asOf.noon(p.zone)
	}
	results := make([]TestResult, len(p.tests))
	for i, t := range p.tests {
		got := strings.Join(p.run(t, at), "; ")
		results[i] = TestResult{Pos: t.pos.String(), Name: t.name(), OK: got == "", Got: got}
	}
	return results
}

func (t *test) name() string {
	who := t.as
	if t.isOnly {
		who = "only " + strings.Join(t.only, ", ")
	}
	var asks []string
	if t.can != 0 {
		asks = append(asks, "can "+t.can.String())
	}
	if t.cannot != 0 {
		asks = append(asks, "cannot "+t.cannot.String())
	}
	return fmt.Sprintf("%s %s on %s", who, strings.Join(asks, " and "), t.object())
}

func (t *test) object() string {
	if t.path == "" {
		return t.matter
	}
	return t.matter + "/" + t.path
}

// run lists where the policy differs from what the test expects.
func (p *Policy) run(t *test, at time.Time) []string {
	if t.at.given() {
		at = t.at.noon(p.zone)
	}
	r := Request{Matter: t.matter, Path: t.path, At: at, Env: t.env()}
	if t.isOnly {
		return p.runOnly(t, r)
	}
	var wrong []string
	for bit := Read; bit <= Rename; bit <<= 1 {
		if (t.can|t.cannot)&bit == 0 {
			continue
		}
		r.Op = bit.probe()
		d := p.DecideUser(t.as, r)
		if t.can&bit != 0 && !d.Allow || t.cannot&bit != 0 && d.Allow || t.because != "" && d.Rule != t.because {
			wrong = append(wrong, fmt.Sprintf("%s: %s by %s", bit, outcome(d), d.Rule))
		}
	}
	return wrong
}

func outcome(d Decision) string {
	if d.Allow {
		return "allowed"
	}
	return "refused"
}

// runOnly compares the people who can with those who should.
func (p *Policy) runOnly(t *test, r Request) []string {
	var wrong []string
	for bit := Read; bit <= Rename; bit <<= 1 {
		if t.can&bit == 0 {
			continue
		}
		r.Op = bit.probe()
		for _, u := range p.users {
			d := p.DecideUser(u.Name, r)
			if d.Allow != slices.Contains(t.only, u.Name) {
				wrong = append(wrong, fmt.Sprintf("%s: %s %s by %s", bit, u.Name, outcome(d), d.Rule))
			}
		}
	}
	return wrong
}

// env is a system in which everybody is in the test's groups and in no other.
func (t *test) env() *Env {
	return &Env{Groups: func(unixGroup, _ string) (member, known bool) { return slices.Contains(t.in, unixGroup), true }}
}
