package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"matterfs/audit/cli"
)

// configText is a matterfs.yaml that says what would be true without it, so
// that a reader sees what can be moved.
func configText(s settings) []byte {
	var b strings.Builder
	b.WriteString("# matterfs.yaml: where the parts of this store lie. Paths are relative to this file.\n" +
		"# 本库各部分的位置;相对路径以本文件所在目录为准。命令行选项优先。\n\n")
	for _, l := range []struct{ key, path, why string }{
		{"data", s.Data, "the encrypted tree; the only thing a data backup holds  加密数据"},
		{"keys", s.Keys, "envelopes and wrapped matter keys; back up apart from data  密钥,须与数据分开备份"},
		{"policy", s.Policy, "the administrators' YAML; root-owned, the daemon never writes here  访问策略"},
		{"log", s.Log, "audit.jsonl  审计日志"},
		{"state", s.State, "the daemon's own: lock, head of the log  运行状态"},
	} {
		fmt.Fprintf(&b, "%-8s %-24s # %s\n", l.key+":", s.relative(l.path), l.why)
	}
	fmt.Fprintf(&b, "\n# How many days records are kept, 183 or more, or never to delete any. 日志保存天数,不少于 183;never 表示永不删除。\n%s: %s\n",
		retentionKey, s.Retention)
	b.WriteString(s.sectionsText())
	b.WriteString("\n# What opens the keys at mount, when it is there. Keep a copy away from this machine.\n" +
		"# 挂载时用来打开密钥的文件;请在本机以外另存一份。\n")
	if s.Identity != "" {
		fmt.Fprintf(&b, "identity: %s\n", s.relative(s.Identity))
	} else {
		b.WriteString("# identity: /media/key/admin.identity\n")
	}
	b.WriteString("# passphrase-file: /root/matterfs.passphrase\n" +
		"\n# Whom the daemon becomes after its root step; it then owns data, keys, log and state.\n" +
		"# 守护进程以 root 完成准备后所用的账户;data、keys、log、state 归其所有。\n")
	if s.User != "" {
		b.WriteString("user: " + quoteYAML(s.User) + "\n")
	} else {
		b.WriteString("# user: matterfs\n")
	}
	return []byte(b.String())
}

// sectionsText shows the sections of the file with what is true without them.
func (s *settings) sectionsText() string {
	var b strings.Builder
	for _, section := range []struct {
		name  string
		lines [][3]string
	}{
		{"audit", [][3]string{
			{"reads: " + s.Reads, "a record covers the reads that follow; each: one for each", "一条记录覆盖随后的读取;each 为逐次记录"},
			{"sync: " + s.Sync, "what a power cut may take; group: every open waits for the disk", "断电最多丢失多久;group 为每次打开都等落盘"},
			{"budget: " + s.Budget, "records a second that one person may cause for long, or off", "每人每秒可持续产生的记录数;off 为不限"},
			{"witness: https://witness.example", "signs the log's checkpoints on another machine", "在别的机器上为检查点签名的见证"},
			{"witness-key: NAME+ID+KEY", "its verifier key, as witness init prints it", "见证公钥,由 witness init 输出"},
		}},
		{"hooks", [][3]string{
			{"alert: /usr/local/sbin/tell", "is told of changes of state; root's, writable by nobody else", "状态变化时运行的告警程序,只能由 root 改动"},
			{"bulk-files: " + s.BulkFiles, "more documents than this within an hour by one person, or never", "一人一小时读取文件数超过此数即为大量"},
			{"bulk-bytes: " + s.BulkBytes, "the same of bytes", "字节数,同上"},
		}},
	} {
		fmt.Fprintf(&b, "\n# %s:\n", section.name)
		for _, l := range section.lines {
			fmt.Fprintf(&b, "#   %-32s # %s  %s\n", l[0], l[1], l[2])
		}
	}
	return b.String()
}

// relative shortens paths in and beside the store, so that it can be moved.
func (s *settings) relative(path string) string {
	rel, err := filepath.Rel(s.Dir, path)
	if err != nil || strings.HasPrefix(rel, "../..") {
		return quoteYAML(path)
	}
	return quoteYAML(rel)
}

// quoteYAML writes any path as one YAML string: without quotes only where no
// reader could take it for a number, a date or null.
func quoteYAML(s string) string {
	odd := strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r))
	})
	switch s {
	case "data", "keys", "policy", "log", "state":
		return s
	}
	if !odd && strings.Contains(s, "/") && !strings.HasPrefix(s, "-") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// printInit tells a person what was made and what comes next.
func (a *app) printInit(r initReport) error {
	lines := []string{a.text(msgInitDone, r.Store), a.text(msgInitPaths)}
	for _, p := range append([]place{{configName, r.Paths.Config}}, r.Paths.places()...) {
		lines = append(lines, fmt.Sprintf("  %-13s %s", p.what, p.path))
	}
	lines = append(lines, a.text(msgInitRecipients))
	for _, k := range r.Recipients {
		lines = append(lines, "  "+k)
	}
	if len(r.Recovery) > 0 {
		lines = append(lines, a.text(msgInitRecovery))
	}
	for _, k := range r.Recovery {
		lines = append(lines, "  "+k)
	}
	if r.Passphrase {
		lines = append(lines, a.text(msgInitPassphrase))
	}
	if r.NewKey {
		lines = append(lines, a.text(msgInitKeepIdentity, r.Paths.Identity))
	}
	lines = append(lines, a.text(msgInitLogKey), "  "+r.LogKey)
	if cli.OnTerminal(a.out) {
		code, err := cli.QRText(r.LogKey)
		if err != nil {
			return err
		}
		lines = append(lines, code)
	}
	firm := filepath.Join(r.Paths.Policy, "firm.yaml")
	lines = append(lines, a.text(msgInitNext, firm, r.Paths.Dir, r.Paths.Dir))
	return a.printf("%s\n", strings.Join(lines, "\n"))
}

// firmTemplate is a policy that loads and grants nobody anything; what is
// commented out in it is an example that loads too (a test takes the comment
// signs away).
const firmTemplate = `# firm.yaml: who belongs to the firm, and how secret things can be.
# Nobody is granted anything yet. Check every change: matterfs policy check DIR
# 本所人员与密级。此文件尚未授予任何人任何权限。修改后请运行 matterfs policy check DIR
version: 1
timezone: Asia/Shanghai

# Levels, low to high. 密级,由低到高。
levels:
  秘密: {}
  机密: { purpose: required }
  绝密: { purpose: required, max_readers: 5 }

# A role only caps what a member may do, it never grants. 角色只限制,不授权。
roles:
  lawyer: { clearance: 绝密, rights: [read, write, create, delete, rename] }
  admin: { clearance: 机密, rights: [read], approval: required }
  contractor: { clearance: 秘密, rights: [read], until: required, nda: required }

# People, by their login name and uid (id -u LOGIN). 人员:登录名与 uid。
#users:
#  zhang.wei: { uid: 10021, role: lawyer, name: 张伟 }
#  li.na: { uid: 10022, role: lawyer, name: 李娜 }

# Who may reload and unmount, who writes this policy, who reads the log. 三员分立。
#duties: { sysadmin: [zhang.wei] }

# One file a matter, in matters/2026-0001.yaml. 每个案件一个文件,放在 matters/ 下:
#
#    matter: "2026-0001"
#    client: C0001
#    title: 示例案件
#    level: 机密
#    lead: zhang.wei
#    status: active
#    members:
#      - { user: li.na, rights: [read, write, create], until: 2099-12-31, purpose: 证据整理 }
`
