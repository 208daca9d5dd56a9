package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/crypto/statelog"
	"matterfs/policy"
)

// twoYAML is firmYAML with people to approve; the member has no clearance for
// the level of the matter.
const twoYAML = `roles: { junior: { clearance: 秘密, rights: [read] }, senior: { clearance: 机密, rights: [read] } }
users:
  zhang.wei: { uid: 30021, role: lawyer }
  li.na: { uid: 30022, role: junior }
  qian.li: { uid: 30042, role: junior }
  wu.di: { uid: 30043, role: junior }
  sun.yi: { uid: 30044, role: junior }
duties: { secadmin: [qian.li, wu.di, sun.yi] }
matters:
  - { matter: "2026-0142", client: C0091, level: 机密, lead: zhang.wei, members: [ { user: li.na, rights: [read], purpose: p } ] }
`

const lowered = "level: 秘密"

// TestOneEditLowersNothing: an administrator with an editor lowers a level. With
// one security administrator it acts; with two it does not, whichever way the
// file came, and whatever is done to the daemon.
func TestOneEditLowersNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		duties string
		errno  syscall.Errno // 0: the attack succeeds
	}{
		{"one", "duties: { secadmin: [qian.li] }", 0},
		{"two", "duties: { secadmin: [qian.li, wu.di] }", syscall.EACCES},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFirm(t)
			path := filepath.Join(f.s.Policy, "matters", "0142.yaml")
			text := strings.Replace(twoYAML, "duties: { secadmin: [qian.li, wu.di, sun.yi] }", c.duties, 1)
			f.write(path, text)
			f.mount()
			lead, member := f.user(leadUID), f.user(memberUID)
			doc := filepath.Join(f.matter(), "甲.txt")
			lead.Writes(doc, "甲方")
			member.IsDenied(doc, syscall.EACCES)
			outcome := func() {
				t.Helper()
				if c.errno == 0 {
					member.Reads(doc, "甲方")
				} else {
					member.IsDenied(doc, c.errno)
				}
			}
			f.write(path, strings.Replace(text, "level: 机密", lowered, 1))
			f.exec("policy", "reload", f.s.Dir)
			outcome()
			f.kill()
			f.mount()
			outcome()
			f.umount()
			f.mount()
			outcome()
			f.umount()
			f.verified()
		})
	}
}

