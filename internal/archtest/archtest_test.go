package archtest

import (
	"slices"
	"strings"
	"testing"
)

// TestImportsPointOneWay is the rule itself, over the real tree.
func TestImportsPointOneWay(t *testing.T) {
	list, err := List("../..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(p Package) bool { return p.ImportPath == Module+"/internal/archtest" }) {
		t.Fatalf("go list did not name this package among %d", len(list))
	}
	for _, v := range Check(list) {
		t.Error(v)
	}
}

// TestBadImportsAreFound shows the rule each arrow that it must refuse.
func TestBadImportsAreFound(t *testing.T) {
	for _, c := range []struct{ from, to, why string }{
		{"policy", "matterfs/fs", "decisions are pure"},
		{"policy", "matterfs/audit", "decisions are pure"},
		{"audit", "matterfs/policy", "readable on a machine"},
		{"audit", "github.com/hanwen/go-fuse/v2/fuse", "only fs knows FUSE"},
		{"crypto", "matterfs/crypto/store", "depend on nothing of ours"},
		{"crypto/store", "matterfs/crypto/keystore", "knows keys by an interface"},
		{"crypto/store", "matterfs/policy", "knows keys by an interface"},
		{"crypto/store/sub", "matterfs/fs", "knows keys by an interface"},
		{"crypto/keystore", "matterfs/audit", "the keystore holds keys"},
		{"fs", "matterfs/crypto/keystore", "only through the store"},
		{"fs", "matterfs/cmd/matterfs", "asks policy"},
		{"fs", "gopkg.in/yaml.v3", "only policy knows YAML; allowed in policy"},
		{"fs", "filippo.io/age", "only crypto knows age"},
		{"policy", "github.com/rs/zerolog", "not a logger"},
		{"crypto", "github.com/rs/zerolog/log", "not a logger"},
		{"cmd/matterfs", "github.com/minio/sio", "only crypto knows DARE"},
		{"cmd/matterfs", "github.com/hanwen/go-fuse/v2/fs", "only fs knows FUSE"},
		{"cmd/matterfs", "matterfs/cmd/other", "no other command"},
		{"cmd/matterfs", "example.com/new/library", "a new dependency is a decision"},
		{"cmd/matterfs", "github.com/spf13/cobra2", "a new dependency is a decision"},
		{"internal/as", "matterfs/policy", "import none of them"},
		{"internal/crashdisk", "matterfs/policy", "the interface of disks alone"},
		{"crypto/store", "matterfs/internal/crashdisk", "knows keys by an interface"},
		{"benchmarks/ref", "matterfs/fs", "shares no code"},
		{"fs", "matterfs/lost", "lies in no room"},
	} {
		got := Check([]Package{{ImportPath: Module + "/" + c.from, Imports: []string{"fmt", c.to}}})
		if len(got) != 1 || got[0].To != c.to || !strings.Contains(got[0].Why, c.why) {
			t.Errorf("%s -> %s: got %v, want one violation because %q", c.from, c.to, got, c.why)
		}
	}
}

func TestUnknownRoomIsRefused(t *testing.T) {
	got := Check([]Package{{ImportPath: Module + "/util"}, {ImportPath: Module}})
	if len(got) != 2 || !strings.Contains(got[0].Error(), "matterfs/util imports -: no room") {
		t.Errorf("got %v", got)
	}
}

func TestGoodImportsPass(t *testing.T) {
	good := []Package{
		{ImportPath: "matterfs/cmd/matterfs", Imports: []string{"os", "matterfs/fs", "matterfs/crypto/keystore", "github.com/spf13/cobra"}},
		{ImportPath: "matterfs/fs", Imports: []string{"matterfs/policy", "matterfs/crypto/store", "github.com/hanwen/go-fuse/v2/fuse"}},
		{ImportPath: "matterfs/crypto/store", Imports: []string{"matterfs/crypto", "crypto/rand", "golang.org/x/sys/unix"}},
		{ImportPath: "matterfs/policy", Imports: []string{"matterfs/internal/width", "gopkg.in/yaml.v3"}},
		{ImportPath: "matterfs/internal/a", Imports: []string{"matterfs/internal/b"}},
		{ImportPath: "matterfs/benchmarks/ref", Imports: []string{"github.com/hanwen/go-fuse/v2/fs"}},
		{ImportPath: "fmt", Standard: true, Imports: []string{"matterfs/fs"}},
		{ImportPath: "golang.org/x/sys/unix", Imports: []string{"example.com/other"}},
	}
	if got := Check(good); len(got) != 0 {
		t.Errorf("refused: %v", got)
	}
}

func TestDecode(t *testing.T) {
	list, err := decode(strings.NewReader(`{"ImportPath":"a","Imports":["b"]}` + "\n" + `{"ImportPath":"c","Standard":true}`))
	if err != nil || len(list) != 2 || list[0].Imports[0] != "b" || !list[1].Standard {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := decode(strings.NewReader(`{"ImportPath":`)); err == nil {
		t.Error("half an object was accepted")
	}
	if _, err := List("/nonexistent"); err == nil {
		t.Error("go list in no directory succeeded")
	}
}
