//go:build apps

package apptest

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// exampleFirm is the firm whose people log on.
const exampleFirm = "../../examples/lawfirm/policy"

// sambaUsers have these numbers in the example firm; smbd learns their names from nss_wrapper, so that no accounts are made.
var sambaUsers = map[string]int{"zhang.wei": 10021, "li.na": 10022, "zhao.min": 10024, "chen.jie": 10031}

// stories are functions of testdata/smb.py, played one after another on one server.
var stories = []string{"matters", "plain", "private", "permissions", "word", "replace", "short", "sessions", "watching"}

// TestSamba serves the example firm through a real smbd with the fragment of contrib, on loopback, with a
// configuration, a password database and directories of its own.
func TestSamba(t *testing.T) {
	s := openSamba(t, "")
	s.zhang = as.Start(t, lead)
	s.leavePrivateFiles()
	for _, story := range stories {
		t.Run(story, func(t *testing.T) {
			if out, err := s.play(story); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	s.sambaclient("chen.jie", "ls", "2026-0177")
	s.zhang.Reads(s.path("甲方来函.txt"), "此致")
	s.logNamesThePerson()
}

// TestSambaHarm: each of these lines, taken out of the fragment, lets the harm happen that its comment names.
func TestSambaHarm(t *testing.T) {
	for line, harm := range map[string]struct{ story, said string }{
		"smb encrypt":    {"plain", "zhang.wei was allowed"},
		"change notify":  {"watching", `2026-0142\并购方案.txt`},
		"aio read size":  {"sessions", "AssertionError"},
		"aio write size": {"sessions", "STATUS_"},
		"vfs objects":    {"private", "STATUS_ACCESS_DENIED"},
		"nt acl support": {"permissions", "STATUS_"},
	} {
		t.Run(line, func(t *testing.T) {
			s := openSamba(t, line)
			s.zhang = as.Start(t, lead)
			s.leavePrivateFiles()
			if out, err := s.play(harm.story); err == nil || !strings.Contains(out, harm.said) {
				t.Errorf("without %q the story %q ends with %v, want %q in:\n%s", line, harm.story, err, harm.said, out)
			}
		})
	}
}

// TestSambaCheck: what the check demands is what the real testparm makes of the fragment, and it says nothing against it.
func TestSambaCheck(t *testing.T) {
	s := openSamba(t, "")
	if said := s.command(os.Getenv("MATTERFS_BIN"), "samba", "check", s.conf()); !strings.Contains(said, "matters: ok") {
		t.Errorf("the check of the share on the mount says %q", said)
	}
	said := s.command("testparm", "-s", s.conf())
	for _, bad := range []string{"found in service section", "Invalid combination", "Unknown parameter", "Ignoring"} {
		if strings.Contains(said, bad) {
			t.Errorf("testparm says %q of the fragment:\n%s", bad, said)
		}
	}
	s.write(s.conf(), "[matters]\npath = "+filepath.Dir(s.dir)+"\n")
	out, err := exec.Command(os.Getenv("MATTERFS_BIN"), "samba", "check", s.conf()).Output()
	for _, want := range []string{"change notify is Yes", "vfs objects not set", "aio read size is 1,", "server smb encrypt is default"} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("the check of a bare share (%v) does not say %q:\n%s", err, want, out)
		}
	}
}

// sambaSite is the example firm with a Samba server in front.
type sambaSite struct {
	*site
	port int
}

// openSamba mounts the example firm and serves it, with the line of the fragment that begins with without left out.
func openSamba(t *testing.T, without string) *sambaSite {
	t.Helper()
	s := &sambaSite{site: &site{t: t, tmp: as.Dir(t)}}
	s.mountExample()
	s.configure(without)
	s.serve()
	return s
}

// play plays one story and returns all that it said.
func (s *sambaSite) play(story string) (string, error) {
	out, err := exec.Command("/usr/bin/python3", "testdata/smb.py", fmt.Sprint(s.port), story).CombinedOutput()
	return string(out), err
}

func (s *sambaSite) conf() string { return filepath.Join(s.tmp, "samba", "smb.conf") }

func (s *sambaSite) mountExample() {
	bin := os.Getenv("MATTERFS_BIN")
	if bin == "" {
		s.t.Fatal("MATTERFS_BIN does not name the program to test; run make test-apps")
	}
	firm, mnt := filepath.Join(s.tmp, "firm"), filepath.Join(s.tmp, "mnt")
	must(s.t, os.Mkdir(mnt, 0o755))
	s.command(bin, "init", firm)
	s.command("cp", "-r", exampleFirm+"/.", filepath.Join(firm, "policy"))
	s.command("chown", "-R", "0:0", filepath.Join(firm, "policy"))
	s.command(bin, "mount", "--background", firm, mnt)
	s.t.Cleanup(func() {
		s.command(bin, "umount", mnt)
		s.command(bin, "audit", "verify", firm)
	})
	s.dir = filepath.Join(mnt, "2026-0142")
}

// configure writes the fragment of contrib, with what keeps this server from the machine's own.
func (s *sambaSite) configure(without string) {
	dir := filepath.Dir(s.conf())
	s.write(s.conf(), s.ownSettings(dir)+s.fragment(without))
	passwd, group := "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "root:x:0:\nnogroup:x:65534:\n"
	for name, uid := range sambaUsers {
		passwd += fmt.Sprintf("%s:x:%d:%d::/nonexistent:/bin/false\n", name, uid, uid)
		group += fmt.Sprintf("%s:x:%d:\n", name, uid)
	}
	s.write(filepath.Join(dir, "passwd"), passwd)
	s.write(filepath.Join(dir, "group"), group)
}

// fragment is what contrib tells people to use, for this mount.
func (s *sambaSite) fragment(without string) string {
	text, err := os.ReadFile("../../contrib/smb.conf")
	must(s.t, err)
	var kept strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(string(text), "/srv/drive/firm", filepath.Dir(s.dir))) {
		if without == "" || !strings.HasPrefix(line, without+" =") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// ownSettings keep this server apart from the machine's own.
func (s *sambaSite) ownSettings(dir string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.port = l.Addr().(*net.TCPAddr).Port
	must(s.t, l.Close())
	text := fmt.Sprintf(`[global]
server role = standalone server
smb ports = %d
interfaces = 127.0.0.1
bind interfaces only = yes
disable netbios = yes
disable spoolss = yes
load printers = no
printcap name = /dev/null
log file = %s/log
passdb backend = tdbsam:%s/passdb.tdb
`, s.port, dir, dir)
	for _, kind := range []string{"private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"} {
		path := filepath.Join(dir, strings.ReplaceAll(kind, " ", "-"))
		must(s.t, os.MkdirAll(path, 0o755))
		text += kind + " = " + path + "\n"
	}
	return text
}

// wrapped is a program that knows only the people of sambaUsers.
func (s *sambaSite) wrapped(argv ...string) *exec.Cmd {
	dir := filepath.Dir(s.conf())
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LD_PRELOAD=libnss_wrapper.so",
		"NSS_WRAPPER_PASSWD="+filepath.Join(dir, "passwd"), "NSS_WRAPPER_GROUP="+filepath.Join(dir, "group"))
	return cmd
}

// serve starts smbd as root in a process group of its own, and ends the whole group with the test: the mount is busy
// as long as one of its processes lives.
func (s *sambaSite) serve() {
	for name := range sambaUsers {
		add := s.wrapped("smbpasswd", "-L", "-s", "-a", "-c", s.conf(), name)
		add.Stdin = strings.NewReader("Pw-1\nPw-1\n")
		if out, err := add.CombinedOutput(); err != nil {
			s.t.Fatalf("smbpasswd: %v\n%s", err, out)
		}
	}
	smbd := s.wrapped("/usr/sbin/smbd", "--foreground", "--no-process-group", "-s", s.conf())
	smbd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(s.t, smbd.Start())
	s.t.Cleanup(func() {
		if s.t.Failed() {
			said, _ := os.ReadFile(filepath.Join(filepath.Dir(s.conf()), "log"))
			s.t.Logf("smbd: %s", said)
		}
		syscall.Kill(-smbd.Process.Pid, syscall.SIGTERM)
		smbd.Wait()
		eventually(s.t, "smbd is gone", func() bool { return syscall.Kill(-smbd.Process.Pid, 0) == syscall.ESRCH })
	})
	eventually(s.t, "smbd answers", func() bool {
		c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", s.port))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// leavePrivateFiles makes what the story "private" opens: modes that shut everybody else out, made on the server itself.
func (s *sambaSite) leavePrivateFiles() {
	s.zhang.Does(s.zhang.Mkdir(s.path("私")))
	for _, name := range []string{"私/合同.txt", "私.txt"} {
		s.zhang.Writes(s.path(name), "原稿")
		s.zhang.Does(s.zhang.Chmod(s.path(name), 0o600))
	}
	s.zhang.Does(s.zhang.Chmod(s.path("私"), 0o700))
}

// sambaclient runs a command of Samba's own client and wants these words in its answer.
func (s *sambaSite) sambaclient(user, command, want string) {
	s.t.Helper()
	said := s.command("smbclient", "-s", s.conf(), "-p", fmt.Sprint(s.port), "-U", user+"%Pw-1", "//127.0.0.1/matters", "-c", command)
	if !strings.Contains(said, want) {
		s.t.Errorf("%s: smbclient %q says %q, want %q in it", user, command, said, want)
	}
}

// logNamesThePerson: smbd runs as root, yet nothing that it may do is root's, and each read is its reader's. What a
// person was refused to delete, smbd tries again as root, and is refused.
func (s *sambaSite) logNamesThePerson() {
	log, err := os.ReadFile(filepath.Join(s.tmp, "firm", "log", "audit.jsonl"))
	must(s.t, err)
	reads := map[string]int{}
	for line := range strings.Lines(string(log)) {
		var r struct {
			Ev, Res, User, Exe, Path, Matter string
			UID                              int
		}
		must(s.t, json.Unmarshal([]byte(line), &r))
		if r.Exe != "/usr/sbin/smbd" {
			continue
		}
		if asRoot := r.UID == 0 && r.Res == "deny"; !asRoot && sambaUsers[r.User] != r.UID {
			s.t.Errorf("smbd worked as nobody of the firm: %s", line)
		}
		if r.Ev == "read" && r.Res == "ok" {
			reads[r.Matter+" "+r.Path+" "+r.User]++
		}
	}
	for _, want := range []string{"2026-0142 私/合同.txt li.na", "2026-0142 私/合同.txt zhao.min", "2026-0142 会话甲.txt zhang.wei",
		"2026-0177 会话乙.txt chen.jie", "2026-0177 甲方来函.txt chen.jie"} {
		if reads[want] == 0 {
			s.t.Errorf("no record of the read %q in %v", want, reads)
		}
	}
	for _, wrong := range []string{"2026-0142 会话甲.txt chen.jie", "2026-0177 会话乙.txt zhang.wei"} {
		if reads[wrong] != 0 {
			s.t.Errorf("the log says that the other session read: %q", wrong)
		}
	}
}
