package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const fragment = "../../contrib/smb.conf"

// smbText is the fragment that we ship.
func smbText(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(fragment)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// complaints are the settings that the check names for a share.
func complaints(t *testing.T, text, share string) []string {
	t.Helper()
	c, err := parseSMBConf("smb.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range c.check(share, en) {
		if f.Harm == "" || f.Want == "" {
			t.Errorf("finding without reason or remedy: %+v", f)
		}
		names = append(names, f.Setting)
	}
	return names
}

// TestSMBFragment: what we ship passes, and each of its lines is missed when it is gone or spoiled.
func TestSMBFragment(t *testing.T) {
	text := smbText(t)
	if got := complaints(t, text, "matters"); got != nil {
		t.Fatalf("the shipped fragment fails its own check: %q", got)
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		name, value, ok := strings.Cut(line, " = ")
		if !ok || strings.HasPrefix(line, "#") || name == "path" || name == "read only" {
			continue
		}
		setting := name
		if other, ok := smbSynonyms[name]; ok {
			setting = other
		}
		rule := slices.IndexFunc(smbRules, func(r smbRule) bool { return r.setting == setting })
		if rule < 0 {
			t.Errorf("no rule for the line %q", line)
			continue
		}
		spoiled := slices.Clone(lines)
		spoiled[i] = name + " = no-" + value
		if got := complaints(t, strings.Join(spoiled, "\n"), "matters"); !slices.Equal(got, []string{setting}) {
			t.Errorf("%q spoiled: complaints %q", line, got)
		}
		gone := complaints(t, strings.Join(slices.Delete(spoiled, i, i+1), "\n"), "matters")
		if smbRules[rule].unset != (gone == nil) {
			t.Errorf("%q removed: complaints %q", line, gone)
		}
	}
}

func TestSMBHarmfulAdditions(t *testing.T) {
	for line, want := range map[string]string{
		"force user = lawyer": "force user", "admin users = @it": "admin users", "public = yes": "guest ok",
		"smbd async dosmode = true": "smbd async dosmode", "Force  User = x": "force user", "oplocks = 1": "oplocks",
		"aio read size = 16384": "aio read size", "vfs object = recycle": "vfs objects", "create mode = 0700": "create mask",
		"wide \\\n links = on": "wide links",
	} {
		if got := complaints(t, smbText(t)+line+"\n", "MATTERS"); !slices.Equal(got, []string{want}) {
			t.Errorf("%q: complaints %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{"oplocks = 0", "oplocks = False", "vfs objects = full_audit, acl_xattr", "force user =",
		"smb encrypt = mandatory", "create mask = 7777", "[other]\nforce user = x\n[global]"} {
		if got := complaints(t, smbText(t)+line+"\n", "matters"); got != nil {
			t.Errorf("%q: complaints %q", line, got)
		}
	}
}

// TestSMBServerWide: a setting of the whole server has no effect in a share, as smbd itself warns.
func TestSMBServerWide(t *testing.T) {
	text := strings.Replace(smbText(t), "smb2 leases = no\n", "", 1) + "smb2 leases = no\n"
	if got := complaints(t, text, "matters"); !slices.Equal(got, []string{"smb2 leases"}) {
		t.Errorf("complaints %q", got)
	}
	text = strings.Replace(smbText(t), "[matters]", "", 1) + "[matters]\npath = /srv\n"
	if got := complaints(t, text, "matters"); got != nil {
		t.Errorf("a share does not inherit what [global] says: %q", got)
	}
}

func TestSMBSharing(t *testing.T) {
	c, err := parseSMBConf("x", strings.NewReader(`[global]
path = /srv/drive
[Same] ; not a section line
`))
	if err == nil {
		t.Errorf("read %v from a line that is none", c.sections)
	}
	c, err = parseSMBConf("x", strings.NewReader("[global]\npath=/srv/drive\n[homes]\n[same]\npath=/srv/drive/\n"+
		"[above]\npath = \"/srv\"\n[below]\ndirectory=/srv/drive/2026\n[user]\npath=/srv/drive/%U/x\n[beside]\npath=/srv/drives\n[root]\npath=/\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"same", "above", "below", "user", "root"}
	if got := c.sharing([]string{"/srv/drive"}); !slices.Equal(got, want) {
		t.Errorf("shares %q, want %q", got, want)
	}
	if got := c.sharing(nil); got != nil {
		t.Errorf("shares %q without a mount", got)
	}
	if c.has("global") || !c.has("SAME") || c.has("none") {
		t.Error("has names what is no share")
	}
}

func TestSMBElsewhere(t *testing.T) {
	for _, line := range []string{"include = /etc/samba/more.conf", "copy = other", "config backend = registry", "nonsense"} {
		_, err := parseSMBConf("smb.conf", strings.NewReader("[global]\n\n"+line+"\n"))
		var bad *smbConfError
		if !errors.As(err, &bad) || bad.line != 3 || !strings.HasPrefix(err.Error(), "smb.conf:3: ") {
			t.Errorf("%q: %v", line, err)
		}
	}
	if _, err := parseSMBConf("x", strings.NewReader("include =\ncopy =\nconfig backend = file\n")); err != nil {
		t.Errorf("what testparm prints: %v", err)
	}
}

// TestSambaCheck runs the verb without Samba's help: an empty PATH has no testparm.
func TestSambaCheck(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	bad := filepath.Join(t.TempDir(), "smb.conf")
	if err := os.WriteFile(bad, []byte(smbText(t)+"oplocks = yes\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
	}{
		{[]string{fragment, "--share", "matters"}, exitOK, fragment + ": matters: ok\n"},
		{[]string{bad, "--share", "matters"}, exitNo, "[matters] oplocks is yes, want no: clients keep"},
		{[]string{bad, "--share", "none"}, exitUsage, ""},
		{[]string{bad}, exitUsage, ""},
		{[]string{bad + ".none"}, exitUsage, ""},
		{[]string{bad, "--share", "matters", "--json"}, exitNo, `{"file":"` + bad + `","shares":["matters"],"findings":[{"section":"matters","setting":"oplocks","value":"yes","want":"no","harm":"`},
		{[]string{fragment, "--share", "matters", "--json"}, exitOK, `{"file":"` + fragment + `","shares":["matters"],"findings":[]}`},
		{nil, exitUsage, ""},
	} {
		code, stdout, stderr := invoke(append([]string{"samba", "check"}, c.args...)...)
		if code != c.code || !strings.HasPrefix(stdout, c.stdout) || (stdout == "") != (c.stdout == "") {
			t.Errorf("%q: code %d, want %d; stdout %q, stderr %q", c.args, code, c.code, stdout, stderr)
		}
	}
}

// TestSambaAsksTestparm: what testparm makes of the file counts, and its refusal is passed on.
func TestSambaAsksTestparm(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	play := func(script string) {
		if err := os.WriteFile(filepath.Join(bin, "testparm"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	play(`[ "$1" = -sv ] && cat "$2" && echo "force user = root"`)
	if code, stdout, _ := invoke("samba", "check", fragment, "--share", "matters"); code != exitNo || !strings.Contains(stdout, "force user is root") {
		t.Errorf("code %d, %q", code, stdout)
	}
	play("echo no such thing >&2; exit 1")
	if code, _, stderr := invoke("samba", "check", fragment, "--share", "matters"); code != exitNo || !strings.Contains(stderr, "no such thing") {
		t.Errorf("code %d, %q", code, stderr)
	}
}

func FuzzParseSMBConf(f *testing.F) {
	f.Add(smbText(f))
	f.Add("[a]\nx=\\\ny\n[ A ]\n;\n#\nPath = \"/\"\n")
	f.Add("=\n[]\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseSMBConf("x", strings.NewReader(text))
		if err != nil {
			return
		}
		if len(c.order) != len(c.sections) {
			t.Fatalf("%d sections in order, %d kept", len(c.order), len(c.sections))
		}
		again, err := parseSMBConf("x", strings.NewReader(printSMBConf(c)))
		if err != nil {
			t.Fatalf("does not read what it printed: %v", err)
		}
		for name, s := range c.sections {
			if printable(name, s) && !maps.Equal(s, again.sections[name]) {
				t.Fatalf("[%s] %q became %q", name, s, again.sections[name])
			}
		}
	})
}

// printable tells the sections that survive printing: others hold what only a continued line can.
func printable(name string, s map[string]string) bool {
	odd := func(x string) bool { return strings.ContainsAny(x, "\\\"\r\n") || strings.TrimSpace(x) != x }
	for k, v := range s {
		if odd(k) || odd(v) || k == "" || strings.ContainsAny(k[:1], "[#;") {
			return false
		}
	}
	return !odd(name)
}

func printSMBConf(c *smbConf) string {
	var b strings.Builder
	for _, name := range c.order {
		if !printable(name, c.sections[name]) {
			continue
		}
		b.WriteString("[" + name + "]\n")
		for k, v := range c.sections[name] {
			b.WriteString(k + " = " + v + "\n")
		}
	}
	return b.String()
}
