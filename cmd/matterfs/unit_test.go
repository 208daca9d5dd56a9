package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/crypto/keystore"
	"matterfs/crypto/store"
	"matterfs/policy"
)

func TestExitTable(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		hint msg
	}{
		{errors.New("anything"), exitNo, noMsg},
		{usagef("x"), exitUsage, hintUsage},
		{&existsError{"a", "is"}, exitUsage, hintExists},
		{&keystore.ExistsError{}, exitUsage, hintExists},
		{&overlapError{}, exitUsage, hintOverlap},
		{&factsUnrecordedError{audit.ErrUnavailable}, exitLog, hintFactsUnrecorded},
		{&busyError{}, exitUsage, hintBusy},
		{&mountpointError{}, exitUsage, hintMountpoint},
		{&mountpointError{notEmpty: true}, exitUsage, hintNotEmpty},
		{&notMountError{"x"}, exitUsage, hintNotOurMount},
		{&ownerError{"x", "y"}, exitNotPermitted, hintOwner},
		{errKeeperGone, exitNo, hintKeeper},
		{errNoAnswer, exitNo, hintNoAnswer},
		{&keystore.RecipientError{}, exitUsage, hintRecipient},
		{&policyError{&policy.Errors{}}, exitPolicy, hintPolicy},
		{&policyError{&policy.OwnershipError{}}, exitPolicy, hintPolicyOwner},
		{&policyTestsError{}, exitPolicy, hintTests},
		{&vanishedError{}, exitPolicy, hintVanished},
		{&noDaemonError{"x"}, exitNoDaemon, hintNoDaemon},
		{keystore.ErrWrongIdentity, exitKey, hintWrongIdentity},
		{keystore.ErrWrongPassphrase, exitKey, hintWrongPassphrase},
		{keystore.ErrNoKeystore, exitKey, hintNoKeystore},
		{&looseError{"x", 0o644}, exitKey, hintSecretMode},
		{lockedBy(&looseError{"x", 0o644}), exitKey, hintSecretMode},
		{&policy.TakenError{}, exitUsage, hintTaken},
		{&editedError{}, exitUsage, hintEdited},
		{lockedBy(fs.ErrNotExist), exitKey, hintLocked},
		{&keystore.DamagedError{}, exitCorrupt, hintDamagedKeys},
		{&keystore.RolledBackError{}, exitCorrupt, hintOldKeys},
		{&logError{&audit.TamperedError{}}, exitTampered, hintTampered},
		{&logError{&audit.IncompleteError{}}, exitIncomplete, hintIncomplete},
		{&logError{syscall.ENOSPC}, exitLog, hintLog},
		{audit.ErrUnavailable, exitLog, hintLog},
		{&store.CorruptError{}, exitCorrupt, hintCorrupt},
		{store.ErrNotStore, exitCorrupt, hintNotStore},
		{&fs.PathError{Err: syscall.ENOSPC}, exitNo, hintFull},
		{&fs.PathError{Err: syscall.EACCES}, exitNotPermitted, hintNotPermitted},
		{&fuseError{syscall.ENODEV}, exitNo, hintFuse},
		{&fuseError{syscall.EPERM}, exitNotPermitted, hintNotPermitted},
		{&remoteError{code: exitPolicy, hint: hintVanished}, exitPolicy, hintVanished},
		{&remoteError{code: exitNo}, exitNo, noMsg},
		{&partError{place{"data", "/d"}, "does not exist"}, exitCorrupt, hintNotStore},
		{&partError{place{"log", "/l"}, "does not exist"}, exitLog, hintLogMissing},
		{&partError{place{"state", "/s"}, "does not exist"}, exitLog, hintLogMissing},
		{&partError{place{"policy", "/p"}, "does not exist"}, exitPolicy, hintPolicyMissing},
		{&logEndError{7, "the unmount", audit.ErrUnavailable}, exitLog, hintLogEnd},
		{errInterrupted, exitInterrupted, noMsg},
		{context.Canceled, exitInterrupted, noMsg},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if code, hint := explain(err); code != c.code || hint != c.hint {
				t.Errorf("%T %v: code %d hint %d, want %d %d", c.err, err, code, hint, c.code, c.hint)
			}
		}
	}
}

