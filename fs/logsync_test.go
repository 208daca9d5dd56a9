package fs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/audit"
	"matterfs/internal/as"
)

// cutLog is a log file that knows what a power cut at this moment would leave at least.
type cutLog struct {
	audit.File
	path string

	mu    sync.Mutex
	left  int64 // bytes
	syncs int
}

// Sync takes its time, so that what does not wait for it is seen to be early.
func (c *cutLog) Sync() error {
	st, err := os.Stat(c.path)
	if err != nil {
		return err
	}
	time.Sleep(30 * time.Millisecond)
	if err := c.File.Sync(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.syncs = st.Size(), c.syncs+1
	return nil
}

// has tells whether a record with all these words is in what a power cut would leave.
func (c *cutLog) has(t testing.TB, words ...string) bool {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b[:c.left]) {
		all := true
		for _, w := range words {
			all = all && bytes.Contains(line, []byte(w))
		}
		if all {
			return true
		}
	}
	return false
}

// syncFirm is the test firm with a level, that of the folder 鉴定, which wants opens on the medium.
func syncFirm() map[string][]byte {
	f := firm()
	f["firm.yaml"] = bytes.Replace(f["firm.yaml"], []byte("机密: {}"), []byte("机密: { log_sync: group }"), 1)
	return f
}

func onCutLog(t *testing.T, s setup) (*drive, *cutLog) {
	t.Helper()
	s.dir = t.TempDir()
	log := &cutLog{path: s.dir + "/log/" + audit.LiveName}
	s.logFile = func(f audit.File) audit.File { log.File = f; return log }
	d := s.mount(t)
	return d, log
}

// Whatever moment the power fails: who was let in at such a level stands in the log that is left. At the other levels some do
// not, or the test would show nothing.
func TestOpensSurviveAPowerCut(t *testing.T) {
	d, log := onCutLog(t, setup{files: syncFirm()})
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	const tries = 12
	early := 0
	for i := range tries {
		kept, plain := fmt.Sprintf("鉴定/%d", i), fmt.Sprintf("%d", i)
		lead.Writes(d.in(kept), "密")
		lead.Writes(d.in(plain), "x")
		lead.Opens(d.in(kept), syscall.O_RDONLY, 0).Close()
		if !log.has(t, `"ev":"open"`, `"path":"`+kept+`"`) {
			t.Errorf("open %d is answered and a power cut takes its record", i)
		}
		if _, err := lead.ReadDir(d.in("鉴定")); err != nil {
			t.Fatal(err)
		}
		if n := d.count("ev", "list", "path", "鉴定"); !log.has(t, fmt.Sprintf(`"seq":%d,`, lastSeq(d, "list", "鉴定"))) {
			t.Errorf("listing %d (%d so far) is answered and a power cut takes its record", i, n)
		}
		lead.Opens(d.in(plain), syscall.O_RDONLY, 0).Close()
		if !log.has(t, `"ev":"open"`, `"path":"`+plain+`"`) {
			early++
		}
	}
	if early == 0 {
		t.Errorf("all of %d opens at the other level were on the medium too", tries)
	}
}

// lastSeq is the number of the last record of an event and path.
func lastSeq(d *drive, ev, path string) (seq int) {
	for _, l := range d.records() {
		if l.str("ev") == ev && l.str("path") == path {
			seq = int(l.num("seq"))
		}
	}
	return seq
}

// With SyncOpens that holds for every open, at the root and in people's own folders too.
func TestSyncOpensIsForAll(t *testing.T) {
	d, log := onCutLog(t, setup{syncOpens: true, own: true})
	lead := as.Start(t, zhang)
	lead.Writes(d.in("甲"), "x")
	for _, open := range []struct {
		path, ev string
		dir      bool
	}{
		{d.in("甲"), "open", false}, {d.mnt, "list", true}, {d.mnt + "/" + ownName("zhang.wei"), "list", true},
		{d.mnt + "/" + ownName("zhang.wei") + "/" + refusedFile, "open", false},
	} {
		before := d.count("ev", open.ev)
		lead.Opens(open.path, syscall.O_RDONLY, 0).Close()
		recs := d.records()
		if d.count("ev", open.ev) != before+1 {
			t.Errorf("%s: no record", open.path)
		}
		seq := 0
		for _, l := range recs {
			if l.str("ev") == open.ev {
				seq = int(l.num("seq"))
			}
		}
		if !log.has(t, fmt.Sprintf(`"seq":%d,`, seq)) {
			t.Errorf("%s is open and a power cut takes its record", open.path)
		}
	}
}

// A CREATE does not wait, since it would hold the folder; what is read through its handle does.
func TestCreateWaitsAtItsFirstRead(t *testing.T) {
	d, log := onCutLog(t, setup{files: syncFirm()})
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	early := 0
	for i := range 12 {
		name := fmt.Sprintf("鉴定/新%d", i)
		f := lead.Opens(d.in(name), syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL, 0o600)
		if !log.has(t, `"ev":"create"`, name) {
			early++
		}
		if _, err := f.ReadAt(0, 1); err != nil {
			t.Fatal(err)
		}
		if !log.has(t, `"ev":"create"`, name) {
			t.Errorf("%s is read and a power cut takes the record of who opened it", name)
		}
		f.Close()
	}
	if early == 0 {
		t.Error("every CREATE waited for the medium")
	}
}

