package fs

import (
	"fmt"
	"strings"
	"testing"

	"matterfs/internal/as"
)

// A firm of the size that the policy is measured with.
const (
	bigUsers   = 1000
	bigMatters = 10_000
	bigFirst   = 30_000 // uid of the first user
	bigEvery   = 50     // the member is in each 50th matter: 200
)

func bigFirm() map[string][]byte {
	var users, matters strings.Builder
	for i := range bigUsers {
		fmt.Fprintf(&users, "  u%d: { uid: %d, role: lawyer }\n", i, bigFirst+i)
	}
	for i := range bigMatters {
		members := fmt.Sprintf("{ user: u%d, rights: [read] }", 2+(i+7)%(bigUsers-2))
		if i%bigEvery == 0 {
			members += ", { user: u1, rights: [read] }"
		}
		fmt.Fprintf(&matters, "  - { matter: m-%05d, client: C%04d, level: 秘密, lead: u%d, status: active, members: [%s] }\n", i, i%500, 2+i%(bigUsers-2), members)
	}
	return map[string][]byte{"firm.yaml": []byte("version: 1\ntimezone: Asia/Shanghai\nlevels: { 秘密: {} }\n" +
		"roles: { lawyer: { clearance: 秘密, rights: [read, write] } }\nusers:\n" + users.String() + "matters:\n" + matters.String())}
}

// BenchmarkRootListing lists the root of a mounted firm of 10,000 matters as a member of 200.
func BenchmarkRootListing(b *testing.B) {
	d := mountAt(b, b.TempDir(), bigFirm())
	member := as.Start(b, bigFirst+1)
	names, err := member.ReadDir(d.mnt)
	if err != nil || len(names) != bigMatters/bigEvery {
		b.Fatalf("%d matters are listed, %v", len(names), err)
	}
	for b.Loop() {
		if _, err := member.ReadDir(d.mnt); err != nil {
			b.Fatal(err)
		}
	}
}
