package fs

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/internal/as"
)

// hangingLog is a log file whose disk does not answer while it is told to hang.
type hangingLog struct {
	audit.File
	mu           sync.Mutex
	write, fsync chan struct{} // such calls wait until it is closed; nil: they pass
}

func (d *hangingLog) pass(which *chan struct{}) {
	d.mu.Lock()
	ch := *which
	d.mu.Unlock()
	if ch != nil {
		<-ch
	}
}

func (d *hangingLog) Write(p []byte) (int, error) { d.pass(&d.write); return d.File.Write(p) }
func (d *hangingLog) Sync() error                 { d.pass(&d.fsync); return d.File.Sync() }

// hang makes calls wait; the returned function, which may be called twice, lets them go on.
func (d *hangingLog) hang(which *chan struct{}) (release func()) {
	ch := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	*which = ch
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		close(ch)
		*which = nil
	})
}

// onHangingLog is a drive with such a log, and an open document.
func onHangingLog(t *testing.T) (*drive, *hangingLog, *as.User, *as.File) {
	t.Helper()
	disk := &hangingLog{}
	d := setup{logFile: func(f audit.File) audit.File { disk.File = f; return disk }}.mount(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	return d, disk, lead, lead.Opens(d.in("合同.txt"), syscall.O_RDWR, 0)
}

// health waits until the log is sound, or until it is not.
func (d *drive) health(sound bool) {
	d.t.Helper()
	for end := time.Now().Add(time.Minute); (d.log.Healthy() == nil) != sound; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("not in a minute: a log that is sound (%v)", sound)
		}
	}
}

// While the log's disk hangs, in a write or in a sync, every request is answered EIO, the one too whose record is being written;
// when it comes back all is served again, and the log says what happened.
func TestHangingLogDisk(t *testing.T) {
	for name, which := range map[string]func(d *hangingLog) *chan struct{}{
		"write": func(d *hangingLog) *chan struct{} { return &d.write },
		"sync":  func(d *hangingLog) *chan struct{} { return &d.fsync },
	} {
		t.Run(name, func(t *testing.T) {
			d, disk, lead, f := onHangingLog(t)
			second := as.Start(t, lina)
			release := disk.hang(which(disk))
			defer release()
			first := make(chan error, 1)
			go func() { _, err := second.ReadFile(d.in("合同.txt")); first <- err }()
			if err := <-first; name == "write" {
				second.Refused(err, syscall.EIO)
			}
			d.health(false)
			_, err := f.ReadAt(0, 3)
			lead.Refused(err, syscall.EIO)
			_, err = f.WriteAt([]byte("乙"), 0)
			lead.Refused(err, syscall.EIO)
			lead.Refused(lead.Mkdir(d.in("新")), syscall.EIO)
			_, err = lead.ReadDir(d.in(""))
			lead.Refused(err, syscall.EIO)
			release()
			d.health(true)
			lead.Reads(d.in("合同.txt"), "甲方:某某公司")
			f.Close()
			d.logged("ev", "audit.recover")
		})
	}
}

// A drive whose log hangs can be unmounted, and the close that nobody could record then is recorded when the disk comes back.
func TestUnmountWhileTheLogHangs(t *testing.T) {
	d, disk, lead, f := onHangingLog(t)
	release := disk.hang(&disk.write)
	defer release()
	_, err := f.ReadAt(0, 3)
	lead.Refused(err, syscall.EIO)
	f.Close()
	d.unmount()
	release()
	d.health(true)
	eventually(t, func() (struct{}, error) {
		opened := d.count("ev", "open", "user", "zhang.wei") + d.count("ev", "create", "user", "zhang.wei")
		if n := d.count("ev", "close", "user", "zhang.wei"); n != opened {
			return struct{}{}, fmt.Errorf("%d of %d closes are recorded:\n%s", n, opened, d.tail(8))
		}
		return struct{}{}, nil
	})
}
