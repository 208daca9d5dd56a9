package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/internal/as"
	"matterfs/policy"
)

// withOwn mounts the firm with people's own folders.
func withOwn(t *testing.T, c *clock) *drive {
	files := firm()
	files["firm.yaml"] = append(files["firm.yaml"], "duties: { secadmin: [sun.li] }\n"...)
	return setup{files: files, now: c.now, own: true}.mount(t)
}

// mine is a path in the own folder of a user.
func (d *drive) mine(login, name string) string {
	return filepath.Join(d.mnt, policy.PersonalPrefix+login, name)
}

// Each person finds in their own folder what they were refused, which rule it was and whom to
// ask; nobody else sees it, and nobody can change it.
func TestOwnFolder(t *testing.T) {
	var c clock
	d := withOwn(t, &c)
	lead, member, stranger := as.Start(t, zhang), as.Start(t, lina), as.Start(t, nobody)
	list := d.mine("li.na", refusedFile)

	member.Lists(d.mnt, matter1, policy.PersonalPrefix+"li.na")
	member.Lists(d.mine("li.na", ""), refusedFile)
	lead.Writes(d.in("合同.txt"), "甲方")
	member.Refused(member.Remove(d.in("合同.txt")), syscall.EACCES)
	text, err := member.ReadFile(list)
	member.Does(err)
	for _, want := range []string{"删除(unlink) \"2026-0142/合同.txt\"", "本案授权不含此项权限 [member.right]。可联系:zhang.wei", "why: the grants in the matter do not include this right [member.right]; ask zhang.wei"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the list lacks %q:\n%s", want, text)
		}
	}
	d.logged("ev", "read", "res", "ok", "user", "li.na", "path", policy.PersonalPrefix+"li.na/"+refusedFile, "rule", "own.folder")

	lead.Lists(d.mnt, matter1, matter2, "2026-0200", policy.PersonalPrefix+"zhang.wei")
	lead.IsDenied(list, syscall.ENOENT)
	stranger.IsDenied(list, syscall.EACCES)
	f := member.Opens(list, os.O_RDONLY, 0)
	theirs, err := f.SendTo(lead)
	lead.Does(err)
	_, err = theirs.ReadAt(0, 100)
	lead.Refused(err, syscall.ENOENT)
	d.logged("ev", "read", "res", "deny", "user", "zhang.wei", "rule", "own.other")
	m, err := f.Map(0, 100, false)
	if err == nil {
		_, err = m.Read(0, 1)
		member.Does(m.Unmap())
	}
	if err == nil {
		t.Error("the list can be mapped")
	}
	member.Does(f.Close())
	lead.Does(theirs.Close())

	member.CannotWrite(list, syscall.EACCES)
	member.Refused(member.Mkdir(d.mine("li.na", "新")), syscall.EACCES)
	member.Refused(member.Remove(list), syscall.EACCES)
	member.Refused(member.Truncate(list, 0), syscall.EACCES)
	member.Refused(member.Rename(list, d.in("x")), syscall.EACCES)
	member.Refused(member.Chmod(list, 0o777), syscall.EACCES)
	lead.Refused(lead.Mkdir(d.mine("x", "")), syscall.EACCES)
	d.logged("res", "deny", "user", "li.na", "rule", "own.fixed")
	d.logged("ev", "mkdir", "res", "deny", "user", "zhang.wei", "rule", "root.fixed")
}

// Nothing in a list tells whether a name that somebody tried exists.
func TestListsConfirmNothing(t *testing.T) {
	var c clock
	d := withOwn(t, &c)
	lead, outside, member := as.Start(t, zhang), as.Start(t, other), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	said := map[string]string{}
	for _, name := range []string{matter1, "2026-0999"} {
		outside.IsDenied(filepath.Join(d.mnt, name), syscall.ENOENT)
		outside.Refused(outside.Mkdir(filepath.Join(d.mnt, name)), syscall.EACCES)
		text, err := outside.ReadFile(d.mine("sun.li", refusedFile))
		outside.Does(err)
		_, line, _ := strings.Cut(string(text), fmt.Sprintf("%q", name))
		line, _, _ = strings.Cut(line, "\n\n")
		said[name] = line
	}
	if a, b := said[matter1], said["2026-0999"]; a != b || !strings.Contains(a, policy.HiddenText("zh")) || strings.Contains(a, "zhang") {
		t.Errorf("a hidden matter: %q\nan absent one: %q", a, b)
	}
	member.IsDenied(d.in("鉴定"), syscall.ENOENT)
	if text, err := member.ReadFile(d.mine("li.na", refusedFile)); err != nil || strings.Contains(string(text), "鉴定") {
		t.Errorf("%v: the list tells of a hidden folder:\n%s", err, text)
	}
	member.Refused(member.Rename(d.in(""), d.mnt+"/x"), syscall.EACCES)
	d.srv.SetPolicy(parse(t, dismissed())) // what they knew of, they know of no more
	for _, r := range d.srv.fs.reasons(lina, "li.na") {
		if r.Rule != "root.fixed" && r.Rule != "" {
			t.Errorf("after the member left: %+v", r)
		}
	}
}

