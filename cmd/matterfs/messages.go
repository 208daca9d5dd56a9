package main

import "strings"

// lang is the language of talk; data and codes are the same in all.
type lang int

const (
	en lang = iota
	zh
)

// langOf follows the order of setlocale(3): LC_ALL, LC_MESSAGES, LANG.
func langOf(getenv func(string) string) lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return zh
			}
			return en
		}
	}
	return en
}

// msg names a text of the messages table.
type msg int

const (
	noMsg msg = iota
	msgHint
	msgReady
	msgBackground
	msgStaleMount
	msgLazyUnmount
	msgBusyBy
	msgStillOpen
	msgOldKernel
	msgNewMatter
	msgReloaded
	msgUnchanged
	msgReloadFailed
	msgTestsWarned
	msgWatchFailed
	msgSameAccess
	msgForeign
	msgDamaged
	msgPolicyExposed
	msgBadMatter
	msgSameDevice
	msgSwap
	msgAsRoot
	msgGroupsSilent
	msgLogDown
	msgLogLow
	msgWitnessFork
	msgWitnessLate
	msgIdentityInside
	msgIdentityLoose
	msgPassphrase
	msgUnmounted
	msgInitDone
	msgInitPaths
	msgInitRecipients
	msgInitRecovery
	msgInitPassphrase
	msgInitKeepIdentity
	msgInitLogKey
	msgHoldSet
	msgHoldReleased
	msgHookFails
	msgLogHeld
	msgLogUnsealed
	msgLogUntidy
	msgLogFlood
	msgInitNext
	msgFsckOK
	msgFsckBad
	msgFsckLost
	msgFsckSpan
	msgFsckShort
	msgFsckStructure
	msgPolicyOK
	msgPolicyLoose
	msgTestsOK
	msgTestsFailed
	msgAllowed
	msgNothingRefused
	msgRefused
	msgAsk
	msgNotReached
	msgUserDisabled
	msgUserEnabled
	msgMatterFrozen
	msgMatterUnfrozen
	msgAlready
	msgNoDifference
	msgLogTooShort
	msgWrittenTo
	msgNothingChanged
	msgEditAgain
	msgInstallAsk
	msgInstalled
	msgNotInstalled
	msgNextMount
	msgUnwritten
	msgStateKept
	msgStateAccepted
	msgKeysAccepted
	msgPolicyWaits
	msgAlone
	msgPolicyAlone
	msgPolicyUnsealed
	msgPolicyApplied
	msgWordCounted
	msgPolicyConfirmed
	msgPolicySeen
	msgAskYes
	msgNotApproved
	msgFromFiles
	msgGroupsNow
	msgListsMended
	msgNotServed
	msgFactsWritten
	msgUntil
	msgWouldRefuse
	msgRefusedAlready
	msgNewlyCould
	msgReplayed
	msgRelabelled
	msgRelabelWaits
	msgRelabelSame
	msgRelabelDropped
	msgLabelWaits
	hintUsage
	hintPolicy
	hintPolicyOwner
	hintPolicyMissing
	hintTests
	hintVanished
	hintPolicyLost
	hintSecond
	hintNoDaemon
	hintWrongIdentity
	hintWrongPassphrase
	hintNoKeystore
	hintDamagedKeys
	hintOldKeys
	hintRecipient
	hintLocked
	hintSecretMode
	hintNotPermitted
	hintLog
	hintLogMissing
	hintLogEnd
	hintState
	hintStateNewer
	hintStateStrange
	hintUnwritten
	hintTampered
	hintWitnessFork
	hintProof
	hintIncomplete
	hintCorrupt
	hintNotStore
	hintExists
	hintOverlap
	hintBusy
	hintFactsUnrecorded
	hintNotEmpty
	hintMountpoint
	hintNotOurMount
	hintOwner
	hintKeeper
	hintNoAnswer
	hintWatch
	hintApprove
	hintFull
	hintTaken
	hintEdited
	hintExport
	hintExportFile
	hintHook
	hintFuse
)

