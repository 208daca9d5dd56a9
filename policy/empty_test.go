package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// everyKey is a policy in which each key of the language stands at least once.
const everyKey = `
version: 1
timezone: Asia/Shanghai
as_of: 2026-11-22
limits: { stale: 72h }
wide_roles: allow
departments: [d, e]
tags:
  t: { level: low, purpose: required, mapping: deny, log_sync: group, log_reads: each, deny_roles: [agent] }
  u: { named_only: true }
levels:
  low: { purpose: required, mapping: allow, log_reads: cover }
  top: { two_person: { ttl: 4h }, max_readers: 5, deny_roles: [agent], named_only: true }
roles:
  lawyer: { clearance: top, rights: [read, write] }
  agent: { clearance: low, rights: [read], until: required, nda: required, approval: required }
  chief: { clearance: low, rights: [read], wide: department }
users:
  a: { uid: 1, role: lawyer, name: 甲 }
  b: { uid: 2, role: lawyer, clearance: low }
  c: { uid: 3, role: lawyer }
  h: { uid: 6, role: chief, department: d }
  gone: { uid: 4, role: lawyer, status: departed, since: 2026-01-31 }
  x: { uid: 5, role: agent, org: acme, until: 2027-01-31, nda: { ref: N-1, signed: 2026-01-01, until: 2027-01-31 } }
groups:
  g: { unix: sys, members: [b] }
duties: { sysadmin: [a], secadmin: [b], auditor: [c] }
blocked:
  - { org: acme, until: 2027-01-31, reason: r }
  - { user: x, reason: r }
matters:
  - matter: m
    client: C1
    title: T
    folder: M
    level: low
    lead: a
    purpose: p
    status: active
    tags: [t]
    department: d
    members:
      - { user: b, rights: [read, write], until: 2027-01-31, purpose: p, ack: required }
      - { group: g, rights: [read], approval: required }
    folders:
      - { path: f, level: top, only: [user: a, group: g], tags: [u] }
  - { matter: n, client: C2, level: low, lead: c, tags: [u] }
walls:
  - { id: W1, screen: [user: x, group: g], from: [matter: n, client: C2, tag: u], until: 2027-01-31, reason: r }
  - { id: W2, only: [user: a], to: [matter: m], reason: r }
  - { id: W3, between: [[matter: m, user: x], [client: C2]], reason: r }
tests:
  - { as: a, can: [read], cannot: [delete], on: m/f, at: 2026-12-01, because: member.lead, in: [g] }
  - { only: [a], can: [write], on: m }
`

// places calls each with every value below n: its key and what sets it.
func places(n *yaml.Node, each func(key string, set func(*yaml.Node))) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		key := "item"
		if n.Kind == yaml.MappingNode {
			key = n.Content[i-1].Value
		}
		each(key, func(to *yaml.Node) { n.Content[i] = to })
		n.Content[i] = child
		places(child, each)
	}
}

// broken writes the policy anew for each place, with something else in it.
func broken(t *testing.T, to *yaml.Node, each func(key string, err error)) {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(everyKey), &doc); err != nil {
		t.Fatal(err)
	}
	places(doc.Content[0], func(key string, set func(*yaml.Node)) {
		set(to)
		text, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(map[string][]byte{"firm.yaml": text})
		each(key, err)
	})
}

// TestNoKeyMayBeEmpty takes the value of every key and every item of a list
// away, one at a time. A value lost in editing must never read as "none": the
// wall, the right or the level that stood there would be gone without a word.
func TestNoKeyMayBeEmpty(t *testing.T) {
	if _, err := Parse(map[string][]byte{"firm.yaml": []byte(everyKey)}); err != nil {
		t.Fatal(err)
	}
	for name, nothing := range map[string]string{"null": "null", "tilde": "~", "quotes": "''", "blank": "'　'"} {
		var node yaml.Node
		if err := yaml.Unmarshal([]byte("- "+nothing), &node); err != nil {
			t.Fatal(err)
		}
		var keys []string
		broken(t, node.Content[0].Content[0], func(key string, err error) {
			keys = append(keys, key)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "must not be empty") && !strings.Contains(err.Error(), "must be a") {
				t.Errorf("%s: %s without a value: %v", name, key, err)
			}
		})
		for _, key := range vocabulary {
			if !slices.Contains(keys, key) {
				t.Errorf("no key %q in the policy that has every key", key)
			}
		}
	}
}

// TestNoItemMayBeEmpty puts {} and [] for each item of a list.
func TestNoItemMayBeEmpty(t *testing.T) {
	for _, kind := range []yaml.Kind{yaml.MappingNode, yaml.SequenceNode} {
		items := 0
		broken(t, &yaml.Node{Kind: kind, Style: yaml.FlowStyle}, func(key string, err error) {
			if key != "item" {
				return
			}
			items++
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("an empty item of kind %d: %v", kind, err)
			}
		})
		if items < 30 {
			t.Errorf("only %d items", items)
		}
	}
}

// TestEmptyListsThatCount: what is a list of nothing on purpose is written as
// [], and only where nothing is a sensible answer.
func TestEmptyListsThatCount(t *testing.T) {
	for text, want := range map[string]string{
		"matters: []\nwalls: []\ntests: []\nblocked: []\ndepartments: []": "",
		"tags: { t: {} }": `tag "t" has no rule`,
		"tests: [ { only: [], can: read, on: m } ]":                                            "",
		"users: { b: { uid: 2, role: r } }\ntests: [ { as: b, can: [], on: m } ]":              "can names no right",
		"roles: { s: { clearance: low, rights: [] } }":                                         "role names no right",
		"users: { b: { uid: 2, role: r } }\ngroups: { g: { members: [] } }":                    `group "g" has no members`,
		"matters: [ { matter: n, client: c, lead: a, members: [ { user: a, rights: [] } ] } ]": "member names no right",
		"matters: [ { matter: n, client: c, lead: a, folders: [ { path: x, only: [] } ] } ]":   "only must not be empty",
		"walls: [ { id: W, screen: [], from: [matter: m], reason: r } ]":                       "screen must not be empty",
		"walls: [ { id: W, screen: [user: a], from: [], reason: r } ]":                         "from must not be empty",
		"walls: [ { id: W, between: [[], [matter: m]], reason: r } ]":                          "side of between must not be empty",
	} {
		_, err := parseParts("levels: { low: {} }\nroles: { r: { clearance: low, rights: [read] } }\nusers: { a: { uid: 1, role: r } }\n",
			"matter: m\nclient: c\nlead: a\nlevel: low\n", text)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestGrantOfNothing: should a grant without rights ever come to a decision, it
// is refused like any other lack of a right.
func TestGrantOfNothing(t *testing.T) {
	p := mustParse(t, small, "matter: m\nclient: c\nlevel: low\nlead: boss\nmembers: [ { user: intern, rights: [read] } ]\n")
	m, u := p.matter["m"], p.user["intern"]
	m.grants[u.index][0].rights = 0
	for _, op := range Ops() {
		if d := p.Decide(Request{UID: u.UID, Matter: "m", Op: op, At: at}); d.Allow || d.Rule != "member.right" || d.Shown != Refused {
			t.Errorf("%s: %+v", op, d)
		}
	}
	if list := p.Explain(Request{UID: u.UID, Matter: "m", Op: OpRead, At: at}); list[len(list)-1].Rule != "member.right" {
		t.Errorf("explained as %+v", list)
	}
}
