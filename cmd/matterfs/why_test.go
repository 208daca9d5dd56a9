package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/internal/as"
	"matterfs/policy"
)

// reachable is a copy of the command that every uid may run.
func reachable(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("matterfs")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(as.Dir(t), "matterfs")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// whyFirm is a firm whose people run the command.
type whyFirm struct {
	*firm
	why string
}

// whyAs runs `matterfs why` as a user of the machine.
func (f whyFirm) whyAs(uid uint32, args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	cmd := exec.Command(f.why, append([]string{"why"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MATTERFS_RUN_DIR="+f.run)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestWhyTellsTheCaller: each uid hears about itself, in the words of its own
// folder, also after a restart of the daemon.
func TestWhyTellsTheCaller(t *testing.T) {
	f := whyFirm{startFirm(t), reachable(t)}
	lead, member := f.user(leadUID), f.user(memberUID)
	doc := filepath.Join(f.matter(), "甲.txt")
	lead.Writes(doc, "甲方")
	if code, out, errs := f.whyAs(memberUID); code != exitOK || out != "" || !strings.Contains(errs, "nothing was refused") {
		t.Errorf("before: %d %q %q", code, out, errs)
	}
	member.Refused(member.Remove(doc), syscall.EACCES)
	check := func(when string) {
		t.Helper()
		code, out, errs := f.whyAs(memberUID)
		if code != exitNo || !strings.Contains(out, `"2026-0142/甲.txt"`) || !strings.Contains(out, policy.RuleText("member.right", "zh")) || !strings.Contains(out, "ask zhang.wei") {
			t.Errorf("%s: %d %q %q", when, code, out, errs)
		}
		text, err := member.ReadFile(filepath.Join(f.mnt, policy.PersonalPrefix+"li.na", "被拒绝.txt"))
		if err != nil || !strings.Contains(string(text), strings.SplitN(out, "\n", 2)[1]) {
			t.Errorf("%s: %v: the folder says otherwise:\n%s", when, err, text)
		}
	}
	check("after a refusal")
	f.umount()
	f.mount()
	check("after a restart")

	if code, out, _ := f.whyAs(memberUID, doc); code != exitOK || !strings.HasPrefix(out, "allowed member.") {
		t.Errorf("a document that she reads: %d %q", code, out)
	}
	said := map[string]bool{}
	for _, path := range []string{"2026-0142/没有", "2026-0999", f.mnt + "/2026-0998/x"} {
		code, out, errs := f.whyAs(memberUID, path)
		_, words, _ := strings.Cut(out, "\n")
		said[words] = true
		if code != exitNo || !strings.Contains(words, policy.HiddenText("zh")) {
			t.Errorf("%s: %d %q %q", path, code, out, errs)
		}
	}
	if len(said) != 1 {
		t.Errorf("what there is not is told in %d ways: %v", len(said), said)
	}
	code, out, _ := f.whyAs(4242, "2026-0142", "--json")
	var w whyReport
	if err := json.Unmarshal([]byte(out), &w); err != nil || code != exitNo || w.Reason.Rule != "user.unknown" {
		t.Errorf("a stranger hears %d %q (%v)", code, out, err)
	}
	f.asksUntilRefused(4243)
	f.umount()
	f.verified()
}

// asksUntilRefused asks until the daemon has heard enough. On a slow machine the questions
// of one try may fall into two windows.
func (f whyFirm) asksUntilRefused(uid int) {
	f.t.Helper()
	sockets, err := filepath.Glob(filepath.Join(f.run, "*.sock"))
	if err != nil || len(sockets) != 1 {
		f.t.Fatal(sockets, err)
	}
	c := dialAs(f.t, uid, sockets[0])
	for end := time.Now().Add(3 * whyWindow); ; {
		_, err := c.ask(opWhy)
		if err != nil {
			if !strings.Contains(err.Error(), "questions") {
				f.t.Errorf("after many questions: %v", err)
			}
			return
		}
		if time.Now().After(end) {
			f.t.Fatal("asks without end")
		}
	}
}

func TestAsksAreLimited(t *testing.T) {
	var s asks
	now := time.Unix(1_000_000, 0)
	for range whyLimit {
		if s.tooMany(1, now) {
			t.Fatal("too early")
		}
	}
	if !s.tooMany(1, now) || s.tooMany(2, now) || s.tooMany(1, now.Add(whyWindow)) {
		t.Error("the limit is not one of each uid and window")
	}
}
