package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/crypto/statelog"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// labelOffice is a daemon without a drive and with one folder at 机密.
func labelOffice(t *testing.T) (*daemon, statelog.Relabel) {
	t.Helper()
	s := newStore(t)
	text := strings.Replace(twoYAML, "level: 机密", lowered, 1)
	if err := os.WriteFile(filepath.Join(s.Policy, "matters", "0142.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	d := office(t, s)
	if err := d.provision(d.policy); err != nil {
		t.Fatal(err)
	}
	o, err := d.store.Matters()[0].Root.Mkdir("鉴定", store.NewAttr{Mode: 0o700})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	if err := o.SetLevel("机密"); err != nil {
		t.Fatal(err)
	}
	return d, statelog.Relabel{FID: o.ID().String(), Matter: "2026-0142", Path: "鉴定", From: "机密", To: "秘密",
		Person: statelog.Person{By: "qian.li", UID: 30042, AUID: -1}, Reason: "已公开"}
}

// approved seals that one asked and another agreed.
func (d *daemon) approved(t *testing.T, c statelog.Relabel) {
	t.Helper()
	agree := c
	agree.Person = statelog.Person{By: "wu.di", UID: 30043, AUID: -1}
	if err := d.sealState(self(), statelog.RelabelAsk, c); err != nil {
		t.Fatal(err)
	}
	if err := d.sealState(self(), statelog.RelabelApprove, agree); err != nil {
		t.Fatal(err)
	}
}

func (d *daemon) setLabel(t *testing.T, path, level string) {
	t.Helper()
	m, _ := d.policy.Matter("2026-0142")
	f, err := d.find(m, path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	if err := f.SetLevel(level); err != nil {
		t.Fatal(err)
	}
}

func (d *daemon) labelAt(t *testing.T, path string) string {
	t.Helper()
	m, _ := d.policy.Matter("2026-0142")
	f, err := d.find(m, path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	return f.own
}

// TestCrashAfterApproval: what two people agreed to is done at the next start,
// once, and recorded with both names; also when the crash came after the change.
func TestCrashAfterApproval(t *testing.T) {
	for name, before := range map[string]string{"before the change": "机密", "after the change": "秘密"} {
		t.Run(name, func(t *testing.T) {
			d, c := labelOffice(t)
			d.approved(t, c)
			d.setLabel(t, "鉴定", before)
			s := d.s
			d.close()
			d = office(t, s)
			d.resumeRelabels()
			if got := d.labelAt(t, "鉴定"); got != "秘密" {
				t.Errorf("level %q", got)
			}
			st := d.emergency.inForce.Load()
			if len(st.Relabels()) != 0 || len(st.Labels()) != 1 || st.Labels()[0].To != "秘密" {
				t.Errorf("%+v, %+v", st.Relabels(), st.Labels())
			}
			d.resumeRelabels()
			if n := countRecords(t, s.Log, evRelabel, "lowered from 机密; asked by qian.li, approved by wu.di, because: 已公开"); n != 1 {
				t.Errorf("%d records", n)
			}
		})
	}
}

// TestApprovalsDoNotOutliveTheirReason: a folder that got another level meanwhile,
// is gone, or lies below a higher one, is left alone.
func TestApprovalsDoNotOutliveTheirReason(t *testing.T) {
	for name, change := range map[string]func(d *daemon) error{
		"raised":       func(d *daemon) error { d.setLabel(t, "鉴定", "绝密"); return nil },
		"raised above": func(d *daemon) error { d.setLabel(t, "", "机密"); return nil },
		"gone":         func(d *daemon) error { return d.store.Matters()[0].Root.Rmdir("鉴定") },
	} {
		t.Run(name, func(t *testing.T) {
			d, c := labelOffice(t)
			d.approved(t, c)
			if err := change(d); err != nil {
				t.Fatal(err)
			}
			d.resumeRelabels()
			st := d.emergency.inForce.Load()
			if len(st.Relabels()) != 0 || len(st.Labels()) != 0 || countRecords(t, d.s.Log, statelog.RelabelDrop, "asked by qian.li; ") != 1 {
				t.Errorf("%+v, %+v", st.Relabels(), st.Labels())
			}
			if name == "raised" && d.labelAt(t, "鉴定") != "绝密" {
				t.Errorf("level %q", d.labelAt(t, "鉴定"))
			}
		})
	}
}

// TestNoTwoNamesForOne: who asked and changed their uid since is known by the
// login uid; without that check, the same word counts.
func TestNoTwoNamesForOne(t *testing.T) {
	d, _ := labelOffice(t)
	q := controlRequest{Op: statelog.RelabelAsk, Name: "2026-0142/鉴定", Level: "秘密", Reason: "r"}
	const login = 40001
	if r, err := d.relabel(actor{uid: 30042, auid: login}, q); err != nil || r.State != "waits" {
		t.Fatalf("%+v, %v", r, err)
	}
	q.Op = statelog.RelabelApprove
	if _, err := d.approveRelabel(actor{uid: 30043, auid: login}, q); !asErr[*selfError](err) {
		t.Errorf("%v", err)
	}
	if code, hint := explain(&selfError{}); code != exitNotPermitted || hint != hintSecond {
		t.Errorf("code %d", code)
	}
	if d.labelAt(t, "鉴定") != "机密" {
		t.Fatal("it is lowered")
	}
	if r, err := d.approveRelabel(actor{uid: 30043, auid: -1}, q); err != nil || r.State != "done" || d.labelAt(t, "鉴定") != "秘密" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestALeadBelowALevelHearsOfNoFolder: a lead's role may leave them below the level of
// a folder of their own matter. Asking for a level then tells them no more than of a
// name that there is not.
func TestALeadBelowALevelHearsOfNoFolder(t *testing.T) {
	d, _ := labelOffice(t)
	text := strings.Replace(strings.Replace(twoYAML, "level: 机密", lowered, 1), "lead: zhang.wei", "lead: wu.di", 1)
	if err := os.WriteFile(filepath.Join(d.s.Policy, "matters", "0142.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := d.nextPolicy(nil)
	if err != nil {
		t.Fatal(err)
	}
	d.policy = c.next
	lead := actor{uid: 30043, auid: -1}
	for _, secadmin := range []bool{true, false} {
		said := map[string]bool{}
		for _, name := range []string{"鉴定", "没有"} {
			for _, level := range []string{"秘密", "绝密"} {
				q := controlRequest{Op: statelog.RelabelAsk, Name: "2026-0142/" + name, Level: level, Reason: "r"}
				_, err := d.relabel(lead, q)
				if err == nil {
					err = errNothingWaits
				}
				said[strings.ReplaceAll(err.Error(), name, "")] = true
			}
		}
		if (len(said) == 1) == secadmin {
			t.Errorf("security administrator %v: %d answers: %v", secadmin, len(said), said)
		}
		if secadmin {
			d.setLabel(t, "鉴定", "机密")
			d.policy = withDuties(t, d, "duties: { secadmin: [qian.li, sun.yi] }")
		}
	}
	if d.labelAt(t, "鉴定") != "机密" {
		t.Error("it is raised")
	}
}

// withDuties is the policy on disk with other duties.
func withDuties(t *testing.T, d *daemon, duties string) *policy.Policy {
	t.Helper()
	path := filepath.Join(d.s.Policy, "matters", "0142.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "duties: { secadmin: [qian.li, wu.di, sun.yi] }", duties, 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(d.s.Policy)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestRelabelledFoldersCountForTheTop: a folder raised to the top level by hand is
// a place where access may not be one person's to give.
func TestRelabelledFoldersCountForTheTop(t *testing.T) {
	d, c := labelOffice(t)
	text := strings.Replace(twoYAML, "level: 机密", lowered, 1)
	more := strings.Replace(text, "purpose: p } ]", "purpose: p }, { user: boss, rights: [read], purpose: p } ]", 1)
	more = strings.Replace(more, "  sun.yi:", "  boss: { uid: 30050, role: lawyer }\n  sun.yi:", 1)
	if err := os.WriteFile(filepath.Join(d.s.Policy, "matters", "0142.yaml"), []byte(more), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := d.nextPolicy(nil); err != nil {
		t.Fatal(err)
	}
	c.To = d.policy.TopLevel()
	if err := d.sealState(self(), statelog.RelabelDone, c); err != nil {
		t.Fatal(err)
	}
	if _, err := d.nextPolicy(nil); !asErr[*pendingError](err) {
		t.Errorf("%v", err)
	}
}
