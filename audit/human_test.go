package audit

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var shanghai = time.FixedZone("CST", 8*3600)

func TestHumanLines(t *testing.T) {
	read := &Parsed{Seq: 48212, Time: noon, Record: Record{Ev: "read", Res: "ok", User: "zhang.wei", UID: 10021, HasUID: true, AUID: 10099,
		OUID: 10023, Exe: "/usr/bin/soffice.bin", Matter: "2026-0142", Level: "机密", Path: "证据/合同.docx", Off: 0, Len: 10, Req: 20,
		HasRange: true, Rule: "member.lead", Purpose: "庭审质证"}}
	cover := &Parsed{Seq: 6, Time: noon, Record: Record{Ev: "read", Res: "ok", User: "a", AUID: -1, OUID: -1, Matter: "m", Off: 4096, Len: 10,
		Req: 10, HasRange: true, CoverFrom: 4096, CoverTo: 135168}}
	alone := &Parsed{Seq: 7, Time: noon, Record: Record{Ev: "read", Res: "ok", User: "a", AUID: -1, OUID: -1, Matter: "m", Off: 4096, Len: 10,
		Req: 10, HasRange: true, CoverFrom: 4096, CoverTo: 4106}}
	closed := &Parsed{Seq: 8, Time: noon, Record: Record{Ev: "close", Res: "ok", User: "a", AUID: -1, OUID: -1, Matter: "m",
		Flags: "read=5000,written=1", ReadRanges: "0-4096,~8192-9999", WrittenRanges: "7-8"}}
	plain := &Parsed{Seq: 9, Time: noon, Record: Record{Ev: "write", Res: "ok", User: "a", AUID: -1, OUID: -1, Matter: "m", Off: 4096, Len: 10,
		Req: 10, HasRange: true}}
	deny := &Parsed{Seq: 3, Time: noon, Record: Record{Ev: "lookup", Res: "deny", UID: 10030, HasUID: true, AUID: -1, OUID: -1,
		Comm: "ls", Matter: "2026-0142", Rule: "wall.W-07", Count: 3}}
	renamed := &Parsed{Seq: 4, Time: noon, Record: Record{Ev: "rename", Res: "EXDEV", User: "张伟", AUID: -1, OUID: -1, Matter: "m",
		Path: "a", To: "b", Flags: "noreplace"}}
	repair := &Parsed{Seq: 5, Time: noon, Record: Record{Ev: "audit.recover", Res: "ok", AUID: -1, OUID: -1, Note: "stopped",
		Recovery: &Recovery{TornLen: 7, LostFrom: 8, LostTo: 9, Since: noon, Refused: 2}}}
	for _, c := range []struct {
		p        *Parsed
		lang     string
		wantLine string
	}{
		{read, "en_GB.UTF-8", "2026-11-22 20:00:00.123  #48212  zhang.wei     read            ok      2026-0142/证据/合同.docx  [机密]  " +
			"bytes 0+10 (of 20)  rule member.lead  purpose 庭审质证  by soffice.bin  login uid 10099  opened by uid 10023"},
		{read, "zh_CN.UTF-8", "2026-11-22 20:00:00.123  #48212  zhang.wei     读取            成功    2026-0142/证据/合同.docx  [机密]  " +
			"字节 0+10 (请求 20)  依据 member.lead  用途 庭审质证  程序 soffice.bin  登录uid 10099  打开者uid 10023"},
		{deny, "en", "2026-11-22 20:00:00.123  #3  uid 10030     lookup          DENIED  2026-0142  rule wall.W-07  by ls  3 times"},
		{deny, "zh", "2026-11-22 20:00:00.123  #3  uid 10030     查找            拒绝    2026-0142  依据 wall.W-07  程序 ls  3 次"},
		{cover, "en", "2026-11-22 20:00:00.123  #6  a             read            ok      m  bytes 4096+10  covers 4096-135168"},
		{cover, "zh", "2026-11-22 20:00:00.123  #6  a             读取            成功    m  字节 4096+10  涵盖 4096-135168"},
		{alone, "en", "2026-11-22 20:00:00.123  #7  a             read            ok      m  bytes 4096+10"},
		{closed, "en", "2026-11-22 20:00:00.123  #8  a             close           ok      m  read 0-4096,~8192-9999  written 7-8  read=5000,written=1"},
		{closed, "zh", "2026-11-22 20:00:00.123  #8  a             关闭            成功    m  已读 0-4096,~8192-9999  已写 7-8  read=5000,written=1"},
		{plain, "en", "2026-11-22 20:00:00.123  #9  a             write           ok      m  bytes 4096+10"},
		{renamed, "C", "2026-11-22 20:00:00.123  #4  张伟          rename          EXDEV   m/a  -> b  noreplace"},
		{repair, "zh", "2026-11-22 20:00:00.123  #5  -             日志修复        成功    stopped  截去残行 7 字节  可能缺失记录 8-9  " +
			"自 2026-11-22T12:00:00.123456Z 起拒绝 2 次"},
	} {
		if got := Human(c.p, shanghai, c.lang); got != c.wantLine {
			t.Errorf("%s:\n got %s\nwant %s", c.lang, got, c.wantLine)
		}
	}
}

