package main

// doctorText is what a finding says and what to do about it, in English and
// Chinese. %[N]s is the finding's N-th value.
type doctorText struct{ text, fix [2]string }

var unseenText = doctorText{[2]string{"could not be looked at: %[1]s", "无法查看:%[1]s"}, [2]string{"run it as root to see this too", "以 root 运行可查看此项"}}

// doctorTexts has a row for each CHECK.CODE that the checks can return; a test
// goes through all of them.
var doctorTexts = map[string]doctorText{
	"kernel.ok":       {text: [2]string{"kernel %[1]s", "内核 %[1]s"}},
	"kernel.noepoch":  {text: [2]string{"kernel %[1]s: a new policy drops cached names one by one (at once from 6.16 on)", "内核 %[1]s:新策略逐个清除缓存的名称(6.16 起可一次清除)"}},
	"kernel.old":      {[2]string{"kernel %[1]s: shared writable mappings (sqlite WAL, some editors) do not work on the drive", "内核 %[1]s:共享可写映射(sqlite WAL、部分编辑器)在此盘上不可用"}, [2]string{"install a kernel of 6.6 or newer (Debian: backports)", "请安装 6.6 或更新的内核(Debian:backports)"}},
	"kernel.unknown":  {[2]string{"kernel %[1]q: not understood", "内核 %[1]q:无法识别版本"}, [2]string{"it should be 6.6 or newer", "应为 6.6 或更新"}},
	"fuse.ok":         {text: [2]string{"/dev/fuse opens", "/dev/fuse 可用"}},
	"fuse.none":       {[2]string{"/dev/fuse does not open: %[1]s", "/dev/fuse 无法打开:%[1]s"}, [2]string{"modprobe fuse; in a container pass the device in", "请运行 modprobe fuse;容器中请传入该设备"}},
	"fusermount.ok":   {text: [2]string{"%[1]s, user_allow_other is set", "%[1]s,已设 user_allow_other"}},
	"fusermount.none": {[2]string{"fusermount3 is not installed: only root can clear a dead mount", "未安装 fusermount3:只有 root 能清除失效的挂载"}, [2]string{"apt-get install fuse3", "请运行:apt-get install fuse3"}},
	"fusermount.noallow": {text: [2]string{"%[1]s; user_allow_other is not set in /etc/fuse.conf, and matterfs, which root mounts, does not need it",
		"%[1]s;/etc/fuse.conf 未设 user_allow_other,matterfs 由 root 挂载,不需要它"}},
	"clock.ok":         {text: [2]string{"the clock is synchronised", "时钟已同步"}},
	"clock.unsynced":   {[2]string{"the clock is not synchronised: records, terms (`until`) and expiry go by it", "时钟未同步:日志时间、期限(until)均以其为准"}, [2]string{"run chrony, ntpd or systemd-timesyncd", "请运行 chrony、ntpd 或 systemd-timesyncd"}},
	"swap.none":        {text: [2]string{"no swap", "没有交换区"}},
	"swap.ok":          {text: [2]string{"all swap is encrypted or in memory", "交换区均已加密或位于内存"}},
	"swap.open":        {[2]string{"swap that is not known to be encrypted: %[1]s; content and cipher schedules of open files can reach it", "交换区未见加密:%[1]s;打开的文件内容和密钥展开可能写入其中"}, [2]string{"swapoff, or put swap on dm-crypt with a random key (crypttab: swap)", "请 swapoff,或用 dm-crypt 随机密钥加密(crypttab 的 swap 选项)"}},
	"daemon.ok":        {text: [2]string{"pid %[1]s serves the store on %[2]s", "进程 %[1]s 正在 %[2]s 上提供本库"}},
	"daemon.none":      {text: [2]string{"no daemon serves the store", "没有守护进程提供本库"}},
	"daemon.dead":      {[2]string{"the daemon of %[1]s is gone and its mount is dead", "%[1]s 的守护进程已不在,挂载已失效"}, [2]string{"mount anew, which clears it, or matterfs umount %[1]s", "重新挂载即可清除,或运行 matterfs umount %[1]s"}},
	"daemon.degraded":  {[2]string{"pid %[1]s is degraded", "进程 %[1]s 处于降级状态"}, [2]string{"matterfs status names what is wrong and the way out", "matterfs status 会指出问题和办法"}},
	"user.ok":          {text: [2]string{"the daemon runs as uid %[1]s, without capabilities", "守护进程以 uid %[1]s 运行,不具特权"}},
	"user.root":        {[2]string{"the daemon runs as root", "守护进程以 root 运行"}, [2]string{"give it an account: user: in matterfs.yaml or mount --user; README, An account of its own", "请指定专用账户:matterfs.yaml 的 user: 或 mount --user;见 README"}},
	"keys.disk.ok":     {text: [2]string{"keys and data lie on different file systems", "密钥与数据位于不同的文件系统"}},
	"keys.disk.same":   {[2]string{"keys and data lie on one file system: a snapshot of it defeats destruction by key", "密钥与数据在同一文件系统:对它做快照会使销毁密钥失去作用"}, [2]string{"move keys/ to another file system and name it in matterfs.yaml", "请将 keys/ 移到另一文件系统,并在 matterfs.yaml 中写明"}},
	"log.disk.ok":      {text: [2]string{"log and data lie on different file systems", "日志与数据位于不同的文件系统"}},
	"log.disk.same":    {[2]string{"log and data lie on one file system: when documents fill it nothing can be recorded, and nothing is served", "日志与数据在同一文件系统:文件占满后无法写日志,随即停止服务"}, [2]string{"give log/ a file system of its own and name it in matterfs.yaml", "请为 log/ 另设文件系统,并在 matterfs.yaml 中写明"}},
	"replicas.ok":      {text: [2]string{"%[1]s copies of the keys are known", "已知 %[1]s 份密钥副本"}},
	"replicas.few":     {[2]string{"%[1]s copy of the keys is known, the one in use: who loses it loses every matter", "已知密钥副本仅 %[1]s 份,即在用的这份:丢失即失去全部案件"}, [2]string{"copy keys/ to another machine after each new matter, apart from the data; README, Keys, backup, restore", "每新建案件后,请将 keys/ 复制到另一台机器,与数据分开;见 README"}},
	"log.time.ok":      {text: [2]string{"the last record is of %[1]s", "最后一条记录的时间为 %[1]s"}},
	"log.time.empty":   {text: [2]string{"the log has no record yet", "日志尚无记录"}},
	"log.time.behind":  {[2]string{"the clock is %[1]s behind the last record (%[2]s): it was put back, or ran fast before", "时钟比最后一条记录(%[2]s)落后 %[1]s:时钟被调回,或此前走快"}, [2]string{"set the clock right; records keep the later time until it is reached", "请校准时钟;在到达该时间前,记录沿用较晚的时间"}},
	"core.ok":          {text: [2]string{"the daemon is kept out of core files (core_pattern: %[1]s)", "守护进程不会写入 core 文件(core_pattern:%[1]s)"}},
	"core.dumpable":    {[2]string{"the running daemon can be dumped and traced (core_pattern: %[1]s)", "运行中的守护进程可被转储和跟踪(core_pattern:%[1]s)"}, [2]string{"somebody changed it from outside: mount anew, and find out who", "有人从外部改动了它:请重新挂载并查明原因"}},
	"memlock.ok":       {text: [2]string{"%[1]s KiB may be locked in memory", "可锁定内存 %[1]s KiB"}},
	"memlock.low":      {[2]string{"only %[1]s KiB may be locked in memory: keys may reach the swap", "仅可锁定内存 %[1]s KiB:密钥可能被换出"}, [2]string{"LimitMEMLOCK=64M in the unit, or ulimit -l", "请在 unit 中设 LimitMEMLOCK=64M,或用 ulimit -l"}},
	"policy.ok":        {text: [2]string{"the policy loads, its tests pass, it is root's and closed to others", "策略可载入,测试通过,属于 root 且不对外公开"}},
	"policy.bad":       {[2]string{"a mount would refuse the policy: %[1]s", "挂载会拒绝此策略:%[1]s"}, [2]string{"matterfs policy check DIR names every mistake; chown -R root:root, chmod -R go-w", "matterfs policy check DIR 会列出每处错误;chown -R root:root,chmod -R go-w"}},
	"policy.exposed":   {[2]string{"others can read the policy, which names clients and walls", "他人可以读取策略,其中载有客户和隔离墙"}, [2]string{"chmod -R o-rwx POLICY", "请运行:chmod -R o-rwx POLICY"}},
	"groups.ok":        {text: [2]string{"the system answers about users and groups, and knows every unix group of the policy", "系统可答复用户和组的查询,并认识策略中的全部 unix 组"}},
	"groups.unknown":   {[2]string{"unix groups of the policy that the system does not know: %[1]s; nobody is a member, and walls against them stand for everybody", "策略中的 unix 组系统不认识:%[1]s;其成员视为无,针对它们的隔离墙对所有人生效"}, [2]string{"make them (groupadd, LDAP), or mend `unix:` in the policy", "请建立这些组(groupadd、LDAP),或修正策略中的 unix:"}},
	"groups.slow":      {[2]string{"the system takes %[1]s to answer about groups", "系统答复组查询需 %[1]s"}, [2]string{"look at the directory service, or let sssd cache", "请检查目录服务,或启用 sssd 缓存"}},
	"groups.silent":    {[2]string{"the system does not answer about groups: %[1]s", "系统不答复组的查询:%[1]s"}, [2]string{"mend the directory service: getent group root must answer at once", "请修复目录服务:getent group root 应立即有结果"}},
	"timezone.ok":      {text: [2]string{"policy and machine agree on the time of day (%[1]s)", "策略与本机的时区一致(%[1]s)"}},
	"timezone.differs": {[2]string{"terms end by %[1]s, but this machine's clock shows %[2]s against it, and so does audit tail", "期限按 %[1]s 计算,本机时间与之相差 %[2]s,audit tail 亦按本机时间显示"}, [2]string{"timedatectl set-timezone, or read times with that in mind (the log itself is in UTC)", "请运行 timedatectl set-timezone,或阅读时注意换算(日志本身为 UTC)"}},
	"samba.none":       {text: [2]string{"Samba shares no drive here", "本机没有通过 Samba 共享的盘"}},
	"samba.ok":         {text: [2]string{"Samba shares the drive as it should: %[1]s", "Samba 共享设置正确:%[1]s"}},
	"samba.bad":        {[2]string{"%[1]s settings of %[2]s are missing or wrong", "%[2]s 有 %[1]s 项设置缺失或有误"}, [2]string{"matterfs samba check names each, and the harm", "matterfs samba check 会逐项说明及其危害"}},

	"space.ok":     {text: [2]string{"%[1]s MiB free (%[2]s %%), %[3]s inodes", "剩余 %[1]s MiB(%[2]s %%),inode %[3]s"}},
	"space.low":    {[2]string{"%[1]s MiB free (%[2]s %%), %[3]s inodes", "剩余 %[1]s MiB(%[2]s %%),inode %[3]s"}, [2]string{"make room before it runs out: without log nothing is served", "请尽快腾出空间:写不了日志就停止服务"}},
	"space.out":    {[2]string{"%[1]s MiB free (%[2]s %%), %[3]s inodes: full", "剩余 %[1]s MiB(%[2]s %%),inode %[3]s:已满"}, [2]string{"make room now", "请立即腾出空间"}},
	"sync.ok":      {text: [2]string{"a durable write takes %[1]s", "一次落盘写入 %[1]s"}},
	"sync.slow":    {[2]string{"a durable write takes %[1]s: saves and opens wait for it", "一次落盘写入 %[1]s:保存和打开都要等待"}, [2]string{"use a disk with a write cache that survives power loss, or look for what else writes to it", "请使用带掉电保护缓存的磁盘,或查看还有谁在写"}},
	"sync.stuck":   {[2]string{"a durable write takes %[1]s: the disk is failing or overloaded", "一次落盘写入 %[1]s:磁盘故障或过载"}, [2]string{"look at dmesg and smartctl", "请查看 dmesg 与 smartctl"}},
	"mode.ok":      {text: [2]string{"%[1]s (%[2]s)", "%[1]s(%[2]s)"}},
	"mode.owner":   {[2]string{"%[1]s belongs to uid %[2]s", "%[1]s 属于 uid %[2]s"}, [2]string{"chown %[3]s %[1]s", "请运行:chown %[3]s %[1]s"}},
	"mode.written": {[2]string{"%[1]s (%[2]s) can be changed by others", "%[1]s(%[2]s)可被他人改动"}, [2]string{"chmod go-w %[1]s", "请运行:chmod go-w %[1]s"}},
	"mode.read":    {[2]string{"%[1]s (%[2]s) can be read by others", "%[1]s(%[2]s)可被他人读取"}, [2]string{"chmod o-rwx %[1]s; keys, state and what opens the keys: chmod go-rwx", "请运行:chmod o-rwx %[1]s;密钥、状态和身份文件用 chmod go-rwx"}},
}