// messages are the lines that people meet every day, in English and Chinese.
// What a library says about an error stays in English behind them.
var messages = map[msg][2]string{
	noMsg:               {"", ""},
	msgHint:             {"hint: ", "提示:"},
	msgReady:            {"matterfs: ready, %s on %s", "matterfs: 就绪,%s 已挂载于 %s"},
	msgBackground:       {"serving in the background, pid %d, diagnostics in %s", "已在后台运行,进程号 %d,诊断信息在 %s"},
	msgStaleMount:       {"%s held a dead mount; cleared it", "%s 上有失效的挂载,已清除"},
	msgLazyUnmount:      {"%s is in use by other programs; detached it lazily, open files end when they are closed", "%s 正被其他程序使用,已延迟卸载;打开的文件关闭后即结束"},
	msgBusyBy:           {"in use by %s", "使用者:%s"},
	msgStillOpen:        {"files on %s are still open; ending anyway, unsaved work in them is lost", "%s 上仍有打开的文件,仍将退出;其中未保存的内容会丢失"},
	msgOldKernel:        {"kernel %s is older than 6.6: shared writable mappings (sqlite WAL, some editors) will not work on this drive", "内核 %s 早于 6.6:共享可写映射(sqlite WAL、部分编辑器)在此盘上不可用"},
	msgNewMatter:        {"matter %s: made its key and folder", "案件 %s:已建立密钥和文件夹"},
	msgReloaded:         {"policy reloaded: %s, %d users, %d matters", "策略已重新载入:%s,用户 %d,案件 %d"},
	msgUnchanged:        {"policy unchanged: %s", "策略没有变化:%s"},
	msgReloadFailed:     {"policy not reloaded, the last good one stays in force:\n%v", "策略未能重新载入,继续使用上一份有效策略:\n%v"},
	msgTestsWarned:      {"the policy is in force although its tests fail, because it only takes access away:\n%v", "策略未通过自身的测试,但因只收回权限,已经生效:\n%v"},
	msgWatchFailed:      {"changes of the policy files are not noticed by themselves, use matterfs policy reload: %v", "无法自动察觉策略文件的改动,请使用 matterfs policy reload:%v"},
	msgSameAccess:       {"everybody may do what they could before", "所有人的权限均无变化"},
	msgForeign:          {"%s in the data directory is not ours; it is not served", "数据目录中的 %s 不属于本库,不予提供"},
	msgDamaged:          {"requests that met damaged data since the start: %s; the log names the files (res EIO)", "启动以来遇到数据损坏的请求:%s 次;日志中 res 为 EIO 的记录指明文件"},
	msgPolicyExposed:    {"others can read the policy %[1]s, which names clients and walls; run: chmod -R o-rwx %[1]s", "他人可以读取策略 %[1]s,其中载有客户和隔离墙;请运行:chmod -R o-rwx %[1]s"},
	msgBadMatter:        {"matter %s cannot be served: %v", "案件 %s 无法提供:%v"},
	msgSameDevice:       {"keys and data are on one file system: a snapshot of it defeats destruction by key", "密钥与数据在同一文件系统上:对它做快照会使销毁密钥失去作用"},
	msgSwap:             {"the keys could not be locked in memory (RLIMIT_MEMLOCK): they may reach the swap", "密钥未能锁定在内存中(RLIMIT_MEMLOCK):可能被换出到磁盘"},
	msgAsRoot:           {"the daemon runs as root; give it an account of its own: mount --user NAME, or user: in matterfs.yaml (see the README)", "守护进程以 root 运行;请为其指定专用账户:mount --user NAME,或在 matterfs.yaml 中写 user:(见 README)"},
	msgGroupsSilent:     {"the system gave no answer about unix groups for %s: nobody is a member by group, and walls against groups stand for everybody", "系统已有 %s 未答复 unix 组的查询:按组授予的权限一律失效,针对组的隔离墙对所有人生效"},
	msgLogLow:           {"the disk of the log has %s MiB left; when it is full nothing is served, only open documents can be saved", "日志所在磁盘只剩 %s MiB;写满后不再提供任何文件,只能保存已打开的文档"},
	msgWitnessFork:      {"ALARM: witness %s has signed another history of this log: %s", "警报:见证 %s 所签的是本日志的另一份历史:%s"},
	msgWitnessLate:      {"witness %s has signed nothing for an hour (last on %s): %s", "见证 %s 已超过一小时未签名(上次:%s):%s"},
	msgLogDown:          {"nothing can be recorded, so nothing is served: %v", "无法写入日志,因此不提供任何文件:%v"},
	msgIdentityInside:   {"the identity %s lies inside the store: whoever copies the store has its key; keep it elsewhere", "身份文件 %s 位于库内:复制库的人同时得到密钥;请另行存放"},
	msgIdentityLoose:    {"the identity %s can be read by others than its owner", "身份文件 %s 可被其所有者以外的人读取"},
	msgPassphrase:       {"Passphrase: ", "口令:"},
	msgUnmounted:        {"%s unmounted", "%s 已卸载"},
	msgInitDone:         {"store %s made", "已建立库 %s"},
	msgInitPaths:        {"paths:", "路径:"},
	msgInitRecipients:   {"recipients:", "收件人(公钥):"},
	msgInitRecovery:     {"recovery:", "恢复公钥:"},
	msgInitPassphrase:   {"passphrase: yes", "口令:已设置"},
	msgInitKeepIdentity: {"identity: %s opens this store. Copy it to a safe place away from this machine; without it the documents are lost.", "身份文件:%s 可打开本库。请复制到本机以外的安全处;遗失则文件无法恢复。"},
	msgHoldSet:          {"legal hold set: no record will be deleted", "已设置法律保全:不再删除任何日志记录"},
	msgHoldReleased:     {"legal hold released: retention goes on", "法律保全已解除:按保存期限继续清理"},
	msgLogHeld:          {"legal hold by %s since %s: %s", "法律保全中:由 %s 于 %s 设置,理由:%s"},
	msgHookFails:        {"%s alerts did not get through, the last because of: %s", "有 %s 条告警未能送出,最近一次的原因:%s"},
	msgLogUnsealed:      {"the log is written but not sealed: %v", "日志已写入,但未能签封:%v"},
	msgLogFlood:         {"%s causes more records than the budget allows since %s; %s opens and reads had to wait (audit.flood in the log; matterfs user disable stops a person)", "%s 自 %s 起产生的日志超出限额;已有 %s 次打开或读取被延缓(见日志 audit.flood;matterfs user disable 可停用该用户)"},
	msgLogUntidy:        {"older parts of the log are not compressed or deleted in time: %v", "旧日志未能压缩或按期清理:%v"},
	msgInitLogKey:       {"verification key of the log; keep it away from this machine, audit verify --key proves with it that nobody rewrote the log:", "日志验证公钥;请保存在本机以外,audit verify --key 凭它证明日志未被改写:"},
	msgInitNext:         {"next: edit %s, then run: matterfs policy check %s && matterfs mount %s MOUNTPOINT", "下一步:编辑 %s,然后运行:matterfs policy check %s && matterfs mount %s 挂载点"},
	msgFsckOK:           {"store ok: %d matters, %d folders, %d files, %d links, %s, %d leftovers", "数据完好:案件 %d,文件夹 %d,文件 %d,链接 %d,共 %s,残留 %d"},
	msgFsckBad:          {"store not ok: %d damaged, %d leftovers, %d moved aside", "数据有问题:损坏 %d,残留 %d,已移开 %d"},
	msgFsckLost:         {"%d things were put aside earlier in .mfs.lost of the data directory; those that fsck put there stand in list.jsonl", "数据目录的 .mfs.lost 中有 %d 项先前移开的内容;由 fsck 移入的记录在 list.jsonl"},
	msgFsckSpan:         {"compared with records %d to %d of the log, %d crashes among them", "已与日志第 %d 至 %d 条记录比对,其间崩溃 %d 次"},
	msgFsckShort:        {"the log does not begin with record 1: what it never mentions is not listed, and what was done before is not known", "日志并非从第 1 条开始:未列出日志未提及的文件,此前的操作无从得知"},
	msgFsckStructure:    {"without keys only forms were checked: not whether anything is authentic, in its place, or whole", "未使用密钥,仅检查了外形:内容是否真实、位置是否正确、是否完整均未检查"},
	msgPolicyOK:         {"policy ok: %s, %d users, %d matters", "策略有效:%s,用户 %d,案件 %d"},
	msgPolicyLoose:      {"a mount would refuse this policy: %v", "挂载时会拒绝此策略:%v"},
	msgTestsOK:          {"%d policy tests passed", "%d 项策略测试通过"},
	msgTestsFailed:      {"%d of %d policy tests failed", "策略测试 %[2]d 项中 %[1]d 项失败"},
	msgNothingRefused:   {"nothing was refused you lately", "您最近没有被拒绝的操作"},
	msgAllowed:          {"allowed", "允许"},
	msgRefused:          {"refused", "拒绝"},
	msgNotReached:       {"(not reached)", "(未及此关)"},
	msgAsk:              {"ask %s", "请联系 %s"},
	msgUserDisabled:     {"user %s is disabled", "用户 %s 已停用"},
	msgUserEnabled:      {"user %s is enabled", "用户 %s 已启用"},
	msgMatterFrozen:     {"matter %s is frozen", "案件 %s 已冻结"},
	msgMatterUnfrozen:   {"matter %s is not frozen", "案件 %s 未冻结"},
	msgNoDifference:     {"the policy in place does not load, so nothing can be compared with it", "现有策略无法载入,无从比较"},
	msgLogTooShort:      {"the log does not go back %d days: nobody is said to have used nothing", "日志不足 %d 天:不判断谁从未使用"},
	msgWrittenTo:        {"written: %s", "已写入:%s"},
	msgNothingChanged:   {"nothing changed", "没有改动"},
	msgEditAgain:        {"e to edit again, q to quit without installing: ", "e 继续编辑,q 放弃并退出:"},
	msgInstallAsk:       {"install this policy? [y/N] ", "安装此策略?[y/N] "},
	msgInstalled:        {"policy installed: %s", "策略已安装:%s"},
	msgNotInstalled:     {"nothing is installed", "未安装任何内容"},
	msgNextMount:        {"no daemon serves it; the next mount loads it", "没有守护进程在服务;下次挂载时载入"},
	msgAlready:          {"%s; it was so already", "%s(原已如此)"},
	msgUnwritten:        {"%s changes to the emergency list act but are not kept for the next mount", "紧急名单有 %s 项变更已生效但未能保存,重新挂载后会丢失"},
	msgStateKept:        {"the refused state log is kept as %s", "被拒绝的状态日志已另存为 %s"},
	msgKeysAccepted:     {"keystore accepted at %s", "密钥库已按 %s 接受"},
	msgStateAccepted:    {"state log accepted with %d records", "状态日志已接受,共 %d 条记录"},
	msgPolicyWaits:      {"policy %[1]s waits, the one before it stays in force; security administrators whose word is missing: %[2]v (matterfs policy approve %[1]s), because:\n%[3]s", "策略 %[1]s 待审批,在此之前沿用原策略;尚缺安全管理员 %[2]v 人同意(matterfs policy approve %[1]s),原因:\n%[3]s"},
	msgAlone:            {"fewer than two active security administrators: one person alone can widen access to the top level, lower a level or drop a wall", "在任安全管理员不足两人:一个人即可扩大最高密级的访问、降低密级或撤除隔离墙"},
	msgPolicyAlone:      {"root put policy %s in force alone (%s); a security administrator must look at it and say: matterfs policy approve HASH", "root 单独启用了策略 %s(%s);须由安全管理员查看后执行:matterfs policy approve HASH"},
	msgPolicyUnsealed:   {"the policy is in force, but the state log does not say so for the next mount: %s", "策略已生效,但未能写入状态日志,下次挂载时无从核对:%s"},
	msgPolicyApplied:    {"policy %s is in force", "策略 %s 已生效"},
	msgWordCounted:      {"your word for policy %s counts; missing: %d", "已记录您对策略 %s 的同意;尚缺 %d 人"},
	msgPolicyConfirmed:  {"policy %s is confirmed", "策略 %s 已确认"},
	msgPolicySeen:       {"root put policy %s in force alone on %s, because: %s", "root 于 %[2]s 单独启用了策略 %[1]s,理由:%[3]s"},
	msgAskYes:           {"Say yes to it? [y/N] ", "是否同意?[y/N] "},
	msgFromFiles:        {"answered from the files: they may not be in force, and nobody is taken to be disabled, no matter frozen", "依据策略文件回答:文件不一定已生效,且未计入紧急停用与冻结"},
	msgGroupsNow:        {"members of unix groups are those of now, whatever the day asked about: %s", "系统组成员以当前为准,与所问日期无关:%s"},
	msgListsMended:      {"the state log was mended before then (state.accept): the emergency list may have been shorter than the log says", "此前状态日志曾经修复(state.accept):紧急名单可能少于日志所载"},
	msgNotServed:        {"the drive was not mounted then: nobody could read anything", "当时未挂载:任何人都无法读取"},
	msgFactsWritten:     {"%s: %d rights of %d people in %d matters; it names clients and people: keep it as you keep the policy", "%s:%[3]d 人在 %[4]d 个案件中的 %[2]d 项权限;其中载有客户和人员,请按策略文件同等保管"},
	msgUntil:            {"until %s", "至 %s"},
	msgWouldRefuse:      {"would be refused, %d times from %s to %s, by %s", "将被拒绝,共 %d 次,%s 至 %s,规则 %s"},
	msgRefusedAlready:   {"(refused by the policy in force too)", "(现行策略也已拒绝)"},
	msgNewlyCould:       {"newly could: %s", "将新增权限:%s"},
	msgRelabelled:       {"level of %s: %s -> %s", "%s 的密级:%s -> %s"},
	msgRelabelWaits:     {"level of %s: %s -> %s waits for a security administrator other than who asked (--approve)", "%s 的密级:%s -> %s,待另一名安全管理员同意(--approve)"},
	msgRelabelSame:      {"level of %[1]s is %[3]s already", "%[1]s 的密级已是 %[3]s"},
	msgRelabelDropped:   {"level of %s: %s -> %s will not be done", "%s 的密级:%s -> %s 不予变更"},
	msgLabelWaits:       {"%s asked to lower the level of %s to %s; matterfs matter relabels tells why", "%s 申请将 %s 的密级降为 %s;理由见 matterfs matter relabels"},
	msgReplayed:         {"%d accesses since %s: %d kinds would be refused, %d people gain", "自 %[2]s 起 %[1]d 次访问:%[3]d 类将被拒绝,%[4]d 人次将新增权限"},
	msgNotApproved:      {"nothing was changed", "未作任何改动"},

	hintUsage:           {"matterfs --help lists the verbs, matterfs VERB --help their flags", "matterfs --help 列出命令,matterfs 命令 --help 列出选项"},
	hintPolicy:          {"mend the lines named above, then run: matterfs policy check DIR", "请修正上述各行,然后运行:matterfs policy check DIR"},
	hintPolicyOwner:     {"run: chown -R root:root POLICY && chmod -R go-w POLICY", "请运行:chown -R root:root POLICY && chmod -R go-w POLICY"},
	hintPolicyMissing:   {"bring the policy back from its backup, or name it with --policy DIR", "请从备份恢复策略,或用 --policy DIR 指定"},
	hintTests:           {"mend the policy or its tests, then run: matterfs policy test DIR", "请修正策略或其测试,然后运行:matterfs policy test DIR"},
	hintVanished:        {"put the matter back into the policy; to hide it from everybody give it `status: sealed`", "请把该案件写回策略;若要对所有人隐藏,写 `status: sealed`"},
	hintPolicyLost:      {"put the files of that policy back, or its copy in state/policies; if neither is left, root may put the files in force with: matterfs policy approve HASH DIR --emergency --reason TEXT", "请恢复该策略的文件,或 state/policies 中的副本;若均已丢失,root 可执行:matterfs policy approve HASH DIR --emergency --reason 理由"},
	hintSecond:          {"a second security administrator must say it, from a login of their own", "须由另一名安全管理员从其本人的登录会话执行"},
	hintNoDaemon:        {"start it with: matterfs mount DIR MOUNTPOINT", "请启动:matterfs mount DIR 挂载点"},
	hintWrongIdentity:   {"name the identity this store was made for with --identity FILE, or use --passphrase-file FILE", "请用 --identity FILE 指定建库时的身份文件,或用 --passphrase-file FILE"},
	hintWrongPassphrase: {"the whole first line of the file is the passphrase; check it, or use --identity FILE", "文件的整个第一行即口令;请核对,或使用 --identity FILE"},
	hintNoKeystore:      {"bring the keys directory back from its own backup (data backups never hold it), or name it with --keys DIR", "请从密钥备份恢复密钥目录(数据备份不含密钥),或用 --keys DIR 指定"},
	hintOldKeys: {"bring the newest copy of the keys directory back; where there is none, matterfs state accept DIR --keys --reason TEXT",
		"请恢复密钥目录的最新副本;若已没有,请运行 matterfs state accept DIR --keys --reason 原因"},
	hintDamagedKeys:  {"bring the keys directory back from its backup", "请从备份恢复密钥目录"},
	hintRecipient:    {"a recipient is the public key that age-keygen prints, age1...", "收件人是 age-keygen 输出的公钥,形如 age1..."},
	hintLocked:       {"give --identity FILE or --passphrase-file FILE, or start it from a terminal", "请给出 --identity FILE 或 --passphrase-file FILE,或在终端中启动"},
	hintSecretMode:   {"run: chmod 600 FILE", "请运行:chmod 600 FILE"},
	hintNotPermitted: {"run it as root", "请以 root 运行"},
	hintLog:          {"nothing is served without a log: free space or mend the permissions of the log and state directories", "没有日志就不提供服务:请释放空间或修正日志和状态目录的权限"},
	hintLogMissing:   {"is its volume mounted? bring log and state back from their backup, both together, or name them with --log DIR and --state DIR; where there is none, make both empty with mkdir -m 700: a new log begins", "其所在的卷挂载了吗?请从备份一并恢复日志和状态目录,或用 --log DIR 和 --state DIR 指定;若无备份,请用 mkdir -m 700 建立两个空目录,日志从头开始"},
	hintLogEnd:       {"write down what is missing here; free space or mend the log directory, then mount: the log goes on from its last record", "请另行记下此处缺少的内容;释放空间或修复日志目录后重新挂载,日志从最后一条继续"},
	hintState:        {"bring the newest copy of state.log back into the state directory; where there is none, matterfs state accept DIR --reason TEXT keeps what is authentic, and the log's user.disable and matter.freeze records say what to repeat", "请将最新的 state.log 恢复到状态目录;若无副本,matterfs state accept DIR --reason TEXT 可保留可信部分,再按日志中的 user.disable 与 matter.freeze 记录补做"},
	hintStateNewer:   {"run the version of matterfs that wrote it", "请使用写入它的 matterfs 版本"},
	hintStateStrange: {"nothing was changed; name the right state directory (--state, or state: in matterfs.yaml) or bring its newest copy back; where it is lost, matterfs state accept DIR --reason TEXT begins a new one", "未作任何更改;请指明正确的状态目录(--state 或 matterfs.yaml 中的 state:),或恢复其最新副本;若已丢失,matterfs state accept DIR --reason TEXT 可重新开始"},
	hintUnwritten:    {"free space or mend the state directory, then run the command again before the daemon ends", "请释放空间或修复状态目录,并在守护进程结束前重新执行该命令"},
	hintProof: {"do not rely on it; keep the file, ask whoever made it for a new one, and check that with the verification key that was kept elsewhere",
		"请勿采信;请保留该文件,请制作者重新出具,并用另行保存的验证公钥核对"},
	hintWitnessFork: {"keep copies of log and state as evidence, fetch what the witness holds (URL/HASH/checkpoint) and run: matterfs audit verify --witness KEY --against FILE DIR; if this machine was brought back from a backup tell the auditor, who alone may let the witness begin anew",
		"请先备份日志和状态目录作为证据,取得见证所存的检查点(URL/HASH/checkpoint),然后运行:matterfs audit verify --witness KEY --against FILE DIR;若本机系从备份恢复,请告知审计人员,只有其可让见证重新开始"},
	hintTampered:    {"keep a copy of the log and state directories as evidence, then run: matterfs audit verify DIR; to serve again bring the log back from its backup, or move its files and audit.head away: a new log begins", "请先备份日志和状态目录作为证据,然后运行:matterfs audit verify DIR;若要恢复服务,请从备份恢复日志,或移走日志文件和 audit.head,从新日志开始"},
	hintIncomplete:  {"records are missing at the end: bring the log back from its backup; matterfs audit verify DIR shows where it stops", "日志末尾缺少记录:请从备份恢复;matterfs audit verify DIR 显示截止位置"},
	hintCorrupt:     {"bring the named file back from the data backup", "请从数据备份恢复上述文件"},
	hintNotStore:    {"is the volume with the data mounted? bring the data back from their backup, or name them with --data DIR", "数据所在的卷挂载了吗?请从备份恢复数据,或用 --data DIR 指定"},
	hintExists:      {"nothing was changed; name another directory or file", "没有做任何改动;请另选目录或文件"},
	hintOverlap:     {"data, keys, policy, log, state and the mountpoint must lie apart; move one of the two", "数据、密钥、策略、日志、状态目录和挂载点须互不包含;请移走其一"},
	hintBusy:        {"matterfs umount MOUNTPOINT ends the daemon that serves it", "matterfs umount 挂载点 可结束正在服务的进程"},
	hintNotEmpty:    {"mount on an empty directory; what lies in this one would be hidden", "请挂载到空目录;此目录中的内容会被遮住"},
	hintMountpoint:  {"make it with mkdir first", "请先用 mkdir 建立"},
	hintNotOurMount: {"mount lists what is mounted where", "用 mount 命令查看挂载情况"},
	hintOwner:       {"run: chown -R USER: DATA KEYS LOG STATE && chgrp -R GROUP DIR POLICY && chmod -R g+rX,o-rwx POLICY && chmod g+rx DIR; the directories above must let the user pass (matterfs init --user makes a new store so)", "请运行:chown -R USER: DATA KEYS LOG STATE && chgrp -R GROUP DIR POLICY && chmod -R g+rX,o-rwx POLICY && chmod g+rx DIR;其上各级目录须允许该账户通过(新建库可用 matterfs init --user)"},
	hintKeeper:      {"run as root: umount MOUNTPOINT (with -l when it is in use), then mount anew", "请以 root 运行:umount 挂载点(使用中则加 -l),然后重新挂载"},
	hintNoAnswer:    {"does the directory service (LDAP, sssd) answer? try: getent passwd root; getent group root", "目录服务(LDAP、sssd)是否正常?请试:getent passwd root; getent group root"},
	hintWatch:       {"mend what the message names (often fs.inotify.max_user_watches), then mount anew; until then run matterfs policy reload after each change", "请消除所述原因(常为 fs.inotify.max_user_watches)后重新挂载;在此之前每次改动后运行 matterfs policy reload"},
	hintApprove:     {"a security administrator looks at it (matterfs policy diff) and says: matterfs policy approve HASH", "请安全管理员查看(matterfs policy diff)后执行:matterfs policy approve HASH"},
	hintFull:        {"free some space and try again", "请释放空间后重试"},
	hintTaken:       {"nothing was written; choose another, and never the uid of somebody who has left", "没有写入任何内容;请另选,切勿使用离职人员的 uid"},
	hintEdited:      {"look at what was changed, then run the command again", "请查看他人的改动,然后重新执行该命令"},
	hintExport: {"nothing was sent; keep the cursor file, it says what the collector has. matterfs audit verify DIR tells what became of the log (after a power cut its audit.recover record says which numbers are used again); then matterfs audit export --once --from SEQ goes on",
		"未发送任何内容;请保留游标文件,其中记有接收端已收到的位置。请运行 matterfs audit verify DIR 查明日志变化(断电后见 audit.recover 记录所列重用的编号),再用 matterfs audit export --once --from 编号 继续"},
	hintExportFile:      {"keep the file as evidence and move it away, or name another; the next export writes a new one, and the log has it all", "请将该文件移走并保留作为证据,或另指定文件;下次导出会写入新文件,日志中内容俱在"},
	hintHook:            {"a hook must be root's and nobody else's to change, with all directories above it: chown root:root COMMAND && chmod 755 COMMAND; or take hooks.alert out of matterfs.yaml", "告警程序及其上各级目录只能由 root 改动:chown root:root 程序 && chmod 755 程序;或从 matterfs.yaml 中删去 hooks.alert"},
	hintFuse:            {"run it as root, with the fuse module loaded (modprobe fuse)", "请以 root 运行,并加载 fuse 模块(modprobe fuse)"},
	hintFactsUnrecorded: {"mount the store, or run it as the account that owns the state directory, so that it can be recorded", "请先挂载该库,或以状态目录所属账户运行,使其得以记入日志"},
}

// String is the language as libraries name it.
func (l lang) String() string {
	if l == zh {
		return "zh"
	}
	return "en"
}