// held is a daemon, a change that lowers a level, and what waits.
func held(t *testing.T) (*daemon, *policyChange) {
	t.Helper()
	s := newStore(t)
	path := filepath.Join(s.Policy, "matters", "0142.yaml")
	if err := os.WriteFile(path, []byte(twoYAML), 0o644); err != nil {
		t.Fatal(err)
	}
	d := office(t, s)
	if err := os.WriteFile(path, []byte(strings.Replace(twoYAML, "level: 机密", lowered, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := d.nextPolicy(nil)
	if !asErr[*pendingError](err) {
		t.Fatalf("nothing waits: %v", err)
	}
	return d, c
}

func (d *daemon) says(t *testing.T, c *policyChange, by string, uid uint32, auid int64) {
	t.Helper()
	a := statelog.Approval{Old: c.old.Hash(), New: c.next.Hash(), Person: statelog.Person{By: by, UID: uid, AUID: auid}}
	if err := d.sealState(self(), statelog.PolicyApprove, a); err != nil {
		t.Fatal(err)
	}
}

// TestWordsThatCount: two people, both still security administrators, both
// within the week, of whom one is not the other under a second name.
func TestWordsThatCount(t *testing.T) {
	const day = 24 * time.Hour
	type word struct {
		by   string
		uid  uint32
		auid int64
	}
	qian, wu := word{"qian.li", 30042, -1}, word{"wu.di", 30043, -1}
	for name, c := range map[string]struct {
		words   []word
		after   time.Duration
		missing int
	}{
		"two":                      {[]word{qian, wu}, 0, 0},
		"two, on the last day":     {[]word{qian, wu}, 7*day - time.Minute, 0},
		"two, too late":            {[]word{qian, wu}, 7 * day, 2},
		"one":                      {[]word{qian}, 0, 1},
		"one twice":                {[]word{qian, qian}, 0, 1},
		"one by su":                {[]word{{"qian.li", 30042, 30042}, {"wu.di", 30043, 30042}}, 0, 1},
		"both from root's console": {[]word{{"qian.li", 30042, 7}, {"wu.di", 30043, 7}}, 0, 1},
		"from their own logins":    {[]word{{"qian.li", 30042, 30042}, {"wu.di", 30043, 30043}}, 0, 0},
		"a member":                 {[]word{qian, {"li.na", 30022, -1}}, 0, 1},
		"root":                     {[]word{qian, {"", 0, -1}}, 0, 1},
		"a uid with another name":  {[]word{qian, {"wu.di", 30044, -1}}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			d, change := held(t)
			for _, w := range c.words {
				d.says(t, change, w.by, w.uid, w.auid)
			}
			var wait *pendingError
			err := d.needsSecond(change, time.Now().Add(c.after))
			if errors.As(err, &wait) != (c.missing > 0) || wait != nil && wordsNeeded-len(wait.words) != c.missing {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDisabledHaveNoWord: a word stops counting when its speaker is stopped.
func TestDisabledHaveNoWord(t *testing.T) {
	d, c := held(t)
	d.says(t, c, "qian.li", 30042, -1)
	d.says(t, c, "wu.di", 30043, -1)
	if err := d.needsSecond(c, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := d.ask(statelog.UserDisable, "qian.li"); err != nil {
		t.Fatal(err)
	}
	if err := d.needsSecond(c, time.Now()); !asErr[*pendingError](err) {
		t.Errorf("%v", err)
	}
	d.says(t, c, "sun.yi", 30044, -1)
	if err := d.needsSecond(c, time.Now()); err != nil {
		t.Errorf("%v", err)
	}
}

// TestUnwrittenListSurvivesWords: a word does not undo what acts although it
// could not be written.
func TestUnwrittenListSurvivesWords(t *testing.T) {
	d, c := held(t)
	path, away := filepath.Join(d.s.State, stateLogName), filepath.Join(d.s.State, "away")
	rename(t, path, away)
	if err := d.ask(statelog.UserDisable, "li.na"); !asErr[*unwrittenError](err) {
		t.Fatal(err)
	}
	a := statelog.Approval{Old: c.old.Hash(), New: c.next.Hash(), Person: statelog.Person{UID: 30042, AUID: -1}}
	if err := d.sealState(self(), statelog.PolicyApprove, a); err == nil {
		t.Error("sealed without a file")
	}
	if !d.emergency.disabled("li.na") {
		t.Error("li.na is back")
	}
	rename(t, away, path)
	d.says(t, c, "qian.li", 30042, -1)
	if !d.emergency.disabled("li.na") || len(d.emergency.rest()) != 0 {
		t.Error("li.na is back, or not written")
	}
}

// TestStartBelievesOnlyTheRightCopy: a kept policy that was exchanged is not what
// the files are held against.
func TestStartBelievesOnlyTheRightCopy(t *testing.T) {
	d, c := held(t)
	d.keepPolicy() // does not: the files are others by now
	if err := os.MkdirAll(filepath.Join(d.s.State, archiveName), 0o700); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(d.s.State, archiveName, c.old.Hash())
	if err := copyYAML(wrong, d.s.Policy); err != nil {
		t.Fatal(err)
	}
	if err := d.remember(self(), c.old); err != nil {
		t.Fatal(err)
	}
	d.policy = c.next
	if err := d.startPolicy(t.Context()); !asErr[*lostPolicyError](err) || !strings.Contains(err.Error(), "holds another policy") {
		t.Errorf("%v", err)
	}
	if code, hint := explain(&lostPolicyError{"a", "b", os.ErrNotExist}); code != exitPolicy || hint != hintPolicyLost {
		t.Errorf("code %d", code)
	}
}

// TestRememberOnlyWhatMatters: a firm without two to ask leaves no record, and the
// alarm about what root did goes on over later changes.
func TestRememberOnlyWhatMatters(t *testing.T) {
	d, c := held(t)
	alone := mustPolicy(t, strings.Replace(twoYAML, "[qian.li, wu.di, sun.yi]", "[qian.li]", 1))
	before := d.emergency.log.Head()
	if err := d.remember(self(), alone); err != nil || d.emergency.log.Head() != before {
		t.Errorf("%v, %v", err, d.emergency.log.Head())
	}
	if err := d.sealAlone(self(), c.old, c.next, "r"); err != nil {
		t.Fatal(err)
	}
	if err := d.remember(self(), c.old); err != nil {
		t.Fatal(err)
	}
	f, ok := d.emergency.inForce.Load().InForce()
	if !ok || f.Hash != c.old.Hash() || !f.Emergency || len(f.Confirm) != 3 || f.Reason != "r" {
		t.Errorf("%+v", f)
	}
}

func mustPolicy(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(firmTemplate), "m.yaml": []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
