package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
	"matterfs/policy"
)

// The people of the firm that these tests mount.
const (
	leadUID   = 30021
	memberUID = 30022
	firmYAML  = `users:
  zhang.wei: { uid: 30021, role: lawyer, name: 张伟 }
  li.na: { uid: 30022, role: lawyer, name: 李娜 }
matters:
  - matter: "2026-0142"
    client: C0091
    title: 甲
    level: 秘密
    lead: zhang.wei
    status: active
    members: [ { user: li.na, rights: [read] } ]
`
)

// firm is a store served by a daemon of its own: the command, as people run it.
type firm struct {
	t             testing.TB
	s             settings
	mnt, run, tmp string
	flags         []string // added to mount
}

// newFirm makes a store that is not mounted yet; flags are init's.
func newFirm(t testing.TB, flags ...string) *firm {
	t.Helper()
	dir := as.Dir(t)
	f := &firm{t: t, mnt: filepath.Join(dir, "mnt"), run: filepath.Join(dir, "run"), tmp: filepath.Join(dir, "tmp")}
	for _, d := range []string{f.mnt, f.run, f.tmp} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	f.must(append([]string{"init", filepath.Join(dir, "firm")}, flags...)...)
	s, err := (&app{}).settings(filepath.Join(dir, "firm"))
	if err != nil {
		t.Fatal(err)
	}
	f.s = s
	f.write(filepath.Join(s.Policy, "matters", "0142.yaml"), firmYAML)
	t.Cleanup(f.end)
	return f
}

// end takes the drive away and waits for the daemon, which still writes to its
// directories then.
func (f *firm) end() {
	unmountAll(filepath.Dir(f.s.Dir))
	err := retry(func() error {
		l, err := lockStore(f.s)
		if err == nil {
			l.release()
		}
		if asErr[*busyError](err) {
			return err
		}
		return nil // a directory that a test has taken away holds nobody
	})
	if err != nil {
		f.t.Errorf("the daemon is still there: %v", err)
	}
}

func startFirm(t testing.TB) *firm {
	f := newFirm(t)
	f.mount()
	return f
}

func (f *firm) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// exec runs the command in a process of its own.
func (f *firm) exec(args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	return f.command("matterfs", args...)
}

