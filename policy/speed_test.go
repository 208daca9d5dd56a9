package policy

import (
	"fmt"
	"strings"
	"testing"
)

// bigFirm writes a firm of the size that DESIGN asks for.
func bigFirm(users, matters int) map[string][]byte {
	files := map[string][]byte{}
	var b strings.Builder
	b.WriteString(firmHead + `
levels: { 秘密: {}, 机密: { purpose: required }, 绝密: { max_readers: 9 } }
roles: { lawyer: { clearance: 绝密, rights: [read, write, create, delete, rename] } }
groups: { lit: { unix: lit-team } }
users:
`)
	for i := range users {
		fmt.Fprintf(&b, "  user%d: { uid: %d, role: lawyer, name: 律师%d }\n", i, 10000+i, i)
	}
	files["firm.yaml"] = []byte(b.String())
	for i := range matters {
		files[fmt.Sprintf("matters/2026-%05d.yaml", i)] = fmt.Appendf(nil, `matter: "2026-%05d"
client: C%04d
title: 甲公司诉乙公司买卖合同纠纷
level: 机密
lead: user%d
members:
  - { user: user%d, rights: [read, write, create], until: 2027-03-31, purpose: 证据整理 }
  - { user: user%d, rights: [read], purpose: 法律检索 }
  - { group: lit, rights: [read], until: 2026-12-31, purpose: 案件研讨 }
folders:
  - { path: 鉴定, level: 绝密 }
`, i, i%500, i%users, (i+1)%users, (i+2)%users)
	}
	b.Reset()
	b.WriteString("walls:\n")
	for i := range min(users, 500) {
		fmt.Fprintf(&b, "  - { id: W-%d, screen: [user: user%d], from: [client: C%04d], reason: 利益冲突 }\n", i, (i+7)%users, i)
	}
	files["walls.yaml"] = []byte(b.String())
	return files
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p, err := Parse(bigFirm(20, 40))
	if err != nil {
		t.Fatal(err)
	}
	sealed := []string{"绝密", "机密"}
	env := &Env{Groups: func(_, u string) (member, known bool) { return u == "user5", u != "user7" }, Disabled: func(string) bool { return false }}
	for _, c := range []struct {
		uid   uint32
		allow bool
	}{{10000, true}, {10001, true}, {10005, true}, {10007, false}, {1, false}} {
		r := Request{UID: c.uid, Matter: "2026-00000", Path: "证据/合同/a.docx", Op: OpRead, At: at, Env: env, Sealed: sealed[1:]}
		if d := p.Decide(r); d.Allow != c.allow {
			t.Fatalf("uid %d: %+v", c.uid, d)
		}
		if n := testing.AllocsPerRun(200, func() { p.Decide(r) }); n != 0 {
			t.Errorf("uid %d: %v allocations for a decision", c.uid, n)
		}
	}
	if n := testing.AllocsPerRun(200, func() { p.SeesRoot(10000, at, env) }); n != 0 {
		t.Errorf("%v allocations for the root", n)
	}
}

// BenchmarkLoad parses and checks 1,000 users and 10,000 matters.
func BenchmarkLoad(b *testing.B) {
	files := bigFirm(1000, 10000)
	for b.Loop() {
		if _, err := Parse(files); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p, err := Parse(bigFirm(1000, 10000))
	if err != nil {
		b.Fatal(err)
	}
	env := asking(func(string, string) bool { return false })
	for name, uid := range map[string]uint32{"lead": 10000, "member": 10001, "stranger": 10009, "unknown": 1} {
		b.Run(name, func(b *testing.B) {
			r := Request{UID: uid, Matter: "2026-00000", Path: "证据/合同/a.docx", Op: OpRead, At: at, Env: env}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(r)
			}
		})
	}
}

// BenchmarkListing asks what one listing of the root asks.
func BenchmarkListing(b *testing.B) {
	p, err := Parse(bigFirm(1000, 10000))
	if err != nil {
		b.Fatal(err)
	}
	matters := p.Matters()
	for b.Loop() {
		for i := range matters {
			p.Decide(Request{UID: 10001, Matter: matters[i].ID, Op: OpLookup, At: at})
		}
	}
}

// BenchmarkSpans asks for all that everybody may do, in a firm where a tenth is in the
// system's group.
func BenchmarkSpans(b *testing.B) {
	p, err := Parse(bigFirm(1000, 10000))
	if err != nil {
		b.Fatal(err)
	}
	env := asking(func(_, u string) bool { return u[len(u)-1] == '7' })
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(p.Spans(SpanQuestion{From: at, To: at.AddDate(1, 0, 0), Env: env}))), "spans")
	}
}