// Columns line up whatever the script of the names is.
func TestHumanColumnsAlign(t *testing.T) {
	at := func(user, lang string) int {
		s := Human(&Parsed{Seq: 1, Time: noon, Record: Record{Ev: "open", Res: "ok", User: user, AUID: -1, OUID: -1, Matter: "MATTER"}}, shanghai, lang)
		return columns(s[:strings.Index(s, "MATTER")])
	}
	want := at("a", "en")
	for _, user := range []string{"张伟", "zhang.wei", "한국", "e\u0301", "ﾊﾝ", "😀"} {
		for _, lang := range []string{"zh", "en"} {
			if got := at(user, lang); got != want {
				t.Errorf("%q %s: column %d, want %d", user, lang, got, want)
			}
		}
	}
}

// Nothing a user can put into a name may move the cursor of the auditor's terminal or hide part of a line.
func TestHumanEscapes(t *testing.T) {
	evil := "a\x1b[31m\n\r\t\x00\x7f\u0085\u009b31m\u202e\u2066\u200f\u061c\u2028\ufeff\u200b\u00ad\U000e0041\ue000\xff\\"
	want := `a\u{1b}[31m\u{a}\u{d}\u{9}\u{0}\u{7f}\u{85}\u{9b}31m\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}\u{feff}\u{200b}\u{ad}\u{e0041}\u{e000}\xff\\`
	if got := escape(evil); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := escape("证据\u3000合同-é.docx"); got != "证据\u3000合同-é.docx" {
		t.Errorf("harmless name changed to %q", got)
	}
	p := &Parsed{Time: noon, Record: Record{Ev: evil, Res: evil, User: evil, Exe: "/x/" + evil, Comm: evil, Matter: evil, Level: evil,
		Path: evil, To: evil, Rule: evil, Purpose: evil, Flags: evil, Note: evil}}
	for _, lang := range []string{"zh", "en"} {
		wantSafe(t, Human(p, shanghai, lang))
	}
}

// blind are characters that Unicode calls printable and that print as nothing.
const blind = "\u034f\ufe0f\u180b\u17b4\u115f\u1160\u3164\uffa0\u2800\U000e0101"

func TestHumanShowsWhatPrintsAsNothing(t *testing.T) {
	for _, r := range blind {
		if got, want := escape("a"+string(r)+"b"), fmt.Sprintf(`a\u{%x}b`, r); got != want {
			t.Errorf("%U: %q", r, got)
		}
	}
}

// A name must not look like the columns after it.
func TestHumanNamesCannotForgeFields(t *testing.T) {
	p := &Parsed{Time: noon, Record: Record{Ev: "read", Res: "ok", User: "uid 0", AUID: -1, OUID: -1, Matter: "m",
		Path: "a  rule member.lead  purpose p", To: "x\u3000\"y\"", Level: "机密]  by ls", Rule: "wall"}}
	want := `2026-11-22 20:00:00.123  #0  "uid 0"       read            ok      "m/a  rule member.lead  purpose p"  ` +
		"-> \"x\u3000" + `\"y\""  ["机密]  by ls"]  rule wall`
	if got := Human(p, shanghai, "en"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func wantSafe(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("not UTF-8: %q", s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != ideographicSpace || strings.ContainsRune(blind, r) {
			t.Errorf("%U in %q", r, s)
		}
	}
}
