package policy

import (
	"strings"
	"testing"
)

func TestDidYouMean(t *testing.T) {
	known := []string{"zhang.wei", "li.na", "机密", "绝密", "required"}
	for word, want := range map[string]string{
		"zhang.wie": `did you mean "zhang.wei"?`, "li.an": `did you mean "li.na"?`, "requird": `did you mean "required"?`,
		"机蜜": `did you mean "机密"?`, "session": "", "x": "",
	} {
		if got := didYouMean(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	long := strings.Repeat("汉", 200)
	for _, c := range []struct {
		line  string
		col   int
		text  string
		caret int
	}{
		{"abc", 2, "abc", 1},
		{"密级: x", 5, "密级: x", 6},
		{"e\u0301x", 3, "e\u0301x", 1},
		{"a\tb\x1b[31m\u202e", 3, "a b [31m", 2},
		{"", 1, "", 0},
		{"abc", 99, "abc", 3},
		{"abc", -5, "abc", 0},
		{long, 150, long[:120*3], 138},
	} {
		if text, caret := window(c.line, c.col); text != c.text || caret != c.caret {
			t.Errorf("window(%q, %d) = %q, %d", c.line, c.col, text, caret)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, c := range []struct {
		path, folder string
		want         bool
	}{{"a", "a", true}, {"a/b", "a", true}, {"ab", "a", false}, {"", "a", false}, {"a", "", true}, {"", "", true}, {"a", "a/b", false}} {
		if within(c.path, c.folder) != c.want {
			t.Errorf("within(%q, %q) is %v", c.path, c.folder, !c.want)
		}
	}
}

// TestSyntaxIsFoundWhereItIs: the parser's own line is often wrong; ours is
// that of the mistake, in short files and in long ones.
func TestSyntaxIsFoundWhereItIs(t *testing.T) {
	line := "a: { b: c, d: [e, f], some: more text to make the line longer }\n"
	for _, n := range []int{1, 7, 400} {
		text := strings.Repeat(line, n) + "x: ]\n" + strings.Repeat(line, n)
		if got := breakingLine(text); got != n+1 {
			t.Errorf("found on line %d, is on line %d", got, n+1)
		}
	}
}

// TestPlainSkipsNothing: whatever the shortcut passes over, the full scan
// leaves as it is.
func TestPlainSkipsNothing(t *testing.T) {
	for r := rune(0); r < 0x10000; r++ {
		if 0xd800 <= r && r < 0xe000 || r == '\n' || r == '\r' {
			continue
		}
		line := "uid" + string(r) + " x"
		src := &source{notes: &collector{}, lines: []string{line}}
		l := lineScan{src: src, line: 1, key: true, runes: []rune(line)}
		if out := l.scan(); plain(line) && (out != line || len(src.notes.errs) > 0) && r != '#' {
			t.Fatalf("%U passes as plain and is %q", r, out)
		}
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Parse(map[string][]byte{"firm.yaml": make([]byte, maxFileSize+1)})
	if err == nil || !strings.Contains(err.Error(), "firm.yaml: error: file has 16777217 bytes") {
		t.Errorf("%.200v", err)
	}
}

func TestTestsThatFail(t *testing.T) {
	p := changed(t, "tests.yaml", "tests:", `tests:
  - { as: li.na, can: [read, delete], on: 2026-0142 }
  - { as: li.na, cannot: read, on: 2026-0142 }
  - { as: chen.jie, cannot: read, on: 2026-0142, because: member.none }
  - { only: [li.na, chen.it], can: write, on: 2026-0142 }`)
	want := []string{
		"li.na can read|delete on 2026-0142: delete: refused by member.right",
		"li.na cannot read on 2026-0142: read: allowed by member.user",
		"chen.jie cannot read on 2026-0142: read: refused by wall.W-07",
		"only li.na, chen.it can write on 2026-0142: write: chen.it refused by member.none; write: zhang.wei allowed by member.lead",
	}
	for i, r := range p.RunTests(at)[:4] {
		if got := r.Name + ": " + r.Got; r.OK || got != want[i] || r.Pos != "tests.yaml:"+string(rune('2'+i)) {
			t.Errorf("%s: %s", r.Pos, got)
		}
	}
}

// TestTestsAtTheGivenTime: without as_of the caller's time counts.
func TestTestsAtTheGivenTime(t *testing.T) {
	p := changed(t, "firm.yaml", "as_of: 2026-11-22\n", "")
	failed := func(years int) (n int) {
		for _, r := range p.RunTests(at.AddDate(years, 0, 0)) {
			if !r.OK {
				n++
			}
		}
		return n
	}
	if now, later := failed(0), failed(2); now != 0 || later == 0 {
		t.Errorf("%d fail today, %d in two years", now, later)
	}
}
