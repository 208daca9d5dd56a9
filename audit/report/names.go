package report

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

// texts are what a report says, English and Chinese, by key.
type texts map[string][2]string

func (in *Input) lang() string {
	if strings.HasPrefix(in.Lang, "zh") {
		return "zh"
	}
	return "en"
}

func (in *Input) index() int {
	if in.lang() == "zh" {
		return 1
	}
	return 0
}

// text is a text of a table in the report's language. A key that is not there is a fault of the program: the tests look for its mark.
func (in *Input) text(table texts, key string, args ...any) string {
	pair, ok := table[key]
	if !ok {
		if pair, ok = nameTexts[key]; !ok {
			return "%!" + key
		}
	}
	if len(args) == 0 {
		return pair[in.index()]
	}
	return fmt.Sprintf(pair[in.index()], args...)
}

// nameTexts are words that all reports share; reports look here for what their own tables lack.
var nameTexts = texts{
	"policies": {"facts of %d of %d policies that were in force, made %s", "事实取自曾生效的 %[2]d 份策略中的 %[1]d 份,制作于 %[3]s"},
	"nobody":   {"uid %s", "uid %s"},

	"user": {"user", "用户"}, "name": {"name", "姓名"}, "matter": {"matter", "案件"}, "title": {"title", "案由"}, "client": {"client", "客户"},
	"level": {"level", "密级"}, "path": {"document", "文件"}, "opens": {"opens", "打开次数"}, "documents": {"documents", "文件数"},
	"changes": {"changes", "改动次数"}, "read": {"bytes read", "读取量"}, "written": {"bytes written", "写入量"}, "refused": {"refused", "被拒次数"},
	"first": {"first", "首次"}, "last": {"last", "最近"}, "people": {"people", "人数"}, "purpose": {"purpose", "用途"}, "rule": {"rule", "依据"},
	"time": {"time", "时间"}, "seq": {"record", "记录号"}, "op": {"operation", "操作"}, "res": {"outcome", "结果"}, "day": {"day", "日期"},
	"records": {"records", "记录数"}, "program": {"program", "程序"}, "attempts": {"attempts", "拒绝次数"}, "note": {"note", "说明"},
	"matters": {"matters", "案件数"}, "weekday": {"weekday", "星期"}, "summary": {"Summary", "概要"}, "none": {"not stated", "未说明"},

	"opens.n": {"opens", "打开次数"}, "changes.n": {"changes", "改动次数"}, "read.n": {"bytes read", "读取量"}, "written.n": {"bytes written", "写入量"},
	"refused.n": {"records of refusals", "拒绝记录数"}, "attempts.n": {"refusals, repeats counted", "拒绝次数(含重复)"},
	"days": {"Over time", "按时间"}, "chart": {"Opens, changes and refusals", "打开、改动与被拒"}, "refusals": {"Refusals", "被拒访问"},
	"people.n": {"people who opened documents", "打开过文件的人数"}, "docs.n": {"documents opened", "被打开的文件数"}, "matters.n": {"matters opened", "被打开的案件数"},

	"limit.bytes": {"Bytes are those that the close records of the period state, for each person who used the handle; what is written back of a mapping counts for whoever opened it.",
		"字节数以期间内的关闭记录所载为准,按使用句柄的人员分别计算;内存映射的回写计入打开者名下。"},
	"limit.verify": {"The report is not verified: audit verify tells whether the log is whole.", "本报告未校验日志;日志是否完整请用 audit verify 查验。"},
	"limit.mapped": {"What was read again through a mapping after its first fill is not in the log.", "经内存映射再次读取的内容,首次载入之后不再记录。"},
	"limit.open":   {"%d handles were not closed in the period: their bytes are not counted.", "期间内有 %d 个文件句柄尚未关闭,其字节数未计入。"},
	"ok":           {"ok", "成功"}, "deny": {"refused", "拒绝"},

	"fid": {"object", "对象号"}, "kind": {"what the rule is about", "依据类别"}, "target": {"new value", "改为"},

	"rule.root": {"listing the root", "根目录"}, "rule.sys": {"state of the system", "系统状态"}, "rule.user": {"the person's standing", "人员状态"},
	"rule.matter": {"state of the matter", "案件状态"}, "rule.wall": {"information wall", "信息隔离墙"}, "rule.member": {"membership", "成员资格"},
	"rule.tag": {"special category", "特殊类别"}, "rule.role": {"role", "角色权限"}, "rule.level": {"level", "密级"},
	"rule.need": {"purpose or second person", "用途或双人"}, "rule.op": {"operation not offered", "不支持的操作"}, "rule.duty": {"duty", "职责"},
	"rule.": {"other rule", "其他依据"},
}

