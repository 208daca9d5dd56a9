package policy

import (
	"fmt"
	"strings"
	"testing"
)

// mistakes lists "line:col msg" of what the scan finds in a text.
func mistakes(text string) []string {
	src := newSource("x.yaml", []byte(text), &collector{})
	src.scan()
	var list []string
	for _, e := range sortErrors(src.notes.errs) {
		list = append(list, fmt.Sprintf("%d:%d %s", e.Line, e.Col, e.Msg))
	}
	return list
}

func TestScan(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"clean":                       {"a: 甲：乙\n# 注：释\nb: '：'\n", ""},
		"colon after a key":           {"级别： x", "1:3 full-width colon"},
		"colon at the end":            {"levels：", "1:7 full-width colon"},
		"colon before a bracket":      {"甲：{ }", "1:2 full-width colon"},
		"colon before a quote":        {"甲：\"x\"", "1:2 full-width colon"},
		"colon in a list":             {"- user：x", "1:7 full-width colon"},
		"colon deep in brackets":      {"a: [{ b: c, user：x }]", "1:17 full-width colon"},
		"colon after brackets":        {"a: [b], c：d", ""},
		"colon in a value":            {"reason: 说明： 如下", ""},
		"colon in a quoted key":       {"\"级别：\": x", ""},
		"colon in words":              {"一段话：如此", ""},
		"two words before the colon":  {"some text： more", ""},
		"far into a word":             {strings.Repeat("x", 300) + "： y", ""},
		"tab":                         {"\ta: b", "1:1 tab character"},
		"tab in a quoted text":        {"a: 'x\ty'", "1:6 tab character"},
		"tab in a comment":            {"a: b #\tx", ""},
		"no comment without a blank":  {"a: b#\tx", "1:6 tab character"},
		"escape":                      {"a: \x1b[31m", "1:4 control character U+001B"},
		"escape in a comment":         {"# \x1b[31m", "1:3 control character U+001B"},
		"line separator":              {"a: b\u2028c", "1:5 control character U+2028"},
		"carriage return alone":       {"a: b\rc: d", "1:5 control character U+000D"},
		"windows lines":               {"a: b\r\nc: d\r\n", ""},
		"byte order mark":             {"\ufeffa: b", "1:1 file begins with a byte order mark"},
		"byte order mark in the file": {"a: \ufeffb", "1:4 control character U+FEFF"},
		"one document":                {"# x\n---\na: b\n...\n# y\n", ""},
		"two documents":               {"---\na: b\n--- # c\nd: e\n", "3:1 second document in one file"},
		"empty documents":             {"---\n---\n", "2:1 second document in one file"},
		"text after the end":          {"a: b\n...\nc: d\n", "3:1 text after the end of the document"},
		"directive":                   {"%TAG ! x\n---\na: b\n", "1:1 YAML directives are not allowed"},
		"dashes that are no marker":   {"a: b\n---x\n", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(mistakes(c.text), "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestColumnsSurviveRepairs: mistakes behind a mended colon keep their column.
func TestColumnsSurviveRepairs(t *testing.T) {
	_, err := parseParts("levels：{ low：{ role：1, user：2 } }\n")
	for _, want := range []string{"firm.yaml:3:16: error: unknown key \"role\"", "firm.yaml:3:24: error: unknown key \"user\""} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

// TestLongLineIsQuick guards the scan against work that grows with the square
// of a line; the limit is the test's own timeout.
func TestLongLineIsQuick(t *testing.T) {
	for _, piece := range []string{"：", "x：", "[", "{a：", "\"", " ,", "汉"} {
		mistakes("a：" + strings.Repeat(piece, 50_000))
	}
}

func TestGuessEncoding(t *testing.T) {
	for text, want := range map[string]string{
		"a: b\xc2\xec": "1:5 not UTF-8 text; it looks like GBK", "\xff\xfea\x00": "1:1 not UTF-8 text; it looks like UTF-16",
		"汉\n字\xff": "2:2 not UTF-8 text", "x\xfe": "1:2 not UTF-8 text",
	} {
		src := newSource("x.yaml", []byte(text), &collector{})
		e := src.notes.errs[0]
		if got := fmt.Sprintf("%d:%d %s", e.Line, e.Col, e.Msg); len(src.notes.errs) != 1 || got != want || src.load() != nil {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
