package fs

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/internal/as"
)

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