// why answers as the drive does, in words, and confirms nothing either.
func TestWhy(t *testing.T) {
	var c clock
	d := withOwn(t, &c)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	lead.Writes(d.in("鉴定/意见"), "x")
	lead.Writes(d.in("合同"), "x")
	for _, q := range []struct {
		uid  uint32
		path string
		ok   bool
		rule string
	}{
		{lina, "", true, "root"},
		{lina, matter1 + "/合同", true, "member.user"},
		{lina, matter1, true, "member.user"},
		{lina, matter1 + "/鉴定", false, ""},
		{lina, matter1 + "/鉴定/意见", false, ""},
		{lina, matter1 + "/没有", false, ""},
		{lina, matter1 + "/合同/x", false, ""},
		{lina, matter2, false, ""},
		{lina, "2026-0999", false, ""},
		{lina, policy.PersonalPrefix + "li.na", true, "own.folder"},
		{lina, policy.PersonalPrefix + "zhang.wei", false, ""},
		{zhang, matter1 + "/鉴定/意见", true, "member.lead"},
		{zhang, "2026-0200/x", false, "need.second"},
		{wang, matter1, false, "user.departed"},
		{nobody, matter1, false, "user.unknown"},
	} {
		r := d.srv.Why(q.uid, q.path)
		if r.Allowed != q.ok || r.Rule != q.rule || r.Path != q.path {
			t.Errorf("uid %d asks about %q: %+v, want %v by %q", q.uid, q.path, r, q.ok, q.rule)
		}
		if !q.ok && q.rule == "" && (r.ZH != policy.HiddenText("zh") || fmt.Sprint(r.Ask) != "[sun.li]") {
			t.Errorf("%q is told as %q, ask %q", q.path, r.ZH, r.Ask)
		}
	}
	if _, ok := d.srv.LastRefusal(lina); ok {
		t.Error("nothing was refused yet")
	}
	member.Refused(member.Remove(d.in("合同")), syscall.EACCES)
	if r, ok := d.srv.LastRefusal(lina); !ok || r.Rule != "member.right" || r.Path != matter1+"/合同" {
		t.Errorf("the last refusal: %+v, %v", r, ok)
	}
	if _, ok := d.srv.LastRefusal(nobody); ok {
		t.Error("a stranger has refusals")
	}
}

// A damaged folder is absent for who might not be to see it, and damaged for who may.
func TestDamagedFolderIsAbsent(t *testing.T) {
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	d.srv.SetPolicy(parse(t, openTop(withoutFolders()))) // from here on only the seal hides it
	forgetAll(t, d, 1)
	damageFolder(t, d.path("data"))
	_, err := member.Stat(d.in("鉴定"))
	member.Refused(err, syscall.ENOENT)
	d.logged("ev", "lookup", "res", "deny", "user", "li.na", "path", "鉴定", "rule", "level.clearance")
	_, err = lead.Stat(d.in("鉴定"))
	lead.Refused(err, syscall.EIO)
	if r := d.srv.Why(lina, matter1+"/鉴定"); r.Allowed || r.Rule != "" {
		t.Errorf("why says %+v", r)
	}
}

// What was refused before a restart is taken from the log.
func TestRecall(t *testing.T) {
	var c clock
	d := withOwn(t, &c)
	at := c.now().Add(-time.Hour)
	rec := func(ev, user string, uid uint32, matter, path, rule string) *audit.Parsed {
		return &audit.Parsed{Time: at, Record: audit.Record{Ev: ev, Res: "deny", User: user, UID: uid, HasUID: true, Matter: matter, Path: path, Rule: rule}}
	}
	for _, r := range []*audit.Parsed{
		rec("unlink", "li.na", lina, matter1, "合同", "member.right"),
		rec("lookup", "li.na", lina, matter2, "", "member.none"),
		rec("lookup", "li.na", lina, "", "2026-0999", "matter.unknown"),
		rec("lookup", "li.na", lina, matter1, "鉴定", "level.clearance"),
		rec("open", "old.user", lina, matter1, "合同", "member.right"), // the uid was somebody else's
		rec("open", "", nobody, matter1, "合同", "user.unknown"),
	} {
		d.srv.Recall(r)
	}
	var got []string
	for _, r := range d.srv.fs.reasons(lina, "li.na") {
		got = append(got, r.Path+" "+r.Rule)
	}
	want := []string{"2026-0999 ", matter2 + " ", matter1 + "/合同 member.right"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("recalled %q, want %q", got, want)
	}
	c.forward(noticesKept)
	if left := d.srv.fs.reasons(lina, "li.na"); left != nil {
		t.Errorf("after a month: %+v", left)
	}
}

// The list is bounded, newest last, and repeats are one entry.
func TestNoticesAreBounded(t *testing.T) {
	s, at := newNotices(), time.Unix(1_000_000, 0)
	for i := range 3 * maxNotices {
		s.add(1, notice{path: fmt.Sprint(i), at: at.Add(time.Duration(i)), count: 1})
		s.add(1, notice{path: fmt.Sprint(i), at: at.Add(time.Duration(i)), count: 1})
	}
	list := s.list(1, time.Time{})
	if len(list) != maxNotices || list[0].path != fmt.Sprint(3*maxNotices-1) || list[0].count != 2 {
		t.Errorf("%d notices, the first %+v", len(list), list[0])
	}
	if got := s.list(1, list[1].at); len(got) != 1 {
		t.Errorf("%d notices since the last but one", len(got))
	}
}
