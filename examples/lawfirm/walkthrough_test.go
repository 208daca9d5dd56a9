// Package lawfirm is a firm to try: a policy, documents and a walkthrough. Its only code is the test that runs the
// walkthrough, so that what people are told to type works, and prints what they are told it prints.
package lawfirm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"matterfs/internal/as"
)

// step is one command of a console block and the lines that should follow it.
type step struct {
	command string
	want    []string
	line    int
}

// steps reads the console blocks of a document: `$ ` begins a command, other lines are its output.
func steps(text string) []step {
	var list []step
	in := false
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```console"
		case !in:
		case strings.HasPrefix(line, "$ "):
			list = append(list, step{command: line[2:], line: n + 1})
		default:
			last := &list[len(list)-1]
			last.want = append(last.want, line)
		}
	}
	return list
}

// pattern is what the wanted lines match: … stands for anything within a line, alone on a line for any lines.
func pattern(want []string) *regexp.Regexp {
	var b strings.Builder
	for _, line := range want {
		if line == "…" {
			b.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`) + `\n`)
	}
	return regexp.MustCompile(`^` + b.String() + `$`)
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a", "a\n", true}, {"a", "b\n", false}, {"a", "", false}, {"a", "a\nb\n", false},
		{"a…c", "abc\n", true}, {"a…c", "a\nc\n", false}, {"a\n…", "a\nx\ny\n", true}, {"…\nz", "x\nz\n", true}, {"…\nz", "z\nx\n", false},
	} {
		if got := pattern(strings.Split(c.want, "\n")).MatchString(c.got); got != c.ok {
			t.Errorf("pattern %q on %q: %v, want %v", c.want, c.got, got, c.ok)
		}
	}
}

func TestSteps(t *testing.T) {
	got := steps("x\n```console\n$ a\n1\n2\n$ b\n```\n$ no\n```sh\n$ no\n```\n")
	if len(got) != 2 || got[0].command != "a" || !slices.Equal(got[0].want, []string{"1", "2"}) || got[1].line != 6 {
		t.Errorf("%+v", got)
	}
}

// script runs the steps in one shell; each one's output goes to a file of its own.
func script(list []step, out string) string {
	var b strings.Builder
	for i, s := range list {
		fmt.Fprintf(&b, "{ %s\n} >%s/%d 2>&1 </dev/null\n", s.command, out, i)
	}
	return b.String()
}

// TestWalkthrough types every command of WALKTHROUGH.md, in order, as root, on a real mount.
func TestWalkthrough(t *testing.T) {
	text, err := os.ReadFile("WALKTHROUGH.md")
	if err != nil {
		t.Fatal(err)
	}
	list := steps(string(text))
	if len(list) < 30 {
		t.Fatalf("only %d commands found", len(list))
	}
	bin, out := as.Dir(t), t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(bin, "matterfs"), "matterfs/cmd/matterfs")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	// Whatever happens, nothing stays mounted.
	tidy := "trap '[ ! -d \"$W/mnt\" ] || { mountpoint -q $W/mnt && umount -l $W/mnt; rm -rf $W $W/firm.identity; }' EXIT\n"
	shell := exec.Command("bash", "-c", tidy+script(list, out))
	shell.Dir = "../.."
	shell.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	if said, err := shell.CombinedOutput(); err != nil {
		t.Errorf("shell: %v\n%s", err, said)
	}
	for i, s := range list {
		got, err := os.ReadFile(filepath.Join(out, fmt.Sprint(i)))
		if err != nil || !pattern(s.want).Match(got) {
			t.Errorf("WALKTHROUGH.md:%d: %s\nprints\n%swant\n%s", s.line, s.command, got, strings.Join(s.want, "\n"))
		}
	}
}
