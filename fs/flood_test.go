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
	"golang.org/x/sys/unix"

	"matterfs/audit"
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

// sumOf adds up what records of an event stand for, and says how many lines that takes.
func (d *drive) sumOf(ev, res string) (events, lines int) {
	for _, l := range d.records() {
		if l.str("ev") == ev && l.str("res") == res {
			lines++
			events += max(1, int(l.num("count")))
		}
	}
	return events, lines
}

// Beyond the budget writes are counted: nothing is lost, of the work or of the account, and the log does not grow with it.
func TestWritesOfAFlooderAreCounted(t *testing.T) {
	d, lead := flooded(t)
	f := lead.Opens(d.in("卷宗"), syscall.O_RDWR, 0)
	d.owes(zhang, time.Second)
	events, _ := d.sumOf("write", "ok")
	const writes = 2000
	for i := range writes {
		if _, err := f.WriteAt([]byte{byte(i)}, int64(100+i)); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.logged("ev", "write", "flags", flagMore, "off", 100, "len", 1)
		}
		d.owes(zhang, time.Second)
	}
	lead.Does(f.Close())
	d.unmount()
	after, lines := d.sumOf("write", "ok")
	if after-events != writes {
		t.Errorf("the log has %d writes of %d", after-events, writes)
	}
	if most := 10 + int(time.Minute/repeatWindow); lines > most {
		t.Errorf("%d records for %d writes", lines, writes)
	}
	last := 0
	for i, l := range d.records() {
		if l.str("ev") == "write" {
			last = i
		}
		if l.str("flags") == flagCounted && (l.num("off") < 100 || l.num("off")+l.num("len") > 100+writes) {
			t.Errorf("%v", l)
		}
		if l.str("ev") == "close" && i < last {
			t.Error("writes are recorded after the close")
		}
	}
	d.logged("ev", "close", "flags", fmt.Sprintf("read=0,written=%d", writes))
}

// Nor does what a flooder may vary make more records of it.
func TestCountingIsNotEscaped(t *testing.T) {
	d, lead := flooded(t)
	f := lead.Opens(d.in("卷宗"), syscall.O_RDWR, 0)
	h := d.srv.fs.handles.files()[0]
	d.owes(zhang, time.Hour)
	_, before := d.sumOf("write", "ok")
	for i := range 200 {
		in := &fuse.WriteIn{InHeader: fuse.InHeader{NodeId: h.node.id, Caller: fuse.Caller{Owner: fuse.Owner{Uid: zhang}, Pid: uint32(i)}}, Fh: h.id, Offset: uint64(i)}
		if n, s := d.srv.fs.Write(nil, in, []byte("x")); n != 1 || s != fuse.OK {
			t.Fatal(n, s)
		}
		fin := &fuse.FallocateIn{InHeader: in.InHeader, Fh: h.id, Offset: uint64(i), Length: 1, Mode: unix.FALLOC_FL_KEEP_SIZE}
		if s := d.srv.fs.Fallocate(nil, fin); s != fuse.OK {
			t.Fatal(s)
		}
	}
	lead.Does(f.Close())
	d.unmount()
	if _, after := d.sumOf("write", "ok"); after-before > 4+4*int(time.Minute/repeatWindow) {
		t.Errorf("%d records of 400 changes", after-before)
	}
}

// Pages of a mapping are counted as well; when several people may have changed them nobody pays.
func TestWriteBackOfAFlooderIsCounted(t *testing.T) {
	d, lead := flooded(t)
	f := lead.Opens(d.in("卷宗"), syscall.O_RDWR, 0)
	m, err := f.Map(0, 4096, true)
	if err != nil {
		t.Fatal(err)
	}
	d.owes(zhang, time.Hour)
	for i := range 50 {
		lead.Does(m.Write([]byte{byte(i)}, 0))
		lead.Does(m.Sync())
	}
	lead.Does(m.Unmap())
	lead.Does(f.Close())
	d.unmount()
	events, lines := d.sumOf("writeback", "ok")
	if events < 50 || lines > 20 {
		t.Errorf("%d pages in %d records", events, lines)
	}
	d.logged("ev", "writeback", "note", fmt.Sprintf("writers=[%d]", zhang))
}

// Refusals of many names are one record and a count.
func TestRefusedNamesAreCounted(t *testing.T) {
	d, _ := flooded(t)
	member := as.Start(t, reader)
	d.owes(reader, time.Hour)
	for i := range 300 {
		member.Refused(member.Mkdir(d.in(fmt.Sprint("名", i))), syscall.EACCES)
	}
	d.unmount()
	events, lines := d.sumOf("mkdir", "deny")
	if events != 300 || lines > 2+2*int(time.Minute/repeatWindow) {
		t.Errorf("%d refusals in %d records", events, lines)
	}
	d.logged("ev", "mkdir", "res", "deny", "path", "名299", "note", "of several names; this is the last")
}

// Also within the budget no more than a bound of different refusals are kept apart.
func TestKindsOfRefusalsAreBounded(t *testing.T) {
	s, log := newRefusals(), &listed{}
	for i := range 3 * maxKinds {
		if err := s.note(log, &audit.Record{Ev: "lookup", Rule: "r", UID: 1, Path: fmt.Sprint(i)}, false); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.open) != maxKinds+1 || len(log.recs) != maxKinds+1 {
		t.Errorf("%d kinds are kept, %d records written", len(s.open), len(log.recs))
	}
	if err := s.note(log, &audit.Record{Ev: "lookup", Rule: "r", UID: 2, Path: "x"}, false); err != nil || len(log.recs) != maxKinds+2 {
		t.Error("another uid's refusal is not written")
	}
	if err := s.flush(log, time.Time{}); err != nil || len(s.open) != 0 || len(s.kinds) != 0 {
		t.Errorf("%v, %d, %v", err, len(s.open), s.kinds)
	}
	if last := log.recs[len(log.recs)-1]; last.Count != 2*maxKinds-1 {
		t.Errorf("%d are counted", last.Count)
	}
}

// listed keeps records.
type listed struct{ recs []*audit.Record }

func (l *listed) append(_ audit.Class, rec *audit.Record) (audit.Receipt, error) {
	l.recs = append(l.recs, rec)
	return audit.Receipt{}, nil
}
