package audit

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// words are what Human says in one language.
type words struct {
	ok, deny, nobody       string
	rule, purpose, program string
	login, opener          string
	bytes, asked, times    string // formats
	covers                 string // format
	took, gave             string
	torn, lost, refused    string // formats
	unanchored             string // format
	events                 map[string]string
}

var english = words{
	ok: "ok", deny: "DENIED", nobody: "uid %d",
	rule: "rule", purpose: "purpose", program: "by", login: "login uid", opener: "opened by uid",
	bytes: "bytes %d+%d", asked: "(of %d)", covers: "covers %d-%d", took: "read", gave: "written", times: "%d times", torn: "%d torn bytes cut", lost: "records %d-%d may be lost",
	unanchored: "records %d-%d not anchored",
	refused:    "%d refused since %s",
}

var chinese = words{
	ok: "成功", deny: "拒绝", nobody: "uid %d",
	rule: "依据", purpose: "用途", program: "程序", login: "登录uid", opener: "打开者uid",
	bytes: "字节 %d+%d", asked: "(请求 %d)", covers: "涵盖 %d-%d", took: "已读", gave: "已写", times: "%d 次", torn: "截去残行 %d 字节", lost: "可能缺失记录 %d-%d",
	unanchored: "记录 %d-%d 未经锚定",
	refused:    "自 %[2]s 起拒绝 %[1]d 次",
	events: map[string]string{
		"mount": "挂载", "umount": "卸载", "open": "打开", "read": "读取", "fill": "映射读取", "write": "写入",
		"writeback": "映射回写", "close": "关闭", "create": "新建文件", "mkdir": "新建目录", "symlink": "新建链接",
		"readlink": "读取链接", "unlink": "删除文件", "rmdir": "删除目录", "rename": "改名", "setattr": "改属性",
		"getattr": "查属性", "lookup": "查找", "list": "列目录", "truncate": "截断", "allocate": "预留空间", "fsync": "落盘",
		"setxattr": "改扩展属性", "getxattr": "读扩展属性", "policy.load": "载入策略", "policy.reload": "重载策略",
		"matter.freeze": "冻结案件", "matter.unfreeze": "解冻案件",
		"state.head": "状态记录", "state.recover": "修复状态", "state.accept": "接受状态", "relabel": "改密级", "store.recover": "恢复文件",
		"user.disable": "停用用户", "user.enable": "启用用户", "request": "申请", "approve": "批准", "refuse": "驳回",
		"revoke": "撤销", "ack": "确认", "purpose": "说明用途", "presence": "双人在场", "backup": "备份", "restore": "恢复",
		"destroy": "销毁", "audit.recover": "日志修复", "audit.clock": "时钟异常", "audit.seal": "日志签封", "audit.epoch": "日志换钥",
		"audit.retire": "日志到期清理", "audit.query": "查询日志", "audit.hold": "法律保全", "audit.flood": "日志超限",
		"bulk.read": "大量读取",
	},
}