// A CREATE that finds the file of another creator opens it, and does not wait either.
func TestCreateOfAnExistingFileDoesNotWait(t *testing.T) {
	d, disk, _, f := onHangingSync(t)
	release := disk.hang(&disk.fsync)
	defer release()
	folder := eventually(t, func() (*node, error) {
		for _, n := range d.srv.fs.nodes.live() {
			if n := d.srv.fs.nodes.get(n); n != nil && !n.isRoot() && n.obj.Path() == "鉴定" {
				return n, nil
			}
		}
		return nil, errors.New("the folder is not known")
	})
	in := &fuse.CreateIn{InHeader: fuse.InHeader{NodeId: folder.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang}}}, Flags: syscall.O_RDONLY}
	out := &fuse.CreateOut{}
	if s := d.srv.fs.Create(nil, in, "意见.txt", out); s != fuse.OK {
		t.Fatalf("answered %v", s)
	}
	if h := d.srv.fs.handles.get(out.Fh); h.unsynced.Load() <= d.log.Synced() {
		t.Error("it is not known that its record is not on the medium")
	}
	release()
	d.srv.fs.Release(nil, &fuse.ReleaseIn{InHeader: fuse.InHeader{NodeId: out.NodeId}, Fh: out.Fh})
	d.srv.fs.Forget(out.NodeId, 1)
	f.Close()
	d.health(true)
}

// A copy cannot wait: it is declined until the record is there, and programs read and write instead.
func TestCopyFromANewHandleIsDeclined(t *testing.T) {
	d, disk, lead, f := onHangingSync(t)
	release := disk.hang(&disk.fsync)
	defer release()
	n := lead.Opens(d.in("鉴定/新"), syscall.O_RDWR|syscall.O_CREAT, 0o600)
	var from, to *handle
	for _, h := range d.srv.fs.handles.files() {
		if h.node.obj.Path() == "鉴定/新" {
			from = h
		} else {
			to = h
		}
	}
	in := &fuse.CopyFileRangeIn{InHeader: fuse.InHeader{NodeId: from.node.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang}}},
		FhIn: from.id, NodeIdOut: to.node.id, FhOut: to.id, Len: 1}
	if _, s := d.srv.fs.CopyFileRange(nil, in); s != fuse.EINVAL {
		t.Errorf("a copy is answered %v", s)
	}
	release()
	d.health(true)
	if _, err := n.ReadAt(0, 1); err != nil {
		t.Error(err)
	}
	if _, s := d.srv.fs.CopyFileRange(nil, in); s != fuse.OK {
		t.Errorf("later it is answered %v", s)
	}
	n.Close()
	f.Close()
}

// onHangingSync is a drive whose log's disk can be made to hang, with the folder that wants opens on the medium.
func onHangingSync(t *testing.T) (*drive, *hangingLog, *as.User, *as.File) {
	t.Helper()
	disk := &hangingLog{}
	d := setup{files: syncFirm(), logFile: func(f audit.File) audit.File { disk.File = f; return disk }}.mount(t)
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	lead.Writes(d.in("鉴定/意见.txt"), "密")
	return d, disk, lead, lead.Opens(d.in("合同.txt"), syscall.O_RDWR|syscall.O_CREAT, 0o600)
}

// When the disk does not answer, an open that waits for it is refused, the drive can be unmounted, and all is well afterwards.
func TestOpenWhileTheMediumHangs(t *testing.T) {
	d, disk, lead, f := onHangingSync(t)
	release := disk.hang(&disk.fsync)
	defer release()
	lead.IsDenied(d.in("鉴定/意见.txt"), syscall.EIO)
	d.health(false)
	f.Close()
	d.unmount()
	release()
	d.health(true)
}

// A failed fdatasync is final: nobody is let in, at any level, until the log is opened again.
func TestOpenWhenTheSyncFails(t *testing.T) {
	disk := &failingSync{}
	d := setup{files: syncFirm(), logFile: func(f audit.File) audit.File { disk.File = f; return disk }}.mount(t)
	lead := as.Start(t, zhang)
	lead.Does(lead.Mkdir(d.in("鉴定")))
	lead.Writes(d.in("鉴定/意见.txt"), "密")
	disk.failing.Store(true)
	lead.IsDenied(d.in("鉴定/意见.txt"), syscall.EIO)
	lead.IsDenied(d.in("鉴定/意见.txt"), syscall.EIO)
	d.unmount()
	disk.failing.Store(false)
	if err := d.log.Close(); err == nil {
		t.Error("the log was closed as if nothing had happened")
	}
	var err error
	if d.log, err = audit.Open(audit.Options{Dir: d.path("log"), StateDir: d.path("state"), StoreID: "test-store"}); err != nil {
		t.Fatal(err)
	}
}

// failingSync fails syncs while it is told to.
type failingSync struct {
	audit.File
	failing atomic.Bool
}

func (f *failingSync) Sync() error {
	if f.failing.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// Who waits for the disk can be killed at once.
func TestKillWhileWaitingForTheMedium(t *testing.T) {
	d, disk, _, f := onHangingSync(t)
	defer f.Close()
	eventually(t, func() (struct{}, error) {
		d.health(true)
		release := disk.hang(&disk.fsync)
		defer release()
		before := d.count("ev", "open")
		cmd := starts(t, zhang, "open-file", d.in("鉴定/意见.txt"))
		for d.count("ev", "open") == before && d.log.Healthy() == nil {
			time.Sleep(time.Millisecond)
		}
		killed(t, cmd)
		if err := d.log.Healthy(); err != nil { // the disk hung for so long that everybody was let go
			return struct{}{}, fmt.Errorf("it is not known whether the kill ended the wait: %w", err)
		}
		return struct{}{}, nil
	})
}

// starts starts a program under a uid and does not wait for it.
func starts(t testing.TB, uid uint32, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir := as.Dir(t)
	exe := dir + "/program"
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(exe, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), programEnv+"="+program, raceExit)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// killed kills a program and fails the test unless that is what ended it.
func killed(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the program ended by itself: %v", err)
	}
}

// opensFile is a program that opens a file and reads a byte.
func opensFile(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 1))
	return err
}
