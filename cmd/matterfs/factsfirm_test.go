package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/policy"
)

// The year of a small firm: six policies, one after the other, and a log that tells when each came into force, who was stopped in
// between, which folder got a level, and who opened what. Facts are made of it here; the reports of them are tested in audit/report,
// which reads both from its testdata.

var firmZone = time.FixedZone("CST", 8*3600)

// firmNow is when the facts are made.
var firmNow = firmAt("2026-11-22 18:00:00")

func firmAt(s string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, s, firmZone)
	if err != nil {
		panic(err)
	}
	return t
}

const firmHead = `version: 1
timezone: Asia/Shanghai
levels:
  秘密: {}
  机密: { purpose: required }
  绝密: { purpose: required, max_readers: 3, deny_roles: [intern, contractor], named_only: true }
roles:
  lawyer: { clearance: 绝密, rights: [read, write, create, delete, rename] }
  intern: { clearance: 秘密, rights: [read] }
  contractor: { clearance: 机密, rights: [read, write], until: required, nda: required }
  staff: { clearance: 秘密, rights: [read] }
duties: { secadmin: [qian.li, wu.di], auditor: [zhou.hua] }
`

// firmPolicies are the texts of the six, each one file.
func firmPolicies() []string {
	users := func(li, wang, fan, sun string) string {
		return "users:\n  zhang.wei: { uid: 10021, role: lawyer, name: 张伟 }\n  li.na: { uid: " + li + ", role: lawyer, name: 李娜 }\n" +
			"  wang.qiang: { uid: 10023, role: lawyer, name: 王强" + wang + " }\n  chen.jie: { uid: 10024, role: lawyer, name: 陈洁 }\n" + sun +
			"  zhou.hua: { uid: 10041, role: staff }\n  qian.li: { uid: 10042, role: staff }\n  wu.di: { uid: 10043, role: staff }\n" + fan
	}
	fan := "  fan.yi: { uid: 10031, role: contractor, name: 范毅, org: 译通翻译, until: 2026-12-31, nda: { ref: NDA-2026-07, signed: 2026-05-08, until: %s } }\n"
	sun := "  sun.li: { uid: 10025, role: intern, name: 孙丽 }\n"
	groups := "groups: { lit: { unix: lit-team }, partners: { members: [zhang.wei, wang.qiang] } }\n"
	wall := "walls: [ { id: W-07, screen: [user: chen.jie], from: [client: C0091], until: 2026-08-31, reason: 曾代理对方当事人 } ]\n"
	a := func(members, folders string) string {
		return "  - matter: \"2026-0142\"\n    client: C0091\n    title: 甲公司诉乙公司买卖合同纠纷\n    level: 机密\n    lead: zhang.wei\n    status: active\n    members:\n" +
			"      - { user: chen.jie, rights: [read], purpose: 旁听 }\n" + members + folders
	}
	b := func(status string) string {
		return "  - { matter: \"2026-0150\", client: C0092, title: 丙银行贷款合同, level: 秘密, lead: li.na, status: " + status + ", members: [ { group: lit, rights: [read] }, { group: partners, rights: [read, write] } ] }\n"
	}
	c := func(lead, member string) string {
		return "  - { matter: \"2026-0177\", client: C0093, title: 丁公司破产重整, level: 秘密, lead: " + lead + ", status: active, members: [ " + member + " ] }\n"
	}
	li := "      - { user: li.na, rights: [read, write, create], until: 2026-09-30, purpose: 证据整理 }\n"
	liReads := "      - { user: li.na, rights: [read], until: 2026-12-31, purpose: 证据整理 }\n"
	translator := "      - { user: fan.yi, rights: [read], until: 2026-11-30, purpose: 翻译 }\n"
	folder := "    folders: [ { path: 鉴定, level: 绝密, only: [user: zhang.wei] } ]\n"
	wang := "{ user: wang.qiang, rights: [read] }"
	return []string{
		firmHead + users("10022", "", "", sun) + groups + wall + "matters:\n" + a("", "") + b("active"),
		firmHead + users("10022", "", "", sun) + groups + wall + "matters:\n" + a(li, "") + b("active"),
		firmHead + users("10022", "", fmt.Sprintf(fan, "2026-09-30"), sun) + groups + wall + "matters:\n" + a(li+translator, folder) + b("active"),
		firmHead + users("10022", "", fmt.Sprintf(fan, "2026-09-30"), sun) + groups + wall + "matters:\n" + a(liReads+translator, folder) + b("active") + c("wang.qiang", ""),
		firmHead + users("10022", ", status: departed, since: 2026-09-15", fmt.Sprintf(fan, "2026-12-15"), sun) + groups + wall + "matters:\n" + a(liReads+translator, folder) + b("active") + c("li.na", wang),
		firmHead + users("10026", ", status: departed, since: 2026-09-15", fmt.Sprintf(fan, "2026-12-15"), "") + groups + "matters:\n" + a(liReads+translator, folder) + b("closed") + c("li.na", wang),
	}
}