// command runs any program where the firm's daemons are found.
func (f *firm) command(name string, args ...string) (code int, stdout, stderr string) {
	f.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TMPDIR="+f.tmp, "MATTERFS_RUN_DIR="+f.run)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func (f *firm) must(args ...string) string {
	f.t.Helper()
	code, out, errs := f.exec(args...)
	if code != 0 {
		f.t.Fatalf("matterfs %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

func (f *firm) mount() {
	f.t.Helper()
	f.must(append([]string{"mount", f.s.Dir, f.mnt, "--background"}, f.flags...)...)
}

func (f *firm) umount() {
	f.t.Helper()
	f.must("umount", f.mnt)
}

func (f *firm) status() *status {
	f.t.Helper()
	_, out, errs := f.exec("status", f.s.Dir, "--json")
	var st status
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		f.t.Fatalf("status %q %q: %v", out, errs, err)
	}
	return &st
}

// kill ends the daemon as a crash does, and waits until it is gone.
func (f *firm) kill() {
	f.t.Helper()
	pid := f.status().PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		f.t.Fatal(err)
	}
	err := retry(func() error {
		l, err := lockStore(f.s)
		if err == nil {
			l.release()
		}
		return err
	})
	if err != nil {
		f.t.Fatalf("daemon %d was killed: %v", pid, err)
	}
}

func (f *firm) matter() string { return filepath.Join(f.mnt, "2026-0142") }

func (f *firm) user(uid uint32) *as.User {
	f.t.Helper()
	return as.Start(f.t, uid)
}

// verified ends a test: the log is whole.
func (f *firm) verified() {
	f.t.Helper()
	f.must("audit", "verify", f.s.Dir)
}

// TestDataWithoutKeys: a copy of the data opens nothing, neither without a
// keystore nor with that of somebody else.
func TestDataWithoutKeys(t *testing.T) {
	f := startFirm(t)
	f.user(leadUID).Writes(filepath.Join(f.matter(), "甲.txt"), "甲方")
	f.umount()
	thief := newFirm(t)
	copied := filepath.Join(filepath.Dir(thief.s.Dir), "copy")
	if out, err := exec.Command("cp", "-a", f.s.Data, copied).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	code, _, errs := thief.exec("mount", thief.s.Dir, thief.mnt, "--data", copied)
	if code != exitCorrupt {
		t.Errorf("with other keys: exit code %d: %s", code, errs)
	}
	if err := os.RemoveAll(thief.s.Keys); err != nil {
		t.Fatal(err)
	}
	code, _, errs = thief.exec("mount", thief.s.Dir, thief.mnt, "--data", copied)
	if code != exitKey || !strings.Contains(errs, "no keystore") {
		t.Errorf("without keys: exit code %d: %s", code, errs)
	}
	code, _, errs = f.exec("mount", f.s.Dir, f.mnt, "--identity", thief.s.Identity)
	if code != exitKey || !strings.Contains(errs, "wrong identity") {
		t.Errorf("with another identity: exit code %d: %s", code, errs)
	}
}

// mountTmpfs puts a small file system on dir.
func mountTmpfs(t *testing.T, dir, opts string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// TestFullDataDisk: the writer is told, what was saved stays readable, and
// work goes on when there is room again.
func TestFullDataDisk(t *testing.T) {
	f := newFirm(t)
	small := filepath.Join(filepath.Dir(f.s.Dir), "small")
	mountTmpfs(t, small, "size=2m,mode=700")
	if out, err := exec.Command("cp", "-a", f.s.Data+"/.", small).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	f.flags = []string{"--data", small}
	f.mount()
	lead := f.user(leadUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	big := filepath.Join(f.matter(), "大.bin")
	lead.Refused(lead.WriteFile(big, make([]byte, 4<<20)), syscall.ENOSPC)
	lead.Reads(kept, "保存好的")
	lead.Does(lead.Remove(big))
	// The kernel tells of the last close when it pleases; then there is room.
	again := filepath.Join(f.matter(), "又可以.txt")
	lead.Does(retry(func() error { return lead.WriteFile(again, []byte("好")) }))
	lead.Reads(again, "好")
	f.umount()
	f.mount()
	lead.Reads(kept, "保存好的")
	f.umount()
	f.verified()
}

// TestFullLogDisk: without a record nothing is disclosed; status says so; the
// drive can be unmounted; with room again it works again.
func TestFullLogDisk(t *testing.T) {
	f := newFirm(t)
	mountTmpfs(t, f.s.Log, "size=256k,mode=750")
	f.mount()
	lead := f.user(leadUID)
	kept := filepath.Join(f.matter(), "已存.txt")
	lead.Writes(kept, "保存好的")
	filler := filepath.Join(f.s.Log, "filler")
	if err := fill(filler); err != nil {
		t.Fatal(err)
	}
	if err := untilRefused(lead, kept); !errors.Is(err, syscall.EIO) {
		t.Errorf("reading without a log: %v, want EIO", err)
	}
	st := f.status()
	if st.Health != healthDegraded || st.Audit == nil || st.Audit.Error == "" {
		t.Errorf("status without a log: health %q, audit %+v", st.Health, st.Audit)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	// The log is tried again a few times a second.
	lead.Does(retry(func() error {
		_, err := lead.ReadFile(kept)
		return err
	}))
	f.umount()
	f.verified()
}

// fill writes to path until there is no room.
func fill(path string) error {
	w, err := os.Create(path)
	if err != nil {
		return err
	}
	defer w.Close()
	for size := 4096; size > 0; {
		if _, err := w.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// untilRefused reads until it fails: the log's last page may have room left.
func untilRefused(u *as.User, path string) error {
	for range 200 {
		if _, err := u.ReadFile(path); err != nil {
			return err
		}
	}
	return errors.New("200 reads were served")
}

// retry does something until it works, and returns the last error.
func retry(do func() error) (err error) {
	for range 1200 {
		if err = do(); err == nil {
			return nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return err
}

// TestGarbageInData: what is not ours is told and not served, and does not
// keep the rest from being served.
func TestGarbageInData(t *testing.T) {
	f := startFirm(t)
	lead := f.user(leadUID)
	lead.Writes(filepath.Join(f.matter(), "甲.txt"), "甲方")
	f.umount()
	entries, err := os.ReadDir(f.s.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			f.write(filepath.Join(f.s.Data, e.Name(), "垃圾"), "x")
			f.write(filepath.Join(f.s.Data, e.Name(), strings.Repeat("A", 44)), strings.Repeat("x", 9000))
		}
	}
	f.write(filepath.Join(f.s.Data, "notes.txt"), "x")
	if err := errors.Join(os.Mkdir(filepath.Join(f.s.Data, "lost+found"), 0o700), os.Symlink("/etc", filepath.Join(f.s.Data, "etc"))); err != nil {
		t.Fatal(err)
	}
	code, _, errs := f.exec("mount", f.s.Dir, f.mnt, "--background")
	if code != exitOK || strings.Count(errs, "notes.txt") != 1 || strings.Contains(errs, "folder") {
		t.Errorf("exit code %d; what is not ours is told once, and as what it is:\n%s", code, errs)
	}
	lead.Reads(filepath.Join(f.matter(), "甲.txt"), "甲方")
	lead.Lists(f.mnt, "2026-0142", policy.PersonalPrefix+"zhang.wei")
	lead.Lists(f.matter(), "甲.txt")
	var told []string
	for _, w := range f.status().Warnings {
		if w.Code == "data.foreign" {
			told = append(told, w.Args...)
		}
	}
	for _, name := range []string{"lost+found", "etc"} {
		if !strings.Contains(fmt.Sprint(told), name) {
			t.Errorf("%s is not told; told are %q", name, told)
		}
	}
	f.umount()
	f.verified()
}

// TestCorruptFile: a damaged header is EIO for that file and nothing else.
func TestCorruptFile(t *testing.T) {
	f := startFirm(t)
	lead := f.user(leadUID)
	lead.Writes(filepath.Join(f.matter(), "好.txt"), "好的")
	before := dataFiles(t, f.s.Data)
	lead.Writes(filepath.Join(f.matter(), "坏.txt"), "坏的")
	f.umount()
	for path := range dataFiles(t, f.s.Data) {
		if before[path] {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[0x300] ^= 1 // slot A
		b[0x900] ^= 1 // slot B
		f.write(path, string(b))
	}
	f.mount()
	if st := f.status(); st.Health != healthOK {
		t.Errorf("before anybody met the damage: %+v", st.Warnings)
	}
	lead.IsDenied(filepath.Join(f.matter(), "坏.txt"), syscall.EIO)
	lead.Reads(filepath.Join(f.matter(), "好.txt"), "好的")
	code, out, _ := f.exec("status", f.s.Dir)
	if code != exitNo || !strings.Contains(out, "data.damaged") || strings.Contains(out, " 0 requests met damage") {
		t.Errorf("after somebody met the damage: exit code %d:\n%s", code, out)
	}
	f.umount()
	f.verified()
}

// dataFiles lists the regular files below dir.
func dataFiles(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files := make(map[string]bool)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			files[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
