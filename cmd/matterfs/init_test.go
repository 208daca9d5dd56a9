package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"matterfs/policy"
)

// uncommented takes the comment signs off the template's example.
var uncommented = regexp.MustCompile(`(?m)^#(users:|  [a-z.]+:|duties:)`)

// TestTemplateGrantsNothing: the policy that init writes loads, and refuses
// everybody everything.
func TestTemplateGrantsNothing(t *testing.T) {
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(firmTemplate)})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Users()) != 0 || len(p.Matters()) != 0 || len(p.Warnings()) != 0 {
		t.Errorf("users %v, matters %v, warnings %v", p.Users(), p.Matters(), p.Warnings())
	}
	for _, uid := range []uint32{0, 1000, 10021} {
		if d := p.SeesRoot(uid, time.Now(), nil); d.Allow {
			t.Errorf("uid %d sees the root", uid)
		}
	}
}

// TestTemplateExampleLoads: an administrator who only takes the comment signs
// away has a policy that works.
func TestTemplateExampleLoads(t *testing.T) {
	firm := uncommented.ReplaceAllString(firmTemplate, "$1")
	_, example, ok := strings.Cut(firm, "放在 matters/ 下:\n#\n")
	if !ok {
		t.Fatal("no example of a matter")
	}
	matter := strings.ReplaceAll(example, "#    ", "")
	p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(firm), "matters/1.yaml": []byte(matter)})
	if err != nil {
		t.Fatal(err)
	}
	d := p.DecideUser("li.na", policy.Request{Matter: "2026-0001", Op: policy.OpRead, At: time.Now()})
	if !d.Allow {
		t.Errorf("the example's member may not read: %s", d.Reason)
	}
	if got := p.Duties()["sysadmin"]; len(got) != 1 {
		t.Errorf("sysadmins %q", got)
	}
}

func TestInitJSONNamesEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "firm")
	code, out, errs := invoke("init", dir, "--json")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var r initReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if !r.NewKey || len(r.Recipients) != 1 || r.Paths.Dir != dir || r.Paths.Identity != dir+".identity" {
		t.Errorf("report %+v", r)
	}
	identity, err := os.ReadFile(r.Paths.Identity)
	if err != nil || strings.Contains(out, "AGE-SECRET-KEY") || !strings.Contains(string(identity), "AGE-SECRET-KEY") {
		t.Errorf("identity %v; the secret must be in the file and nowhere else", err)
	}
}

// TestSettingsOrder: flags win over the file, the file over the layout; paths
// of the file are relative to it.
func TestSettingsOrder(t *testing.T) {
	s := newStore(t)
	text := "data: other/data\nlog: /var/log/matterfs\nidentity: ../id\n"
	if err := os.WriteFile(s.Config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	a := &app{flags: flags{log: "here", keys: "/k"}}
	got, err := a.settings(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := s
	want.Data, want.Keys = filepath.Join(s.Dir, "other/data"), "/k"
	want.Log, want.Identity = filepath.Join(wd, "here"), filepath.Join(filepath.Dir(s.Dir), "id")
	if got != want {
		t.Errorf("settings\n%+v, want\n%+v", got, want)
	}
}

func TestSettingsRefuseUnknownKeys(t *testing.T) {
	s := newStore(t)
	if err := os.WriteFile(s.Config, []byte("data: data\nkees: keys\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, errs := invoke("policy", "check", s.Dir)
	if code != exitUsage || !strings.Contains(errs, s.Config+`:2:1: error: unknown key "kees"`) {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestInitTakesBack: whatever step fails, what was there before is all that is
// there afterwards.
func TestInitTakesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "firm")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := planInit(&app{getenv: os.Getenv}, initOptions{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	m.s.Config = filepath.Join(dir, "no/such/place") // the last step fails
	if err := m.make(); err == nil {
		t.Fatal("made a store without a configuration")
	}
	m.undo()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left %v, %v", entries, err)
	}
	if _, err := os.Lstat(dir + ".identity"); !os.IsNotExist(err) {
		t.Errorf("left an identity: %v", err)
	}
	if code, _, errs := invoke("init", dir); code != 0 {
		t.Errorf("init after a failed one: exit code %d: %s", code, errs)
	}
}
