package main

import (
	"slices"
	"strconv"
	"strings"
)

// sambaFinding is a setting that is not as a share on the drive needs it.
type sambaFinding struct {
	Section string `json:"section"` // where to put it
	Setting string `json:"setting"`
	Value   string `json:"value"` // empty: not set
	Want    string `json:"want"`
	Harm    string `json:"harm"`
}

// smbRule says what a setting must be. unset tells whether Samba's own default is as good.
type smbRule struct {
	setting    string
	serverWide bool // only [global] counts
	want       string
	fits       func(value, want string) bool
	unset      bool
	harm       [2]string // by lang
}

// The harms that several settings share.
var (
	harmMixedUsers = [2]string{"two sessions of one connection read and write under each other's uid",
		"同一连接上的两个会话会以对方的身份读写"}
	harmClientCache = [2]string{"clients keep contents after a revocation and read them without a record",
		"撤权后客户端仍有缓存，且从缓存读取不留记录"}
	harmModeBits = [2]string{"smbd refuses members of a matter by owner and mode bits before the policy is asked",
		"策略尚未判定，smbd 即按属主和权限位拒绝案件成员"}
	harmLocalBits = [2]string{"programs on the server that look at mode bits refuse what colleagues saved through the share",
		"服务器本机上检查权限位的程序打不开同事经共享保存的文件"}
	harmWrongUser = [2]string{"the policy decides for, and the log names, somebody other than the person who logged on",
		"策略判定和日志记载的都不是实际登录的人"}
)

// smbRules is contrib/smb.conf as a list of demands; the tests hold the two together.
var smbRules = []smbRule{
	{"server smb encrypt", false, "required", sameWord, false,
		[2]string{"documents cross the network in the clear", "文件在网络上明文传输"}},
	{"map to guest", true, "never", sameWord, true, harmWrongUser},
	{"change notify", true, "no", sameWord, false,
		[2]string{"smbd tells people outside a matter the names of files that change in it", "smbd 会把案件内变动的文件名告知案外人员"}},
	{"smb2 leases", true, "no", sameWord, false, harmClientCache},
	{"aio read size", false, "0", sameWord, false, harmMixedUsers},
	{"aio write size", false, "0", sameWord, false, harmMixedUsers},
	{"smbd async dosmode", false, "no", sameWord, true, harmMixedUsers},
	{"use sendfile", false, "no", sameWord, true,
		[2]string{"pages are served from the kernel's cache without a record", "内核缓存中的页直接发出，不留记录"}},
	{"oplocks", false, "no", sameWord, false, harmClientCache},
	{"level2 oplocks", false, "no", sameWord, false, harmClientCache},
	{"csc policy", false, "disable", sameWord, false, harmClientCache},
	{"vfs objects", false, "acl_xattr", hasWord, false, harmModeBits},
	{"acl_xattr:ignore system acls", false, "yes", sameWord, false, harmModeBits},
	{"acl_xattr:default acl style", false, "everyone", sameWord, false, harmModeBits},
	{"nt acl support", false, "no", sameWord, false,
		[2]string{"Windows offers to set permissions that the drive does not keep, and ends in errors", "Windows 会提供设置权限的界面，但盘上并不保存，结果只是报错"}},
	{"create mask", false, "0666", hasBits, false, harmLocalBits},
	{"force create mode", false, "0666", hasBits, false, harmLocalBits},
	{"directory mask", false, "0777", hasBits, false, harmLocalBits},
	{"force directory mode", false, "0777", hasBits, false, harmLocalBits},
	{"inherit owner", false, "no", sameWord, true, harmWrongUser},
	{"force user", false, "nobody in particular (remove it)", isEmpty, true, harmWrongUser},
	{"admin users", false, "nobody (remove it)", isEmpty, true, harmWrongUser},
	{"guest ok", false, "no", sameWord, true, harmWrongUser},
	{"wide links", false, "no", sameWord, true,
		[2]string{"a link that a member makes leads the others out of the drive", "成员所建的链接会把他人引到盘外"}},
}

// check holds a share against the rules.
func (c *smbConf) check(share string, l lang) []sambaFinding {
	var found []sambaFinding
	for _, r := range smbRules {
		value, set := c.value(share, r.setting, r.serverWide)
		if set && r.fits(value, r.want) || !set && r.unset {
			continue
		}
		section := share
		if r.serverWide {
			section = globalSection
		}
		found = append(found, sambaFinding{section, r.setting, value, r.want, r.harm[l]})
	}
	return found
}

// smbWords are the other spellings of values.
var smbWords = map[string]string{
	"true": "yes", "1": "yes", "on": "yes", "false": "no", "off": "no",
	"mandatory": "required", "force": "required", "forced": "required", "enforced": "required",
}

// smbWord is a value as it is compared. 0 is a number here: no switch of the rules may be spelled so by testparm.
func smbWord(v string) string {
	v = strings.ToLower(strings.TrimSpace(v))
	if w, ok := smbWords[v]; ok {
		return w
	}
	return v
}

func sameWord(value, want string) bool {
	return smbWord(value) == want || want == "no" && value == "0"
}

func hasWord(value, want string) bool {
	return slices.Contains(strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }), want)
}

func hasBits(value, want string) bool {
	v, err := strconv.ParseUint(value, 8, 32)
	w, werr := strconv.ParseUint(want, 8, 32)
	return err == nil && werr == nil && v&w == w
}

func isEmpty(value, _ string) bool { return strings.TrimSpace(value) == "" }