// firmLoads is when each came into force.
var firmLoads = []string{"2026-01-05 09:00:00", "2026-03-02 10:00:00", "2026-05-11 10:30:00", "2026-08-03 09:15:00", "2026-09-15 18:00:00", "2026-11-02 09:00:00"}

// firmLine is one record of the log, in the order of FORMAT.md.
type firmLine struct {
	Seq    int    `json:"seq"`
	T      string `json:"t"`
	Ev     string `json:"ev"`
	Res    string `json:"res"`
	User   string `json:"user,omitempty"`
	UID    *int   `json:"uid,omitempty"`
	Comm   string `json:"comm,omitempty"`
	Matter string `json:"matter,omitempty"`
	Client string `json:"client,omitempty"`
	Level  string `json:"level,omitempty"`
	Path   string `json:"path,omitempty"`
	To     string `json:"to,omitempty"`
	FID    string `json:"fid,omitempty"`
	H      int    `json:"h,omitempty"`
	Off    *int64 `json:"off,omitempty"`
	Len    *int64 `json:"len,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Pol    string `json:"pol,omitempty"`
	Flags  string `json:"flags,omitempty"`
	Count  int    `json:"count,omitempty"`
	Note   string `json:"note,omitempty"`
	Prev   string `json:"prev"`
}

// firmStory writes the log.
type firmStory struct {
	t      testing.TB
	hashes []string
	out    bytes.Buffer
	seq, h int
	last   time.Time
	pol    string // of the next record, where it is not the one whose load was recorded last
}

func (f *firmStory) add(at string, r firmLine) {
	when := firmAt(at)
	if when.Before(f.last) {
		f.t.Fatalf("%s is before the record before it", at)
	}
	f.seq++
	f.last, r.Seq, r.T, r.Prev = when, f.seq, when.UTC().Format("2006-01-02T15:04:05.000000Z"), strings.Repeat("0", 64)
	if r.Res == "" {
		r.Res = "ok"
	}
	r.Pol = cmp.Or(r.Pol, f.pol)
	for i, load := range firmLoads {
		if r.Pol == "" && !when.Before(firmAt(load)) && (i+1 == len(firmLoads) || when.Before(firmAt(firmLoads[i+1]))) {
			r.Pol = f.hashes[i]
		}
	}
	e := json.NewEncoder(&f.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		f.t.Fatal(err)
	}
}

var firmUIDs = map[string]int{"zhang.wei": 10021, "li.na": 10022, "wang.qiang": 10023, "chen.jie": 10024, "sun.li": 10025, "fan.yi": 10031, "qian.li": 10042}

// reads is somebody who opens a document, reads all of it and closes it, unless size is negative.
func (f *firmStory) reads(at, user, matter, path, rule string, size int64) {
	uid, zero := firmUIDs[user], int64(0)
	f.h++
	r := firmLine{Ev: "open", User: user, UID: &uid, Comm: "soffice.bin", Matter: matter, Client: "C00" + map[string]string{"2026-0142": "91", "2026-0150": "92", "2026-0177": "93"}[matter],
		Path: path, FID: fmt.Sprintf("%032x", []byte(path)[:min(16, len(path))]), H: f.h, Rule: rule, Flags: "read"}
	f.add(at, r)
	if size < 0 {
		return
	}
	r.Ev, r.Flags, r.Off, r.Len = "read", "", &zero, &size
	f.add(at, r)
	r.Ev, r.Off, r.Len, r.Rule, r.Flags = "close", nil, nil, "", fmt.Sprintf("read=%d,written=0", size)
	f.add(at, r)
}

func (f *firmStory) refused(at, user, ev, matter, rule string, count int) {
	uid := firmUIDs[user]
	f.add(at, firmLine{Ev: ev, Res: "deny", User: user, UID: &uid, Comm: "ls", Matter: matter, Rule: rule, Count: count})
}

func (f *firmStory) load(i int) {
	ev := "policy.reload"
	if i == 0 {
		ev = "policy.load"
	}
	f.add(firmLoads[i], firmLine{Ev: ev, Pol: f.hashes[i], Note: fmt.Sprintf("policy %d", i+1)})
}

func (f *firmStory) tell() {
	by, root := firmUIDs["qian.li"], 0
	f.load(0)
	f.add("2026-01-05 09:00:01", firmLine{Ev: "mount", Note: "/srv/matters"})
	f.reads("2026-01-06 10:00:00", "zhang.wei", "2026-0142", "起诉状.docx", "member.lead", 20000)
	f.refused("2026-02-03 11:00:00", "chen.jie", "lookup", "2026-0142", "wall.W-07", 3)
	f.load(1)
	f.reads("2026-03-03 09:30:00", "li.na", "2026-0142", "证据/合同.pdf", "member.user", 500000)
	f.add("2026-04-01 09:00:00", firmLine{Ev: "policy.reload", Res: "fail", Note: "firm.yaml:3: error"})
	f.load(2)
	f.reads("2026-05-12 14:00:00", "fan.yi", "2026-0142", "译文/合同.docx", "member.user", 80000)
	for day := 1; day <= 9; day++ {
		f.reads(fmt.Sprintf("2026-06-%02d 10:00:00", day), "wang.qiang", "2026-0150", fmt.Sprintf("合同/第%d稿.docx", day), "member.group:partners", 40000)
	}
	f.add("2026-07-03 09:00:00", firmLine{Ev: "matter.freeze", User: "qian.li", UID: &by, Matter: "2026-0142", Note: "保全"})
	f.refused("2026-07-03 15:00:00", "zhang.wei", "open", "2026-0142", "matter.frozen", 0)
	f.add("2026-07-04 17:30:00", firmLine{Ev: "matter.unfreeze", User: "qian.li", UID: &by, Matter: "2026-0142"})
	f.reads("2026-07-20 10:00:00", "li.na", "2026-0142", "证据/合同.pdf", "member.user", 500000)
	f.reads("2026-07-21 10:00:00", "zhang.wei", "2026-0142", "鉴定/报告.pdf", "member.lead", 900000)
	f.reads("2026-07-22 11:00:00", "chen.jie", "2026-0150", "合同/第2稿.docx", "member.group:lit", 40000) // who was in that unix group then
	f.pol = f.hashes[3]                                                                               // it acts a moment before its record
	f.reads("2026-08-03 09:14:59", "wang.qiang", "2026-0177", "申请书.docx", "member.lead", 7000)
	f.pol = ""
	f.load(3)
	f.add("2026-08-10 10:00:00", firmLine{Ev: "user.disable", User: "qian.li", UID: &by, To: "li.na", Note: "电脑遗失"})
	f.refused("2026-08-10 10:30:00", "li.na", "open", "2026-0142", "user.disabled", 5)
	f.add("2026-08-10 12:00:00", firmLine{Ev: "user.enable", User: "qian.li", UID: &by, To: "li.na"})
	f.reads("2026-08-11 09:00:00", "li.na", "2026-0142", "证据/清单.xlsx", "member.user", 30000)
	f.reads("2026-09-02 16:00:00", "chen.jie", "2026-0142", "起诉状.docx", "member.user", 20000)
	for i := range 30 {
		f.reads(fmt.Sprintf("2026-09-11 20:%02d:00", i), "wang.qiang", "2026-0150", fmt.Sprintf("合同/附件%02d.pdf", i), "member.group:partners", 5000000)
	}
	f.reads("2026-09-14 17:00:00", "wang.qiang", "2026-0177", "债权表.xlsx", "member.lead", -1)
	f.add("2026-09-14 18:00:00", firmLine{Ev: "user.disable", UID: &root, To: "wang.qiang", Note: "离职"})
	f.refused("2026-09-14 18:05:00", "wang.qiang", "read", "2026-0177", "user.disabled", 12)
	f.load(4)
	f.refused("2026-09-16 09:00:00", "wang.qiang", "lookup", "", "user.departed", 0)
	f.reads("2026-09-29 11:00:00", "sun.li", "2026-0150", "合同/第1稿.docx", "member.group:lit", 40000)
	f.add("2026-10-10 08:00:00", firmLine{Ev: "relabel", UID: &root, Matter: "2026-0142", Client: "C0091", Level: "绝密", Path: "证据", FID: "00000000000000000000000000000abc", Note: "because: 涉密"})
	f.reads("2026-10-12 10:00:00", "zhang.wei", "2026-0142", "证据/合同.pdf", "member.lead", 500000)
	f.add("2026-10-20 10:00:00", firmLine{Ev: "rename", UID: &root, Matter: "2026-0142", Client: "C0091", Path: "证据", To: "涉密证据", FID: "00000000000000000000000000000abc"})
	f.load(5)
	f.reads("2026-11-10 10:00:00", "fan.yi", "2026-0142", "译文/合同.docx", "member.user", 80000)
}

// buildFirm writes the store's state and log; policies are those that are kept.
func buildFirm(t testing.TB, kept ...int) (state, log string) {
	t.Helper()
	state, log = t.TempDir(), t.TempDir()
	f := &firmStory{t: t}
	for i, text := range firmPolicies() {
		p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(text)})
		if err != nil {
			t.Fatalf("policy %d: %v", i+1, err)
		}
		f.hashes = append(f.hashes, short(p.Hash()))
		dir := filepath.Join(state, archiveName, p.Hash())
		for _, k := range kept {
			if k == i {
				writeFile(t, filepath.Join(dir, "firm.yaml"), text)
			}
		}
	}
	f.tell()
	writeFile(t, filepath.Join(log, "audit.jsonl"), f.out.String())
	return state, log
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
