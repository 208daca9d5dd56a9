package report

// anomalyTexts are what the report says.
var anomalyTexts = texts{
	"report":        {"Unlike before: anomalies", "异常行为报告"},
	"intro":         {"What people did in the period that is unlike what they themselves did before. A finding is where to look first; most have good reasons.", "期间内与本人以往不符的行为。发现仅提示应先查看之处,多数有正当缘由。"},
	"bypeople":      {"By person", "按人员"},
	"weights":       {"Weight of the findings", "发现的权重合计"},
	"listing":       {"Findings", "发现"},
	"intro.listing": {"The heaviest first. The conditions find the records: audit query CONDITIONS prints them, audit prove proves them to others.", "按权重排序。以所列条件可查得相应记录:audit query 条件 列出记录,audit prove 条件 出具证明。"},
	"odd":           {"When work is done", "工作时段"}, "odd.chart": {"Opens by weekday and hour", "打开次数(按星期与时段)"},
	"methods":       {"How it was looked for", "检测方法"},
	"intro.methods": {"The weight of a finding is the factor times what was observed divided by the threshold, which counts for %d at most. MAD is the median distance from the median.", "发现的权重 = 系数 × 观察值 ÷ 阈值(该比值最多计 %d)。MAD 为与中位数距离的中位数。"},
	"found":         {"findings", "发现数"}, "people.n": {"people", "涉及人数"}, "days.n": {"person-days looked at", "检查的人日数"}, "past.n": {"person-days before", "以往的人日数"},
	"young.n": {"people without a past of their own", "无足够以往记录的人数"}, "known.n": {"first opens that a new right explains", "因新授权可解释的首次打开"},
	"chart": {"Findings", "发现数"}, "weight": {"weight", "权重"}, "findings": {"findings", "发现数"}, "kinds": {"kinds", "类别"}, "kind": {"kind", "类别"},
	"from": {"from", "起始"}, "observed": {"observed", "观察值"}, "expected": {"expected", "预期"}, "threshold": {"threshold", "阈值"},
	"seqs": {"records", "记录"}, "filter": {"conditions", "查询条件"}, "how": {"how", "方法"}, "factor": {"factor", "系数"},

	"kind.docs": {"many documents", "大量文件"}, "kind.read": {"many bytes", "大量字节"}, "kind.tools": {"copying tools", "复制工具"}, "kind.mapped": {"many mappings", "大量映射"},
	"kind.hours": {"odd hours", "非常时段"}, "kind.burst": {"many refusals", "集中被拒"}, "kind.probe": {"probing", "试探"}, "kind.login": {"another login", "登录身份不符"},
	"kind.program": {"new program", "新程序"}, "kind.matter": {"first time in a matter", "首次进入案件"}, "kind.leaving": {"before leaving", "离任前"},

	"docs.observed": {"%s documents in a day", "一日打开 %s 份文件"}, "read.observed": {"%s read in a day", "一日读取 %s"},
	"tools.observed": {"%s documents in a day with tools that copy", "一日用复制类工具打开 %s 份文件"}, "mapped.observed": {"%s documents mapped in a day", "一日映射 %s 份文件"},
	"expected.own":  {"median %s, MAD %s of own %d active days before", "此前本人 %[3]d 个活动日:中位数 %[1]s,MAD %[2]s"},
	"expected.firm": {"median %s, MAD %s of %d days of all people; own days: %d", "全所 %[3]d 个人日:中位数 %[1]s,MAD %[2]s(本人仅 %[4]d 日)"},
	"threshold.mad": {"the greater of %s and %s + %d × 1.4826 × %s: %s", "%s 与 %s + %d × 1.4826 × %s 之大者:%s"},

	"hours.observed": {"%d opens from %s to %s", "%[2]s 至 %[3]s 打开 %[1]d 次"}, "hours.threshold": {"%d opens outside both", "两者之外打开 %d 次"},
	"hours.expected": {"firm %s; own %s (of %d active days)", "全所 %s;本人 %s(%d 个活动日)"}, "hours.nopast": {"firm %s; own days: %d, too few", "全所 %s;本人仅 %d 日,不足"},
	"hours.free": {"no work on this day", "当日休息"}, "hours.never": {"never on such days", "此类日子从不"},

	"refused.observed": {"%d refusals, %d different names, in %s", "%[3]s 内被拒 %[1]d 次,涉及 %[2]d 个名称"}, "refused.expected": {"median %s a day of own %d active days before", "此前本人 %[2]d 个活动日每日中位数 %[1]s 次"},
	"burst.threshold": {"%d refusals in 10 minutes", "10 分钟内 %d 次"}, "probe.threshold": {"%d different names in an hour", "1 小时内 %d 个不同名称"},

	"login.observed": {"%d records under login uid %s", "%d 条记录的登录 uid 为 %s"}, "login.new": {"own login uid; not seen before the period", "本人登录 uid;期间之前未见"},
	"login.old": {"own login uid; seen before the period too", "本人登录 uid;期间之前亦曾出现"}, "login.threshold": {"any", "出现即报"},

	"program.observed": {"%q, new to this person: %d documents", "本人首次使用 %q:%d 份文件"}, "program.expected": {"never in %d active days before; used by %d others", "此前 %d 个活动日从未使用;另有 %d 人用过"},
	"program.threshold": {"%d documents, fewer than %d others", "%d 份文件且使用者少于 %d 人"},

	"matter.observed": {"%s opened for the first time: %d documents", "首次打开 %s:%d 份文件"}, "matter.expected": {"never in %d active days before; others at work there for %d days", "此前 %d 个活动日从未打开;他人使用已 %d 日"},
	"matter.threshold": {"others there for %d days", "他人使用满 %d 日"},

	"leaving.observed": {"%d documents on %d days before %s", "%[3]s 之前 %[2]d 个活动日共 %[1]d 份文件"}, "leaving.expected": {"median %s a day of %d active days before, × %d = %s", "此前 %[2]d 个活动日每日中位数 %[1]s,× %[3]d = %[4]s"},
	"leaving.threshold": {"the greater of %d and 2 × %s: %s", "%d 与 2 × %s 之大者:%s"},

	"how.docs":    {"Distinct documents opened in a day, above median + %[2]d × %[3]v × MAD of the person's last %[1]d active days, and above %[4]d. Who has fewer than %[5]d such days is compared with all people.", "一日打开的不同文件数,高于本人此前 %[1]d 个活动日的 中位数 + %[2]d × %[3]v × MAD,且高于 %[4]d。不足 %[5]d 日者与全所比较。"},
	"how.read":    {"Bytes read in a day by close records, above median + %[2]d × %[3]v × MAD of the person's last %[1]d active days, and above %[4]s. Who has fewer than %[5]d such days is compared with all people.", "一日读取字节数(依关闭记录),高于本人此前 %[1]d 个活动日的 中位数 + %[2]d × %[3]v × MAD,且高于 %[4]s。不足 %[5]d 日者与全所比较。"},
	"how.tools":   {"Distinct documents opened in a day with %[1]s, above median + %[3]d × %[4]v × MAD of the last %[2]d active days, and above %[5]d. Who has fewer than %[6]d such days is compared with all people.", "一日用 %[1]s 打开的不同文件数,高于此前 %[2]d 个活动日的 中位数 + %[3]d × %[4]v × MAD,且高于 %[5]d。不足 %[6]d 日者与全所比较。"},
	"how.mapped":  {"Distinct documents mapped in a day, above median + %[2]d × %[3]v × MAD of the person's last %[1]d active days, and above %[4]d. Who has fewer than %[5]d such days is compared with all people.", "一日映射的不同文件数,高于本人此前 %[1]d 个活动日的 中位数 + %[2]d × %[3]v × MAD,且高于 %[4]d。不足 %[5]d 日者与全所比较。"},
	"how.hours":   {"At least %[1]d opens in a day outside the firm's hours (%[2]s) and the person's own: half hours used, or next to one used, on a tenth of such days and on %[3]d at least, of the last %[4]d active days. With fewer than %[5]d days the firm's hours alone count.", "一日至少 %[1]d 次打开既在全所工作时间(%[2]s)之外,又在本人惯常时段之外:此前 %[4]d 个活动日中,同类日子至少十分之一且不少于 %[3]d 日在该半小时或相邻半小时有打开。不足 %[5]d 日者仅按全所时间。"},
	"how.burst":   {"At least %d refusals of one person within 10 minutes, repeats counted.", "一人 10 分钟内至少被拒 %d 次(含重复)。"},
	"how.probe":   {"Refusals of at least %d different names within an hour.", "一人 1 小时内至少 %d 个不同名称被拒。"},
	"how.login":   {"Records whose login uid is stated and is not the acting uid.", "登录 uid 与操作 uid 不同的记录。"},
	"how.program": {"A program that the person did not use on at least %d active days before, nor %d others until the day before, with which they opened at least %d documents.", "本人此前至少 %d 个活动日未用、且此前使用者少于 %d 人的程序,并以其打开至少 %d 份文件。"},
	"how.matter":  {"A matter that the person did not open on at least %d active days before, and that others were at work in for %d days. Not where the person got the right less than %d days before.", "本人此前至少 %d 个活动日从未打开、他人使用已满 %d 日的案件;授权不满 %d 日者除外。"},
	"how.leaving": {"Documents opened in the last %d days before somebody left or their term ends: more than %d, and more than twice the person's median a day times the days at work. At least %d active days before are needed.", "离任或任期届满前 %d 日内打开的文件:多于 %d 份,且多于本人每日中位数乘以活动日数的两倍。须有至少 %d 个活动日的以往记录。"},

	"limit.meaning": {"A finding is no offence. What somebody does every day, and always did, is never found.", "发现不等于违规。一贯如此的行为不会被发现。"},
	"limit.slow":    {"Whoever takes a little more each week stays below every threshold; the report on a person or a matter shows sums.", "逐周少量增加者可始终低于阈值;其总量请见人员或案件报告。"},
	"limit.facts":   {"Without facts of the policies nobody is known to leave, and first opens are not explained by new rights.", "无策略事实:不知何人离任,首次打开也无法以新授权解释。"},
}