// class sorts events into what people do.
type class int

const (
	classOther  class = iota
	classOpen         // a document was opened or made: content may be read from then on
	classRead         // content left
	classChange       // content, name or attributes were changed
	classLook         // names and attributes were looked at
	classClose
	classRefused
	classFailed
)

// classOf is what a record tells of.
func classOf(p *audit.Parsed) class {
	switch {
	case p.Res == "deny":
		return classRefused
	case p.Res != "ok":
		return classFailed
	}
	switch p.Ev {
	case "open", "create":
		return classOpen
	case "read", "fill":
		return classRead
	case "close":
		return classClose
	case "write", "writeback", "mkdir", "symlink", "unlink", "rmdir", "rename", "setattr", "setxattr":
		return classChange
	case "list", "lookup", "getattr", "access", "readlink", "getxattr", "statfs":
		return classLook
	}
	return classOther
}

// The conditions that choose the records of a class: opens; and changes, in which a new document counts too.
const (
	openFilter   = "ev=open,create ok"
	changeFilter = "ev=create,write,writeback,mkdir,symlink,unlink,rmdir,rename,setattr,setxattr ok"
	refuseFilter = "denied"
)

// changed says that changeFilter chooses a record.
func changed(p *audit.Parsed) bool {
	return classOf(p) == classChange || p.Ev == "create" && p.Res == "ok"
}

// attempts is how many refusals a record stands for: repeats within ten seconds are one record with their count.
func attempts(p *audit.Parsed) int64 { return int64(max(1, p.Count)) }

// who names the person of a record: login name, or the uid that belongs to nobody.
func (in *Input) who(p *audit.Parsed) string {
	if p.User != "" || !p.HasUID {
		return p.User
	}
	return in.text(nameTexts, "nobody", strconv.FormatUint(uint64(p.UID), 10))
}

// person is a login name with the person's own name, where the facts know it.
func (in *Input) person(login string) string {
	if name := in.personName(login); name != "" && name != login {
		return name + " (" + login + ")"
	}
	return login
}

func (in *Input) personName(login string) string {
	if in.Facts == nil {
		return ""
	}
	return in.Facts.People[login].Name
}

// matter is a matter's number with its title, where the facts know it.
func (in *Input) matter(id string) string { return strings.TrimSpace(id + " " + in.matterTitle(id)) }

func (in *Input) matterTitle(id string) string {
	if in.Facts == nil {
		return ""
	}
	return in.Facts.Matters[id].Title
}

// ruleKind is what a rule is about, in words; names in it are left away.
func (in *Input) ruleKind(rule string) string {
	kind, _, _ := strings.Cut(rule, ".")
	if _, ok := nameTexts["rule."+kind]; !ok {
		kind = ""
	}
	return in.text(nameTexts, "rule."+kind)
}

// op is the operation of a record in words.
func (in *Input) op(ev string) string { return audit.EventText(ev, in.lang()) }

// program is what a record was made with: the file name of the executable, else the command name.
func program(p *audit.Parsed) string {
	if p.Exe != "" {
		return path.Base(p.Exe)
	}
	return p.Comm
}

// totals are the bytes of a handle as its close record states them ("read=R,written=W", more may follow).
func totals(p *audit.Parsed) (read, written int64) {
	for part := range strings.SplitSeq(p.Flags, ",") {
		key, v, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "read":
			read = n
		case "written":
			written = n
		}
	}
	return read, written
}

// document names the object of a record for its life, whatever it is called: its id, or its place where the record has none.
func document(p *audit.Parsed) string {
	if p.FID != "" {
		return p.FID
	}
	return p.Matter + "\x00" + p.Path
}

// day is the day of a time in the report's zone.
func (in *Input) day(t time.Time) string { return t.In(in.Zone).Format(time.DateOnly) }

// at is a time as a cell: nil where there is none.
func (in *Input) at(t time.Time) Cell {
	if t.IsZero() {
		return nil
	}
	return t.In(in.Zone)
}

// column heads a column with the text of the same name.
func (in *Input) column(table texts, id string, kind Kind) Column {
	return Column{ID: id, Title: in.text(table, id), Kind: kind}
}

// columns heads several, each "id" for text or "id:kind".
func (in *Input) columns(table texts, list ...string) (cols []Column) {
	for _, s := range list {
		id, kind, ok := strings.Cut(s, ":")
		if !ok {
			kind = string(Text)
		}
		cols = append(cols, in.column(table, id, Kind(kind)))
	}
	return cols
}
