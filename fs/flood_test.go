package fs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/internal/as"
)

// testRate is the budget in these tests, records a second.
const testRate = 50

// owes puts a uid's budget where it is used up, and what must be waited for is that long.
func (d *drive) owes(uid uint32, debt time.Duration) {
	b := d.srv.fs.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	b.get(uid).paid = b.clock() + budgetSaved + debt
}

// waitingNow is how many requests wait.
func (d *drive) waitingNow() int {
	b := d.srv.fs.budgets
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

// flooded is a drive with budgets and a document, and its lead.
func flooded(t *testing.T) (*drive, *as.User) {
	t.Helper()
	d := setup{budget: testRate, each: true}.mount(t)
	lead := as.Start(t, zhang)
	lead.Does(lead.WriteFile(d.in("卷宗"), make([]byte, 64<<10)))
	return d, lead
}

// floodDrive is a program that does one thing again and again until it is killed.
func floodDrive(args []string) error {
	var f *os.File
	if args[0] == "read" {
		f = must(os.Open(args[1]))
		defer f.Close()
	}
	for buf := make([]byte, 4096); ; {
		var err error
		switch args[0] {
		case "read":
			_, err = f.ReadAt(buf, int64(rand.IntN(16))*4096)
		case "open":
			if f, err = os.Open(args[1]); err == nil {
				err = f.Close()
			}
		case "list":
			_, err = os.ReadDir(args[1])
		}
		if err != nil {
			return err
		}
	}
}

// A flooder is slowed to the rate, whatever they flood with, and the neighbour never waits.
func TestFloodersAreSlowedAndNobodyElse(t *testing.T) {
	for _, how := range []struct {
		does, path, ev string
		cost           int // records that one turn costs
	}{{"read", "卷宗", "read", 1}, {"open", "卷宗", "open", 2}, {"list", "", "list", 1}} {
		t.Run(how.does, func(t *testing.T) {
			d, lead := flooded(t)
			member := as.Start(t, lina)
			d.owes(zhang, 0)
			start := time.Now()
			cmd := starts(t, zhang, "flood", how.does, d.in(how.path))
			eventually(t, func() (struct{}, error) {
				if d.waitingNow() == 0 {
					return struct{}{}, errors.New("the flooder does not wait")
				}
				return struct{}{}, nil
			})
			for range 100 {
				if _, err := member.ReadFile(d.in("卷宗")); err != nil {
					t.Fatal(err)
				}
			}
			d.srv.fs.budgets.mu.Lock()
			if one := d.srv.fs.budgets.of[lina]; one.flood != nil || one.waiting != 0 {
				t.Errorf("the neighbour waited: %+v", one)
			}
			d.srv.fs.budgets.mu.Unlock()
			killed(t, cmd)
			n, most := d.count("user", "zhang.wei", "ev", how.ev), int(time.Since(start).Seconds()*testRate)+10
			if n > most {
				t.Errorf("%d records of the flooder in %v, want %d at most", n, time.Since(start), most)
			}
			if n := d.count("user", "li.na", "ev", "open", "res", "ok"); n != 100 {
				t.Errorf("the neighbour opened %d times", n)
			}
			_ = lead
		})
	}
}

// Beyond the budget a request waits where the kernel holds no lock for it, and an interrupt ends that; nothing else waits.
func TestWhatWaits(t *testing.T) {
	d, lead := flooded(t)
	lead.Does(lead.Symlink("卷宗", d.in("链接")))
	file := lead.Opens(d.in("卷宗"), syscall.O_RDWR, 0)
	defer file.Close()
	n := d.srv.fs.handles.files()[0].node
	fh := d.srv.fs.handles.files()[0].id
	d.owes(zhang, time.Hour)
	f := newFront(d.srv.fs)
	hdr := fuse.InHeader{NodeId: n.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang}}}
	cancel := make(chan struct{})
	close(cancel)
	buf := make([]byte, 10)
	for name, do := range map[string]func() fuse.Status{
		"OPEN":     func() fuse.Status { return f.Open(cancel, &fuse.OpenIn{InHeader: hdr}, &fuse.OpenOut{}) },
		"OPENDIR":  func() fuse.Status { return f.OpenDir(cancel, &fuse.OpenIn{InHeader: hdr}, &fuse.OpenOut{}) },
		"GETXATTR": func() fuse.Status { _, s := f.GetXAttr(cancel, &hdr, "user.x", buf); return s },
		"READLINK": func() fuse.Status { _, s := f.Readlink(cancel, &hdr); return s },
		"READ": func() fuse.Status {
			_, s := f.Read(cancel, &fuse.ReadIn{InHeader: hdr, Fh: fh, ReadFlags: fuse.READ_LOCKOWNER, Size: 10}, buf)
			return s
		},
	} {
		if s := do(); s != fuse.Status(syscall.EINTR) {
			t.Errorf("%s is answered %v and does not wait", name, s)
		}
	}
	if _, s := f.GetXAttr(cancel, &hdr, "security.capability", buf); s != fuse.Status(syscall.EOPNOTSUPP) {
		t.Errorf("what the kernel asks for with a lock: %v", s)
	}
	lead.Does(lead.Mkdir(d.in("新")))
	lead.Does(lead.Rename(d.in("新"), d.in("旧")))
	lead.Does(lead.Rmdir(d.in("旧")))
	lead.Does(lead.Chmod(d.in("卷宗"), 0o600))
	if _, err := file.WriteAt([]byte("x"), 0); err != nil {
		t.Error(err)
	}
	lead.Does(file.Fsync())
	made := lead.Opens(d.in("另"), syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY, 0o600)
	lead.Does(made.Close())
	m, err := file.Map(0, 4096, false)
	if err != nil {
		t.Fatal(err)
	}
	d.owes(zhang, time.Hour)
	if _, err := m.Read(0, 10); err != nil {
		t.Errorf("a page waits for longer than it may: %v", err)
	}
	lead.Does(m.Unmap())
}

