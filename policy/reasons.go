package policy

import "strings"

// reasons says each rule code in words, English and Chinese.
var reasons = map[string][2]string{
	"root":                   {"listing the root is allowed", "可以查看根目录"},
	"sys.nopolicy":           {"no policy is loaded", "没有已加载的策略"},
	"sys.stale":              {"the policy is out of date after a failed reload", "策略重新加载失败且已过期"},
	"sys.log":                {"the audit log cannot be written", "审计日志无法写入"},
	"sys.keys":               {"the keys are locked", "密钥已锁定"},
	"sys.clock":              {"the clock cannot be trusted", "系统时钟不可信"},
	"user.unknown":           {"the caller is no user of this policy", "该用户不在策略中"},
	"user.disabled":          {"the user was disabled at once", "该用户已被紧急停用"},
	"user.departed":          {"the user has left the firm", "该用户已离职"},
	"user.expired":           {"the user's term has ended", "该用户的期限已过"},
	"user.blocked":           {"the user is on the blocked list", "该用户在黑名单上"},
	"user.nda":               {"no valid confidentiality agreement", "没有有效的保密协议"},
	"matter.unknown":         {"no such matter", "没有这个案件"},
	"matter.frozen":          {"the matter was frozen at once", "案件已被紧急冻结"},
	"matter.closed":          {"the matter is closed and can only be read", "案件已结案,只可查阅"},
	"matter.sealed":          {"the matter is sealed", "案件已封存"},
	"matter.destroyed":       {"the matter has been destroyed", "案件已销毁"},
	"wall":                   {"behind an information wall", "受信息隔离墙限制"},
	"member.none":            {"not a member of the matter", "不是本案成员"},
	"member.expired":         {"the membership has ended", "本案授权已到期"},
	"member.ack":             {"the confidentiality confirmation has not been signed", "尚未签署保密确认书"},
	"member.approval":        {"access has not been approved", "尚未经审批"},
	"member.folder":          {"the folder is open to others only", "该文件夹仅限指定人员"},
	"member.right":           {"the grants in the matter do not include this right", "本案授权不含此项权限"},
	"member.lead":            {"lead of the matter", "案件负责人"},
	"member.user":            {"member of the matter", "本案成员"},
	"member.group":           {"member through a group", "经由组成为本案成员"},
	"member.wide.department": {"the role reads the matters of its department", "所任角色可阅本部门案件"},
	"member.wide.firm":       {"the role reads the matters of the firm", "所任角色可阅全所案件"},
	"tag":                    {"a tag on the matter or the folder does not allow this", "案件或文件夹的特殊类别不允许此操作"},
	"role.right":             {"the role does not have this right", "所任角色没有此项权限"},
	"level.clearance":        {"the level is above the user's clearance", "密级高于该用户的可知密级"},
	"level.role":             {"the level is denied to the role", "该密级不对此角色开放"},
	"level.named":            {"the level is for people who are named one by one", "该密级仅限点名授权人员"},
	"level.full":             {"more people may read here than the level allows", "可知人数超过该密级的上限"},
	"level.mapping":          {"the level refuses memory mapping", "该密级禁止内存映射"},
	"level.pinned":           {"a policy rule names this folder, so it stays where it is", "策略指定的文件夹不可移动"},
	"need.purpose":           {"a purpose must be stated first", "须先说明使用目的"},
	"need.second":            {"a second person must be present", "须双人同时在场"},
}

// RuleText says in one sentence what a rule code means, in "zh" or else in
// English. Codes with a name in them (wall.W-07, tag.T, member.group:g) have the text
// of their kind; an unknown code is returned as it is.
func RuleText(rule, lang string) string {
	text, ok := reasons[rule]
	if !ok {
		text, ok = driveReasons[rule]
	}
	if !ok {
		kind, _, _ := strings.Cut(rule, ".")
		if kind != "wall" && kind != "tag" {
			kind, _, _ = strings.Cut(rule, ":")
		}
		if text, ok = reasons[kind]; !ok {
			return rule
		}
	}
	if lang == "zh" {
		return text[1]
	}
	return text[0]
}

// Rules lists every rule code that has a text, for reports and manuals.
func Rules() []string {
	list := make([]string, 0, len(reasons))
	for rule := range reasons {
		list = append(list, rule)
	}
	return list
}