// TestMessages: each text stands in both languages and takes the same values.
func TestMessages(t *testing.T) {
	for m := noMsg + 1; m <= hintFuse; m++ {
		text, ok := messages[m]
		if !ok || text[en] == "" || text[zh] == "" {
			t.Errorf("message %d is missing: %q", m, text)
		}
		if e, z := strings.Count(text[en], "%"), strings.Count(text[zh], "%"); e != z {
			t.Errorf("message %q takes %d values, %q takes %d", text[en], e, text[zh], z)
		}
	}
	if len(messages) != int(hintFuse)+1 {
		t.Errorf("%d messages for %d names", len(messages), hintFuse+1)
	}
}

func TestLangOf(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want lang
	}{
		{nil, en},
		{map[string]string{"LANG": "zh_CN.UTF-8"}, zh},
		{map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, en},
		{map[string]string{"LANG": "C", "LC_MESSAGES": "zh_TW"}, zh},
		{map[string]string{"LANG": "de_DE"}, en},
	} {
		if got := langOf(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}

func TestOverlap(t *testing.T) {
	top := t.TempDir()
	for _, d := range []string{"a/b", "c"} {
		if err := os.MkdirAll(filepath.Join(top, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(top, "a"), filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p, q string
		want bool
	}{
		{"a", "a", true}, {"a", "a/b", true}, {"a/b", "a", true}, {"a", "c", false},
		{"link", "a/b", true}, {"a", "link", true}, {"link/b", "a", true}, {"c", "link/b", false},
		{"new", "new/deep", true}, {"new", "newer", false}, {"a/../c", "c", true},
	} {
		p, q := filepath.Join(top, c.p), filepath.Join(top, c.q)
		err := checkOverlap([]place{{"one", p}, {"two", q}})
		var over *overlapError
		if errors.As(err, &over) != c.want {
			t.Errorf("%s, %s: %v, want overlap %v", c.p, c.q, err, c.want)
		}
	}
}

func TestKernelVersion(t *testing.T) {
	for _, c := range []struct {
		release      string
		major, minor int
		ok           bool
	}{
		{"6.18.44-fc-v445", 6, 18, true}, {"6.6.0", 6, 6, true}, {"5.10-amd64", 5, 10, true},
		{"6.6-rc1", 6, 6, true}, {"x", 0, 0, false}, {"6.", 6, 0, false}, {"", 0, 0, false},
	} {
		major, minor, ok := kernelVersion(c.release)
		if major != c.major || minor != c.minor || ok != c.ok {
			t.Errorf("%q: %d.%d %v", c.release, major, minor, ok)
		}
	}
}

func TestParseMount(t *testing.T) {
	for _, c := range []struct {
		line string
		want mountEntry
		ok   bool
	}{
		{`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`, mountEntry{"36", "98:0", "/mnt2", "ext3", "/dev/root"}, true},
		{`1 2 0:3 / /a\040b\134c rw - fuse.matterfs matterfs:00 rw`, mountEntry{"1", "0:3", `/a b\c`, "fuse.matterfs", "matterfs:00"}, true},
		{`1 2 0:3 / /a\9 rw - tmpfs x rw`, mountEntry{"1", "0:3", `/a\9`, "tmpfs", "x"}, true},
		{`1 2 0:3 / /a rw`, mountEntry{}, false},
		{``, mountEntry{}, false},
		{` - `, mountEntry{}, false},
	} {
		if got, ok := parseMount(c.line); got != c.want || ok != c.ok {
			t.Errorf("%q: %+v %v", c.line, got, ok)
		}
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add(`1 2 0:3 / /a\040b rw - fuse.matterfs matterfs:00 rw`)
	f.Add(`36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`)
	f.Add(`\`)
	f.Add(` - \04 \777 -`)
	f.Fuzz(func(t *testing.T, line string) {
		m, ok := parseMount(line)
		if !ok && m != (mountEntry{}) {
			t.Errorf("%q: %+v though it is no mount", line, m)
		}
		if len(m.target) > len(line) {
			t.Errorf("%q: grew to %q", line, m.target)
		}
	})
}

func TestQuoteYAMLRoundTrip(t *testing.T) {
	for _, path := range []string{"data", "../x.identity", "日志 1", "it's", "# no", "null", "0123", "-a", "a: b", "~", "2024-01-01", "&x", "true", "a b/c"} {
		got := "old"
		err := policy.DecodeStrict("x", []byte("data: "+quoteYAML(path)+" # why\n"), map[string]*string{"data": &got})
		if err != nil || got != path {
			t.Errorf("%q: read back as %q, %v", path, got, err)
		}
	}
}

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "sock"), "@matterfs-test-" + filepath.Base(t.TempDir())} {
		addr := name
		if addr[0] == '@' {
			addr = "\x00" + addr[1:]
		}
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		a := &app{getenv: func(string) string { return name }}
		if err := a.notify("READY=1"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		n, err := l.Read(b)
		if string(b[:n]) != "READY=1" || err != nil {
			t.Errorf("%q: received %q, %v", name, b[:n], err)
		}
		l.Close()
	}
	a := &app{getenv: func(string) string { return "" }}
	if err := a.notify("READY=1"); err != nil {
		t.Errorf("nobody listening: %v", err)
	}
	if s := reloadingState(); !strings.HasPrefix(s, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("reloading: %q", s)
	}
}

// directory is what the system says about groups; each answer can fail.
type directory struct {
	of              map[string][]string // group ids by user
	ids             map[string]string   // group ids by name
	failing, broken error               // of users, of groups
	asked           int
}

func (d *directory) gids(user string) ([]string, error) {
	d.asked++
	return d.of[user], d.failing
}

func (d *directory) gid(group string) (string, error) {
	d.asked++
	if id, ok := d.ids[group]; ok {
		return id, d.broken
	}
	return "", errors.New("no such group")
}

// groupsOf is a resolver that asks d about two people and the given groups.
func groupsOf(d *directory, names ...string) *groups {
	g := newGroups(func() (users, groups []string) { return []string{"li.na", "zhang.wei"}, names }, func() {})
	g.gids, g.gid = d.gids, d.gid
	return g
}

// says fails the test unless g answers "yes", "no" or "unknown".
func (g *groups) says(t *testing.T, group, user, want string) {
	t.Helper()
	member, known := g.member(group, user)
	got := "unknown"
	if known {
		got = map[bool]string{true: "yes", false: "no"}[member]
	}
	if got != want || member && !known {
		t.Errorf("%s in %s: %s, want %s", user, group, got, want)
	}
}

func TestGroups(t *testing.T) {
	d := &directory{of: map[string][]string{"li.na": {"7", "8"}}, ids: map[string]string{"lit-team": "7"}}
	g := groupsOf(d, "lit-team", "gone")
	g.says(t, "lit-team", "li.na", "unknown") // before the first answer
	if !g.refresh() || g.refresh() {
		t.Error("the first answer differs, the same one again does not")
	}
	g.says(t, "lit-team", "li.na", "yes")
	g.says(t, "lit-team", "zhang.wei", "no")
	g.says(t, "lit-team", "new.hire", "unknown")
	g.says(t, "gone", "li.na", "unknown")
	g.says(t, "other", "li.na", "unknown")
	if n := testing.AllocsPerRun(100, func() { g.member("lit-team", "li.na") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	old := *g.snapshot.Load()
	old.at = time.Now().Add(-groupsMaxAge)
	g.snapshot.Store(&old)
	g.says(t, "lit-team", "li.na", "unknown") // too old
	g.says(t, "lit-team", "zhang.wei", "unknown")
	if !g.refresh() {
		t.Error("the same answer after one that had run out is a difference")
	}
}

// TestGroupsThatCannotBeAsked: a directory that is down, for users or for
// groups, or that comes up in the middle, is no answer.
func TestGroupsThatCannotBeAsked(t *testing.T) {
	d := &directory{of: map[string][]string{"li.na": {"7"}}, ids: map[string]string{"lit-team": "7"}}
	g := groupsOf(d, "lit-team")
	g.refresh()
	d.failing = errors.New("no answer")
	if !g.refresh() {
		t.Error("to know less is no difference")
	}
	g.says(t, "lit-team", "li.na", "unknown")
	d.failing, d.broken = nil, errors.New("no answer")
	g.refresh()
	g.says(t, "lit-team", "li.na", "unknown")
	d.broken = nil
	g.gids = func(user string) ([]string, error) {
		d.ids["lit-team"] = "9" // recreated while users are looked up
		return d.gids(user)
	}
	g.refresh()
	g.says(t, "lit-team", "li.na", "unknown")
	g.refresh()
	g.says(t, "lit-team", "li.na", "no")
}

// TestGroupsNobodyAsksFor: without a unix group in the policy the directory is
// left alone.
func TestGroupsNobodyAsksFor(t *testing.T) {
	d := &directory{}
	g := groupsOf(d)
	g.refresh()
	if g.says(t, "lit-team", "li.na", "unknown"); d.asked != 0 {
		t.Errorf("%d questions", d.asked)
	}
}

func TestLookupGroupsOfRoot(t *testing.T) {
	ids, err := lookupGIDs("root")
	id, idErr := lookupGID("root")
	if err != nil || idErr != nil || id != "0" || !slices.Contains(ids, id) {
		t.Errorf("groups of root: %q, %v; group root: %q, %v", ids, err, id, idErr)
	}
	if _, err := lookupGIDs("no such user"); err == nil {
		t.Error("a user that does not exist has groups")
	}
	if _, err := lookupGID("no such group"); err == nil {
		t.Error("a group that does not exist has an id")
	}
}

func TestLockNamesTheHolder(t *testing.T) {
	s := settings{State: t.TempDir(), Data: t.TempDir()}
	l, err := lockStore(s)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockStore(s)
	var busy *busyError
	if !errors.As(err, &busy) || busy.pid != os.Getpid() || busy.dir != s.State {
		t.Errorf("second lock: %v", err)
	}
	other := settings{State: t.TempDir(), Data: s.Data}
	if _, err = lockStore(other); !errors.As(err, &busy) || busy.dir != s.Data || busy.pid != os.Getpid() {
		t.Errorf("same data by another state directory: %v", err)
	}
	l.release()
	again, err := lockStore(s)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	again.release()
}

func TestFindOpenerOrder(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"flag-id", "flag-pass", "identity", "passphrase", "conf-id", "conf-pass"} {
		if err := os.WriteFile(file(name), []byte(name+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf := settings{Identity: file("conf-id"), PassphraseFile: file("conf-pass")}
	for _, c := range []struct {
		name  string
		flags flags
		creds string
		conf  settings
		want  string
	}{
		{"flags", flags{identity: file("flag-id"), passphraseFile: file("flag-pass")}, dir, conf, "flag-id"},
		{"passphrase flag", flags{passphraseFile: file("flag-pass")}, dir, conf, "flag-pass"},
		{"credentials", flags{}, dir, conf, "identity"},
		{"configured identity", flags{}, "", conf, "conf-id"},
		{"configured passphrase", flags{}, file("none"), settings{Identity: file("none"), PassphraseFile: file("conf-pass")}, "conf-pass"},
	} {
		a := &app{flags: c.flags, getenv: func(string) string { return c.creds }}
		o, err := a.findOpener(context.Background(), c.conf)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := strings.TrimSpace(string(o.unlock.Identity) + string(o.unlock.Passphrase))
		if got != c.want || o.from != file(c.want) {
			t.Errorf("%s: %q from %s, want %s", c.name, got, o.from, c.want)
		}
		if strings.ContainsAny(string(o.unlock.Passphrase), "\r\n") {
			t.Errorf("%s: line end in the passphrase", c.name)
		}
		o.wipe()
		if rest := append(o.unlock.Identity, o.unlock.Passphrase...); len(rest) == 0 || strings.Trim(string(rest), "\x00") != "" {
			t.Errorf("%s: not wiped: %q", c.name, rest)
		}
	}
}

func TestNothingOpens(t *testing.T) {
	a := &app{getenv: func(string) string { return "" }}
	_, err := a.findOpener(context.Background(), settings{Identity: "/nowhere/id"})
	if !errors.Is(err, errLocked) || !strings.Contains(err.Error(), "/nowhere/id") {
		t.Errorf("error %v", err)
	}
	a.flags.identity = filepath.Join(t.TempDir(), "none")
	if _, err = a.findOpener(context.Background(), settings{}); !errors.Is(err, errLocked) {
		t.Errorf("an identity that was asked for and is missing: %v", err)
	}
}

func TestStatusKeysAreStable(t *testing.T) {
	got := jsonNames(reflect.TypeFor[status]())
	want := "store mount pid version started uptime_s health warnings paths uid policy matters audit envelopes drive"
	if strings.Join(got, " ") != want {
		t.Errorf("keys %q, want %s", got, want)
	}
}

func TestWarningTexts(t *testing.T) {
	for code, m := range warningTexts {
		args := make([]string, strings.Count(messages[m][en], "%"))
		for i := range args {
			args[i] = "甲"
		}
		w := warn(false, code, args...)
		if strings.Contains(w.text(zh), "%!") || strings.Contains(w.Text, "%!") || w.text(zh) == w.Text {
			t.Errorf("%s: %q, %q", code, w.Text, w.text(zh))
		}
	}
	if w := (&warning{Code: "new.code", Text: "as told"}); w.text(zh) != "as told" {
		t.Error("a code of a newer daemon must show its text")
	}
}
