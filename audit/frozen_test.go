package audit

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// frozenStore is the store id of the logs in testdata/v1. They are never regenerated: a later version must read them as they are.
const frozenStore = "000102030405060708090a0b0c0d0e0f"

func TestFrozenLogs(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
		kind string
		line int
	}{
		{"good", 0, "", 0}, {"whole", 0, "", 0}, {"edited", 10, KindChain, 4}, {"removed", 10, KindGap, 4},
		{"swapped", 10, KindOrder, 5}, {"cut", 11, KindTail, 11}, {"empty", 11, KindTail, 0},
	} {
		dir := filepath.Join("testdata", "v1", c.name)
		rep, err := Verify(VerifyOptions{Dir: filepath.Join(dir, "log"), StateDir: filepath.Join(dir, "state"), StoreID: frozenStore})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Code() != c.code || !rep.Anchored || rep.HeadSeq != 12 {
			t.Errorf("%s: code %d, head %d: %v", c.name, rep.Code(), rep.HeadSeq, rep.Problems)
		}
		if c.code == 0 && (rep.Records != 12 || len(rep.Problems) != 0) {
			t.Errorf("%s: %+v", c.name, rep)
		}
		if c.code == 0 {
			continue
		}
		if p := rep.Problems[len(rep.Problems)-1]; p.Kind != c.kind || p.Line != c.line {
			t.Errorf("%s: %v", c.name, rep.Problems)
		}
	}
}

func TestFrozenRecords(t *testing.T) {
	var evs, paths []string
	err := ReadRecords(filepath.Join("testdata", "v1", "good", "log"), func(_ []byte, p *Parsed) error {
		evs, paths = append(evs, p.Ev), append(paths, p.Path)
		return nil
	})
	if want := "mount open read lookup rename umount mount open read lookup rename umount"; err != nil || strings.Join(evs, " ") != want {
		t.Errorf("%v %v", evs, err)
	}
	if len(paths) != 12 || paths[2] != "证据/合同-0031.docx" || paths[4] != "证据/\xba\xcf\xcd\xac.txt" {
		t.Errorf("%q", paths)
	}
}

func format(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The worked example of FORMAT.md is computed again, from its text alone.
func TestFormatExample(t *testing.T) {
	doc := format(t)
	id := regexp.MustCompile("Store id: `([0-9a-f]{32})`").FindStringSubmatch(doc)
	lines := regexp.MustCompile(`(?m)^    (\{"seq".*\})$`).FindAllStringSubmatch(doc, -1)
	hashes := regexp.MustCompile(`(?m)^    H([0-9]) = ([0-9a-f]{64})$`).FindAllStringSubmatch(doc, -1)
	if id == nil || len(lines) < 3 || len(hashes) != len(lines)+1 {
		t.Fatalf("id %v, %d lines, %d hashes", id, len(lines), len(hashes))
	}
	want := StoreHash(id[1])
	for i, l := range lines {
		if hashes[i][2] != hexOf32(want) {
			t.Errorf("H%d is %x", i, want)
		}
		p, err := ParseLine([]byte(l[1]))
		if err != nil || p.Prev != want || p.Seq != uint64(i+1) {
			t.Errorf("line %d: prev %x, want %x, %v", i+1, p.Prev, want, err)
		}
		want = LeafHash([]byte(l[1]))
	}
	if last := hashes[len(lines)][2]; last != hexOf32(want) {
		t.Errorf("H%d is %x", len(lines), want)
	}
}

// Every key that a record can have stands in the table of FORMAT.md.
func TestFormatNamesEveryKey(t *testing.T) {
	doc := format(t)
	for _, key := range keysOf(t, line(t, fullRecord())) {
		if !strings.Contains(doc, "| `"+key+"` |") {
			t.Errorf("FORMAT.md has no row for %s", key)
		}
	}
	for _, kind := range []string{KindMalformed, KindChain, KindGap, KindOrder, KindTime, KindStore, KindHead, KindForeign, KindName,
		KindTail, KindMissing} {
		if !strings.Contains(doc, "| `"+kind+"` |") {
			t.Errorf("FORMAT.md has no row for problem %s", kind)
		}
	}
}

// An auditor checks logs on whatever machine is at hand, without the mount.
func TestBuildsEverywhereWithoutFUSE(t *testing.T) {
	for _, goos := range []string{"windows", "darwin"} {
		cmd := exec.Command("go", "build", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", goos, err, out)
		}
	}
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep != "matterfs/audit" && strings.HasPrefix(dep, "matterfs/") || strings.Contains(dep, "go-fuse") {
			t.Errorf("audit imports %s: it must work on a machine that has only the log", dep)
		}
	}
}
