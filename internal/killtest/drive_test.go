//go:build kills

package killtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// drive is what is killed: the product, or a peer.
type drive struct {
	t    *testing.T
	tmp  string
	mnt  string
	work string    // where the workers' folders are
	log  string    // directory of the audit log, "" for a peer
	argv []string  // serves in the foreground
	cmd  *exec.Cmd // the running daemon
	said *output

	slow time.Duration // the longest that a killed daemon took to end
}

// output keeps what a daemon says, and tells when it is ready.
type output struct {
	ready chan struct{}
	text  chan string
}

// people are the workers' uids: the lead and three members.
var people = []int{10021, 10022, 10023, 10024}

const firmYAML = `version: 1
timezone: Asia/Shanghai
levels: { 秘密: {} }
roles:
  lawyer: { clearance: 秘密, rights: [read, write, create, delete, rename] }
users:
  zhang.wei: { uid: 10021, role: lawyer }
  li.na: { uid: 10022, role: lawyer }
  wang.qiang: { uid: 10023, role: lawyer }
  zhao.min: { uid: 10024, role: lawyer }
  sun.li: { uid: 10025, role: lawyer }
  chen.jie: { uid: 10026, role: lawyer }
  fan.yi: { uid: 10027, role: lawyer }
  wu.di: { uid: 10028, role: lawyer }
`

const matterYAML = `matter: "2026-0142"
client: C0091
title: 甲公司诉乙公司买卖合同纠纷
level: 秘密
lead: zhang.wei
status: active
members:
  - { user: li.na, rights: [read, write, create, delete, rename] }
  - { user: wang.qiang, rights: [read, write, create, delete, rename] }
  - { user: zhao.min, rights: [read, write, create, delete, rename] }
  - { user: sun.li, rights: [read] }
  - { user: chen.jie, rights: [read] }
  - { user: fan.yi, rights: [read] }
  - { user: wu.di, rights: [read] }
`

func newDrive(t *testing.T) *drive {
	t.Helper()
	d := &drive{t: t, tmp: as.Dir(t)}
	d.mnt = filepath.Join(d.tmp, "mnt")
	must(t, os.Mkdir(d.mnt, 0o755))
	switch peer := os.Getenv("KILLTEST_PEER"); peer {
	case "":
		d.matterfs()
	case "gocryptfs":
		d.gocryptfs()
	default:
		t.Fatalf("KILLTEST_PEER is %q, want gocryptfs or nothing", peer)
	}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.kill()
		}
		d.detach()
	})
	return d
}

func (d *drive) matterfs() {
	bin := os.Getenv("MATTERFS_BIN")
	if bin == "" {
		d.t.Fatal("MATTERFS_BIN does not name the program to test; run make test-kills")
	}
	firm := filepath.Join(d.tmp, "firm")
	d.must(bin, "init", firm)
	must(d.t, os.WriteFile(filepath.Join(firm, "policy", "firm.yaml"), []byte(firmYAML), 0o640),
		os.MkdirAll(filepath.Join(firm, "policy", "matters"), 0o750),
		os.WriteFile(filepath.Join(firm, "policy", "matters", "2026-0142.yaml"), []byte(matterYAML), 0o640))
	d.argv = []string{bin, "mount", firm, d.mnt}
	d.work, d.log = filepath.Join(d.mnt, "2026-0142"), filepath.Join(firm, "log")
}

func (d *drive) gocryptfs() {
	back, pass := filepath.Join(d.tmp, "back"), filepath.Join(d.tmp, "pass")
	must(d.t, os.Mkdir(back, 0o777), os.WriteFile(pass, []byte("peer\n"), 0o600))
	d.must("gocryptfs", "-q", "-init", "-scryptn", "10", "-passfile", pass, back)
	d.argv = []string{"gocryptfs", "-fg", "-allow_other", "-passfile", pass, back, d.mnt}
	d.work = d.mnt
}

// start serves and waits until the drive answers.
func (d *drive) start() {
	d.t.Helper()
	d.launch()
	select {
	case <-d.said.ready:
	case text := <-d.said.text:
		d.t.Fatalf("the daemon ended before it was ready: %s", text)
	case <-time.After(2 * time.Minute):
		d.t.Fatal("the daemon is not ready after two minutes")
	}
}

// launch starts the daemon and does not wait for it.
func (d *drive) launch() {
	d.t.Helper()
	d.detachPeer()
	d.cmd = exec.Command(d.argv[0], d.argv[1:]...)
	d.cmd.Env = d.env()
	r, w, err := os.Pipe()
	must(d.t, err)
	d.cmd.Stdout, d.cmd.Stderr = w, w
	must(d.t, d.cmd.Start())
	w.Close()
	d.said = &output{ready: make(chan struct{}), text: make(chan string, 1)}
	go d.said.listen(r)
}

// listen waits for the one line that both daemons print when they serve.
func (o *output) listen(r io.ReadCloser) {
	defer r.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(r); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if s := lines.Text(); strings.HasPrefix(s, "matterfs: ready") || strings.Contains(s, "Filesystem mounted and ready") {
			close(o.ready)
		}
	}
	o.text <- text.String()
}

// kill ends the daemon as an out-of-memory killer does.
func (d *drive) kill() {
	d.t.Helper()
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		d.t.Fatal(err)
	}
	d.wait()
	d.cmd = nil
	select {
	case <-d.said.text:
	case <-time.After(time.Minute):
		d.t.Fatal("something holds on to the output of the daemon that was killed")
	}
}

// wait waits for the end of a daemon that was killed. One of its threads may be dropping the pages of a mapped file: the
// kernel lets it wait, deaf to SIGKILL, for a page whose reader waits for the daemon. Its guard must see that and end all
// requests; umount -f, which does the same, is only for what comes after this test.
func (d *drive) wait() {
	d.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	var err error
	killed := time.Now()
	select {
	case err = <-ended:
		d.slow = max(d.slow, time.Since(killed))
	case <-time.After(time.Minute):
		_ = unix.Unmount(d.mnt, unix.MNT_FORCE) // EBUSY, and all requests are ended
		d.t.Fatal("a daemon that was killed does not end, for all its guard does")
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
}

// detachPeer clears the dead mountpoint for a peer; the product does that by itself.
func (d *drive) detachPeer() {
	if d.log == "" {
		d.detach()
	}
}

func (d *drive) detach() {
	for unix.Unmount(d.mnt, unix.MNT_DETACH) == nil {
	}
}

func (d *drive) env() []string {
	return append(os.Environ(), "LC_ALL=C.UTF-8", "MATTERFS_RUN_DIR="+filepath.Join(d.tmp, "run"))
}

// must runs a program as root.
func (d *drive) must(argv ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = d.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// folder is a worker's own.
func (d *drive) folder(uid int) string { return filepath.Join(d.work, fmt.Sprint("u", uid)) }

// asUser runs f on a thread that acts under a uid. The file system sees the fsuid of the calling thread.
func asUser(uid int, f func() error) error {
	done := make(chan error)
	go func() {
		// The thread ends with the goroutine: it is not used again under this uid.
		runtime.LockOSThread()
		if err := errors.Join(unix.Setfsgid(uid), unix.Setfsuid(uid)); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// credential is the same for a process.
func credential(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, Pdeathsig: syscall.SIGKILL}
}
