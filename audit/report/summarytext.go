package report

// summaryTexts are what the report says.
var summaryTexts = texts{
	"report": {"Summary for management", "管理层摘要"},
	"intro":  {"What happened in the drive, beside the period from %s to %s.", "本期盘内情况,与 %s 至 %s 对比。"},
	"chart":  {"Opens, changes and refusals", "打开、改动与被拒"}, "bymatter": {"Matters with the most opens", "打开最多的案件"}, "bymatter.chart": {"opens", "打开次数"},
	"bypeople": {"People with the most opens", "打开最多的人员"}, "bypeople.chart": {"opens", "打开次数"},
	"byrule": {"Refusals by reason", "被拒原因"}, "byrule.chart": {"refusals, repeats counted", "拒绝次数(含重复)"},
	"log": {"Log, machine and policy", "日志、系统与策略"}, "acts": {"Out of the ordinary", "非常事项"}, "open": {"Open items", "待办事项"},
	"people.n": {"people active", "活跃人数"}, "matters.n": {"matters touched", "涉及案件数"}, "opens.n": {"opens", "打开次数"}, "changes.n": {"changes", "改动次数"},
	"read.n": {"bytes read", "读取量"}, "refused.n": {"refusals", "拒绝次数"}, "outages.n": {"repairs and outages of the log", "日志修复与中断"},
	"sealed": {"last seal", "最近签封"}, "seals": {"%d seals, the last is record %d", "签封 %d 次,末次为记录 %d"}, "unsealed": {"the log was not sealed in the period", "期间内日志未签封"},
	"before": {"before: %s", "上期:%s"}, "before.rate": {"before: %s (%s %%)", "上期:%s(%s %%)"}, "unrecorded": {"(%d requests refused)", "(拒绝请求 %d 次)"},
	"event": {"event", "事件"}, "now": {"period", "本期"}, "earlier": {"before", "上期"}, "meaning": {"meaning", "含义"},
	"what": {"what", "事项"}, "about": {"about", "对象"}, "by": {"by", "操作人"}, "why": {"reason", "理由"}, "since": {"since", "起始"}, "days": {"days", "天数"},

	"ev.mount": {"the drive was started", "启动"}, "ev.audit.recover": {"the log repaired itself, or could not be written for a time", "日志修复,或曾无法写入"},
	"ev.audit.clock": {"the clock of the machine was behind the log", "系统时钟落后于日志"}, "ev.audit.seal": {"the log signed itself", "日志签封"},
	"ev.audit.epoch": {"the signing key was changed", "更换签封密钥"}, "ev.audit.retire": {"old records were deleted when their time was up", "到期记录清理"},
	"ev.audit.hold": {"legal hold set or lifted", "法律保全的设置或解除"}, "ev.panic": {"a fault of the program, answered with an error", "程序故障(已返回错误)"},
	"ev.store.recover": {"documents mended after a crash", "崩溃后修复文件"}, "ev.fsck.repair": {"damaged parts moved aside", "移出受损部分"},
	"ev.state.recover": {"state mended after a crash", "崩溃后修复状态"}, "ev.state.accept": {"an older state was accepted", "接受较早的状态"}, "ev.key.accept": {"an older keys directory was accepted", "接受较早的密钥目录"},
	"ev.policy.load": {"policy loaded at a start", "启动时载入策略"}, "ev.policy.reload": {"policy changed", "策略变更"}, "ev.policy.reload fail": {"a changed policy was not accepted", "策略变更被拒"},
	"ev.policy.pending": {"a policy waited for two people", "策略待双人审批"}, "ev.policy.approve": {"words for a policy", "策略审批意见"},
	"ev.policy.emergency": {"root alone put a policy in force", "root 单独启用策略"}, "ev.policy.confirm": {"that was confirmed", "事后确认"},
	"ev.relabel": {"level of a folder changed", "文件夹密级变更"}, "ev.key.create": {"matters opened", "新建案件"}, "ev.audit.query": {"searches and reports of the log", "日志查询与报告"},
	"ev.user.disable": {"person stopped", "停用人员"}, "ev.user.enable": {"person let on again", "恢复人员"}, "ev.matter.freeze": {"matter frozen", "冻结案件"}, "ev.matter.unfreeze": {"matter thawed", "解冻案件"},

	"open.disabled": {"person is stopped", "人员停用中"}, "open.frozen": {"matter is frozen", "案件冻结中"}, "open.pending": {"policy waits for two people", "策略待双人审批"},
	"open.alone": {"policy of root alone is not confirmed", "root 单独启用的策略未确认"}, "open.relabel": {"a lower level waits for approval", "降密申请待批"},

	"limit.before": {"Compared with %s to %s.", "对比期间:%s 至 %s。"},
	"limit.open":   {"Open items are those that began in one of the two periods; what has waited longer is shown by matterfs status.", "待办事项限于两期之内起始者;更早的请见 matterfs status。"},
}