// Human puts a record on one line for a person: local time, number, who, what, outcome, on which document, why. lang "zh..." is
// Chinese, anything else English. Whatever could move a terminal's cursor, colour it, turn the direction of writing or show
// nothing is escaped, a backslash is doubled, and texts with blanks stand in quotation marks: two different names never look
// the same for such a reason, and none can pass for the next column.
func Human(p *Parsed, loc *time.Location, lang string) string {
	w := &english
	if strings.HasPrefix(lang, "zh") {
		w = &chinese
	}
	if loc == nil {
		loc = time.Local
	}
	var b strings.Builder
	b.WriteString(p.Time.In(loc).Format("2006-01-02 15:04:05.000"))
	b.WriteString("  #" + strconv.FormatUint(p.Seq, 10))
	for _, c := range []struct {
		text  string
		width int
	}{{w.who(p), 12}, {w.event(p.Ev), 14}, {w.outcome(p.Res), 6}} {
		b.WriteString("  ")
		pad(&b, c.text, c.width)
	}
	for _, s := range [][]string{w.object(p), w.reasons(p), w.repair(p)} {
		for _, s := range s {
			b.WriteString("  " + s)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

func (w *words) who(p *Parsed) string {
	switch {
	case p.User != "":
		return quote(p.User)
	case p.HasUID:
		return fmt.Sprintf(w.nobody, p.UID)
	}
	return "-"
}

func (w *words) event(ev string) string {
	if s := w.events[ev]; s != "" {
		return s
	}
	return quote(ev)
}

func (w *words) outcome(res string) string {
	switch res {
	case "ok":
		return w.ok
	case "deny":
		return w.deny
	}
	return quote(res)
}

// object names the document and the part of it.
func (w *words) object(p *Parsed) (out []string) {
	if name := strings.Trim(p.Matter+"/"+p.Path, "/"); name != "" {
		out = append(out, quote(name))
	}
	if p.To != "" {
		out = append(out, "-> "+quote(p.To))
	}
	if p.Level != "" {
		out = append(out, "["+quote(p.Level)+"]")
	}
	if p.HasRange {
		s := fmt.Sprintf(w.bytes, p.Off, p.Len)
		if p.Req != p.Len {
			s += " " + fmt.Sprintf(w.asked, p.Req)
		}
		out = append(out, s)
	}
	return append(out, w.cover(p)...)
}

// cover is what a record stands for beside its own bytes.
func (w *words) cover(p *Parsed) (out []string) {
	if p.CoverTo != 0 && (p.CoverFrom < p.Off || p.CoverTo > p.Off+p.Len) {
		out = append(out, fmt.Sprintf(w.covers, p.CoverFrom, p.CoverTo))
	}
	if p.ReadRanges != "" {
		out = append(out, w.took+" "+quote(p.ReadRanges))
	}
	if p.WrittenRanges != "" {
		out = append(out, w.gave+" "+quote(p.WrittenRanges))
	}
	return out
}

// reasons say by which rule, for what, with which program, and which other people had a hand in it.
func (w *words) reasons(p *Parsed) (out []string) {
	add := func(label, v string) {
		if v != "" {
			out = append(out, label+" "+quote(v))
		}
	}
	add(w.rule, p.Rule)
	add(w.purpose, p.Purpose)
	if p.Exe != "" {
		add(w.program, path.Base(p.Exe))
	} else {
		add(w.program, p.Comm)
	}
	if p.HasUID && p.AUID >= 0 && p.AUID != int64(p.UID) {
		add(w.login, strconv.FormatInt(p.AUID, 10))
	}
	if p.OUID >= 0 {
		add(w.opener, strconv.FormatInt(p.OUID, 10))
	}
	if p.Count > 1 {
		out = append(out, fmt.Sprintf(w.times, p.Count))
	}
	if p.Flags != "" {
		out = append(out, quote(p.Flags))
	}
	if p.Note != "" {
		out = append(out, quote(p.Note))
	}
	return out
}

func (w *words) repair(p *Parsed) (out []string) {
	r := p.Recovery
	if r == nil {
		return nil
	}
	if r.TornLen > 0 {
		out = append(out, fmt.Sprintf(w.torn, r.TornLen))
	}
	if r.LostTo > 0 {
		out = append(out, fmt.Sprintf(w.lost, r.LostFrom, r.LostTo))
	}
	if r.UnanchoredTo > 0 {
		out = append(out, fmt.Sprintf(w.unanchored, r.UnanchoredFrom, r.UnanchoredTo))
	}
	if r.TornFile != "" {
		out = append(out, quote(r.TornFile))
	}
	if !r.Since.IsZero() {
		out = append(out, fmt.Sprintf(w.refused, r.Refused, r.Since.Format(timeLayout)))
	}
	return out
}

// quote escapes a string and puts it between quotation marks when it has blanks or such marks in it: columns are parted by
// blanks, and a name must not look like two of them.
func quote(s string) string {
	e := escape(s)
	if !strings.ContainsAny(e, " \u3000\"") {
		return e
	}
	return `"` + strings.ReplaceAll(e, `"`, `\"`) + `"`
}

// escape makes a string safe to print: what Unicode calls not printable (controls, bidi overrides, zero-width and line
// separators, private use) and what prints as nothing becomes \u{HEX}, bytes that are not UTF-8 \xHH, a backslash two.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\\':
			b.WriteString(`\\`)
		case (unicode.IsPrint(r) || r == ideographicSpace) && !invisible(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}

// invisible says that a printable character leaves no mark: default ignorable code points and variation selectors (Unicode
// standard annex 44), and the empty Braille pattern. Two names that differ only by them look the same.
func invisible(r rune) bool {
	return r == 0x2800 || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

const ideographicSpace = '\u3000' // common in Chinese names, and visible as a gap

// pad writes s and spaces up to width columns of a terminal.
func pad(b *strings.Builder, s string, width int) {
	b.WriteString(s)
	for n := columns(s); n < width; n++ {
		b.WriteByte(' ')
	}
}

// columns is how many columns a terminal gives an escaped string: 汉字 and the other wide characters take two (Unicode
// standard annex 11, W and F), combining marks none.
func columns(s string) (n int) {
	for _, r := range s {
		if unicode.In(r, unicode.Mn, unicode.Me) {
			continue
		}
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n++
		}
		n++
	}
	return n
}

// EventText is an event of a record in words, as Human says it.
func EventText(ev, lang string) string {
	if strings.HasPrefix(lang, "zh") {
		return chinese.event(ev)
	}
	return english.event(ev)
}

// Escape makes a text safe to print, as Human does: no byte of it can move a cursor or print as nothing.
func Escape(s string) string { return escape(s) }

// Columns is how many columns a terminal gives an escaped text.
func Columns(s string) int { return columns(s) }