// Who waits can be killed at once, and keeps nobody from taking the drive away.
func TestWaitersGoAtOnce(t *testing.T) {
	d, _ := flooded(t)
	d.owes(zhang, time.Hour)
	waits := func() {
		eventually(t, func() (struct{}, error) {
			if d.waitingNow() != 1 {
				return struct{}{}, fmt.Errorf("%d wait", d.waitingNow())
			}
			return struct{}{}, nil
		})
	}
	cmd := starts(t, zhang, "open-file", d.in("卷宗"))
	waits()
	killed(t, cmd)
	eventually(t, func() (struct{}, error) {
		if d.waitingNow() != 0 {
			return struct{}{}, errors.New("its request still waits")
		}
		return struct{}{}, nil
	})
	cmd = starts(t, zhang, "open-file", d.in("卷宗"))
	waits()
	if err := d.srv.Unmount(true); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(d.mnt); err != nil || len(list) != 0 {
		t.Errorf("the drive is still there: %v, %v", list, err)
	}
	killed(t, cmd)
	<-d.done
}

// manyOpen is a program that opens a file in many threads, and prints how many were told to come again.
func manyOpen(args []string) error {
	var again, other atomic.Int64
	var wg sync.WaitGroup
	n, most := number(args[1]), number(args[2])
	for range n {
		go func() {
			switch _, err := os.Open(args[0]); {
			case errors.Is(err, syscall.EAGAIN):
				again.Add(1)
			default:
				other.Add(1)
			}
		}()
	}
	wg.Go(func() {
		for int(again.Load()) < n-most {
			time.Sleep(time.Millisecond)
		}
	})
	wg.Wait()
	fmt.Println(again.Load(), other.Load())
	return nil
}

// However many threads a flooder has, a bounded number of their requests wait, and others' mapped pages have their place.
func TestWaitersAreBounded(t *testing.T) {
	d, lead := flooded(t)
	member := as.Start(t, lina)
	d.owes(zhang, time.Hour)
	if got := strings.TrimSpace(runs(t, lead, "many-open", d.in("卷宗"), fmt.Sprint(waitingOfOne+40), fmt.Sprint(waitingOfOne))); got != "40 0" {
		t.Errorf("told to come again, and answered otherwise: %s", got)
	}
	f := member.Opens(d.in("卷宗"), syscall.O_RDONLY, 0)
	m, err := f.Map(0, 4096, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Read(0, 1); err != nil {
		t.Error(err)
	}
	member.Does(m.Unmap())
	f.Close()
}

// The alarm is in the log once, with its end, and in the gauges while it goes on.
func TestFloodIsAlarmedOnce(t *testing.T) {
	d, lead := flooded(t)
	d.owes(zhang, 0)
	for range 30 {
		if _, err := lead.ReadFile(d.in("卷宗")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() (struct{}, error) {
		if d.count("ev", evFlood) == 0 {
			return struct{}{}, errors.New("no alarm")
		}
		return struct{}{}, nil
	})
	if f := d.srv.Stats().Floods; len(f) != 1 || f[0].UID != zhang || f[0].User != "zhang.wei" || f[0].Waited == 0 {
		t.Errorf("%+v", f)
	}
	d.unmount()
	list := []line{}
	for _, l := range d.records() {
		if l.str("ev") == evFlood {
			list = append(list, l)
		}
	}
	if len(list) != 2 || !strings.HasPrefix(list[0].str("note"), "begins: ") || !strings.HasPrefix(list[1].str("note"), "ends: ") ||
		list[0].str("user") != "zhang.wei" || int(list[0].num("uid")) != zhang || list[1].str("exe") == "" || list[1].num("count") == 0 {
		t.Errorf("%v", list)
	}
}
