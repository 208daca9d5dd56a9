package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/policy"
)

// benchFacts makes the facts of a firm with so many people and matters, and so many policies of which each changes one matter. A
// matter has a lead, three members, a group of the system with a tenth of the firm, and a folder with a level.
func benchFacts(b *testing.B, users, matters, policies int) {
	state, log := b.TempDir(), b.TempDir()
	b.Setenv("XDG_CACHE_HOME", b.TempDir())
	f := &firmStory{t: b}
	var list strings.Builder
	list.WriteString(strings.Replace(firmHead, "duties: { secadmin: [qian.li, wu.di], auditor: [zhou.hua] }\n", "groups: { lit: { unix: lit-team } }\n", 1) + "users:\n")
	for i := range users {
		fmt.Fprintf(&list, "  user%d: { uid: %d, role: lawyer }\n", i, 10000+i)
	}
	at := time.Date(2026, 1, 1, 9, 0, 0, 0, firmZone)
	for n := range policies {
		files := map[string][]byte{"firm.yaml": []byte(list.String())}
		for i := range matters {
			until := "2026-12-31"
			if n == i {
				until = "2026-06-30"
			}
			files[fmt.Sprintf("m%d.yaml", i)] = fmt.Appendf(nil, "matter: \"2026-%05d\"\nclient: C%d\nlevel: 秘密\nlead: user%d\nmembers:\n  - { user: user%d, rights: [read, write], until: %s }\n"+
				"  - { user: user%d, rights: [read] }\n  - { user: user%d, rights: [read] }\n  - { group: lit, rights: [read] }\nfolders: [ { path: 鉴定, level: 绝密, only: [user: user%d] } ]\n",
				i, i%500, i%users, (i+1)%users, until, (i+2)%users, (i+3)%users, i%users)
		}
		p, err := policy.Parse(files)
		if err != nil {
			b.Fatal(err)
		}
		for name, text := range files {
			writeFile(b, filepath.Join(state, archiveName, p.Hash(), name), string(text))
		}
		f.add(at.Add(time.Duration(n)*24*time.Hour).Format(time.DateTime), firmLine{Ev: "policy.load", Pol: short(p.Hash())})
	}
	writeFile(b, filepath.Join(log, "audit.jsonl"), f.out.String())
	tenth := func(...*policy.Policy) *policy.Env {
		return &policy.Env{Groups: func(_, user string) (bool, bool) { return strings.HasSuffix(user, "7"), true }}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		past, err := readPast(log)
		if err != nil {
			b.Fatal(err)
		}
		facts := newFacts(past, state, tenth, firmWindow())
		text, err := factsText(facts)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(facts.Rights)), "rights")
		b.ReportMetric(float64(len(text))/1e6, "MB")
	}
}

// BenchmarkFacts is a firm of 50 with 20 policies; MATTERFS_BIG=1 adds one of 1,000 people and 10,000 matters.
func BenchmarkFacts(b *testing.B) {
	b.Run("50x500x20", func(b *testing.B) { benchFacts(b, 50, 500, 20) })
	if os.Getenv("MATTERFS_BIG") != "" {
		b.Run("1000x10000x1", func(b *testing.B) { benchFacts(b, 1000, 10000, 1) })
	}
}
