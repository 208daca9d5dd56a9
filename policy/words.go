package policy

import "slices"

// driveReasons says the rules that are the drive's own, and not a policy's, in
// words, English and Chinese. No test file of a policy can name them.
var driveReasons = map[string][2]string{
	"root.fixed":  {"the root of the drive holds matters only, and nobody can make or change anything there", "根目录只有案件文件夹,任何人不能在此新建或更改"},
	"level.lower": {"the target folder has a lower level", "目标文件夹的密级较低"},
	"op.link":     {"the drive has no hard links", "本盘不支持硬链接"},
	"op.tmpfile":  {"the drive has no files without a name", "本盘不支持无名临时文件"},
	"op.ioctl":    {"the drive does not offer this operation", "本盘不支持此操作"},
	"op.lock":     {"the drive does not offer this operation", "本盘不支持此操作"},
	"op.unknown":  {"the drive does not offer this operation", "本盘不支持此操作"},
	"op.chown":    {"the owner of a file is who created it", "文件的所有者是其创建人,不可更改"},
	"op.mknod":    {"the drive holds files, folders and links only", "本盘只存放文件、文件夹和链接"},
	"op.xattr":    {"this attribute cannot be changed", "此属性不可更改"},
	"own.fixed":   {"your own folder can be read and not changed", "个人文件夹只可查阅,不可更改"},
	"own.folder":  {"everybody reads their own folder", "本人可以查阅自己的文件夹"},
	"root.guess":  hiddenReason,
	"own.other":   hiddenReason,
}

// hiddenReason is all that is said of what somebody may not know of, so that
// nothing tells it from what does not exist.
var hiddenReason = [2]string{
	"there is no such name, or it is not yours to know of",
	"没有这个名称,或者您无权知道它是否存在",
}

// HiddenText says in "zh" or else in English what a caller is told about what
// they may not know of, and about what does not exist.
func HiddenText(lang string) string {
	if lang == "zh" {
		return hiddenReason[1]
	}
	return hiddenReason[0]
}

// Ask names who can help a user with a refusal by a rule, as [Policy.Explain]
// does. With matter "" it names nobody who is tied to a matter.
func (p *Policy) Ask(user, matter, rule string) []string {
	if p == nil {
		return nil
	}
	if matter == "" {
		return slices.Clone(p.duties["secadmin"])
	}
	e := eval{p: p, r: &Request{}, u: p.user[user], m: p.matter[matter]}
	return e.ask(rule)
}
