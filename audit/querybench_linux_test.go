package audit

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The firm of the benchmark: 50 people work 250 days a year on six matters each, of which three change every 20 days. A record is
// part of a burst: a document is opened, read and closed; the bursts of all people are mixed by the clock.
const (
	benchPeople  = 50
	benchMatters = 300
	benchDays    = 250
	benchPerDay  = 20_000_000 / benchDays // records
)

// benchRecords is how many records the benchmark's log has: a part of the year, day by day as in the whole. make bench-audit sets it.
func benchRecords() int {
	if n, err := strconv.Atoi(os.Getenv("AUDIT_RECORDS")); err == nil && n > 0 {
		return n
	}
	return 2 * benchPerDay
}

// benchFirm writes the log of such a firm: a segment for each day, compressed but for the last two, as the daemon leaves them.
type benchFirm struct {
	r       *rand.Rand
	dir     string
	matters [benchPeople][6]int
	hits    [benchMatters]int // records of each matter
	seq     uint64
	prev    [32]byte
	enc     *encoder
	plain   int // days before the last that are not compressed
	zip     sync.WaitGroup
	slots   chan struct{}
	mu      sync.Mutex
	err     error
}

type benchEvent struct {
	at time.Duration
	r  Record
}

func newBenchFirm(dir string) *benchFirm {
	f := &benchFirm{r: rand.New(rand.NewPCG(20, 26)), dir: dir, prev: StoreHash(testStore), slots: make(chan struct{}, 2)}
	f.enc = newEncoders().Get().(*encoder)
	f.plain = 1
	for p := range f.matters {
		for i := range f.matters[p] {
			f.matters[p][i] = f.r.IntN(benchMatters)
		}
	}
	return f
}

// day is what happens on one, in order.
func (f *benchFirm) day(n int) (list []*benchEvent) {
	for len(list) < n {
		person := f.r.IntN(benchPeople)
		start := 9*time.Hour + time.Duration(f.r.Int64N(int64(9*time.Hour)))
		// An hour is spent on one matter, now and then another is looked up.
		slot := (int(start/time.Hour)*7 + person) % 6
		if f.r.IntN(8) == 0 {
			slot = f.r.IntN(6)
		}
		matter := f.matters[person][slot]
		doc := f.r.IntN(400)
		base := Record{Res: "ok", User: fmt.Sprintf("user%02d.li", person), UID: uint32(10000 + person), HasUID: true, AUID: int64(10000 + person),
			OUID: -1, PID: uint32(2000 + f.r.IntN(60000)), Exe: "/usr/lib/libreoffice/program/soffice.bin", Comm: "soffice.bin",
			Matter: fmt.Sprintf("2026-%04d", matter), Client: fmt.Sprintf("C%04d", matter/3), Level: "机密",
			Path: fmt.Sprintf("证据/卷%02d/合同-%04d.docx", doc/20, doc), FID: fmt.Sprintf("%032x", matter*1000+doc), H: f.r.Uint64N(1 << 20),
			Rule: "member.lead", Pol: "9f2c1a7be0d4", Purpose: "庭审质证"}
		evs := append([]string{"open"}, slices.Repeat([]string{"read"}, 1+f.r.IntN(10))...)
		if f.r.IntN(100) == 0 {
			evs, base.Res, base.Rule = []string{"lookup"}, "deny", "wall.W-07"
		} else {
			evs = append(evs, "close")
		}
		for i, ev := range evs {
			e := &benchEvent{start, base}
			e.r.Ev = ev
			if ev == "read" {
				e.r.HasRange, e.r.Off, e.r.Len, e.r.Req = true, int64(i-1)<<17, 1<<17, 1<<17
			}
			list = append(list, e)
			start += time.Duration(f.r.Int64N(int64(300 * time.Millisecond)))
		}
		f.hits[matter] += len(evs)
	}
	slices.SortStableFunc(list, func(a, b *benchEvent) int { return cmp.Compare(a.at, b.at) })
	return list
}

// year writes so many records of one: a segment a day.
func (f *benchFirm) year(records int) error {
	last := (records - 1) / benchPerDay
	for day := range last + 1 {
		if day%20 == 19 {
			for p := range f.matters {
				for i := range 3 {
					f.matters[p][(i+day/20*3)%6] = f.r.IntN(benchMatters)
				}
			}
		}
		if err := f.write(day, f.day(min(benchPerDay, records-int(f.seq))), last); err != nil {
			return err
		}
	}
	f.zip.Wait()
	return f.err
}

// matter chooses a matter by its rank: 0 is the one with the fewest records, 1 the one with the most.
func (f *benchFirm) matter(rank float64) (id string, records int) {
	var list []int
	for m, n := range f.hits {
		if n > 0 {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(x, y int) int { return cmp.Compare(f.hits[x], f.hits[y]) })
	m := list[int(rank*float64(len(list)-1))]
	return fmt.Sprintf("2026-%04d", m), f.hits[m]
}

// write writes one day as a segment, and compresses it unless it is one of the last.
func (f *benchFirm) write(day int, list []*benchEvent, last int) error {
	name := segmentName(f.seq + 1)
	if day == last {
		name = LiveName
	}
	var w io.Writer
	file, err := os.Create(filepath.Join(f.dir, name))
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(file, 1<<20)
	w = buf
	midnight := time.Date(2026, 1, 1+day*365/benchDays, 0, 0, 0, 0, time.UTC)
	var line []byte
	for _, e := range list {
		body, err := f.enc.encode(&e.r)
		if err != nil {
			return err
		}
		f.seq++
		line = append(frame(line[:0], f.seq, midnight.Add(e.at), body, &f.prev), '\n')
		f.prev = LeafHash(line[:len(line)-1])
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	if err := errors.Join(buf.Flush(), file.Close()); err != nil || day >= last-f.plain {
		return err
	}
	f.zip.Add(1)
	f.slots <- struct{}{}
	go func() {
		defer f.zip.Done()
		err := packFile(file.Name())
		f.mu.Lock()
		f.err = errors.Join(f.err, err)
		f.mu.Unlock()
		<-f.slots
	}()
	return nil
}

func packFile(name string) error {
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(name + ".gz")
	if err != nil {
		return err
	}
	m := newMemberWriter(to)
	_, err = io.Copy(m, from)
	return errors.Join(err, m.Close(), to.Close(), os.Remove(name))
}

// benchLog is a log of AUDIT_RECORDS records, in a directory of its own or in AUDIT_LOG, where it stays and is used again.
func benchLog(b *testing.B) *benchFirm {
	dir := os.Getenv("AUDIT_LOG")
	if dir == "" {
		dir = b.TempDir()
	}
	f, kept := newBenchFirm(dir), filepath.Join(dir, "hits")
	if raw, err := os.ReadFile(kept); err == nil && json.Unmarshal(raw, &f.hits) == nil {
		return f
	}
	if err := errors.Join(os.MkdirAll(dir, 0o700), f.year(benchRecords())); err != nil {
		b.Fatal(err)
	}
	raw, err := json.Marshal(f.hits)
	if err != nil {
		b.Fatal(err)
	}
	writeFile(b, kept, raw)
	return f
}

// BenchmarkQuery asks for all records of one matter: of that with the fewest, of one in the middle, of that with the most; only for
// their number, or to print them. It reports how many there are and how many bytes are read for them. The indexes are made before,
// and how long that takes is printed.
func BenchmarkQuery(b *testing.B) {
	f := benchLog(b)
	o := QueryOptions{Dir: f.dir, IndexDir: b.TempDir()}
	started, cpu := time.Now(), cpuTime()
	if _, err := Count(o, mustFilter(b, "matter=none")); err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%d MB of log on disk, indexes of %d KB made in %.1f s (%.1f s of processors)\n", size(b, f.dir)>>20, size(b, o.IndexDir)>>10,
		time.Since(started).Seconds(), (cpuTime() - cpu).Seconds())
	for _, rank := range []struct {
		name string
		at   float64
	}{{"rarest", 0}, {"median", 0.5}, {"busiest", 1}} {
		id, n := f.matter(rank.at)
		for _, way := range []string{"count", "json", "human"} {
			b.Run(rank.name+"/"+way, func(b *testing.B) { benchQuery(b, o, mustFilter(b, "matter="+id), way, n) })
		}
	}
	id, _ := f.matter(0.5)
	b.Run("median/denied", func(b *testing.B) { benchQuery(b, o, mustFilter(b, "matter="+id+" denied"), "count", -1) })
}

// benchQuery asks and prints; want is how many records there are, negative where that is not known.
func benchQuery(b *testing.B, o QueryOptions, filter *Filter, way string, want int) {
	var rep *QueryReport
	var err error
	out := bufio.NewWriterSize(io.Discard, 1<<16)
	cpu := cpuTime()
	for b.Loop() {
		switch way {
		case "count":
			rep, err = Count(o, filter)
		case "json":
			rep, err = Query(o, filter, func(line []byte, _ *Parsed) error { _, err := out.Write(line); return err })
		case "human":
			rep, err = Query(o, filter, func(_ []byte, p *Parsed) error { _, err := out.WriteString(Human(p, time.UTC, "zh")); return err })
		}
		if err != nil || want >= 0 && rep.Matched != uint64(want) {
			b.Fatalf("%d records, want %d: %v", rep.Matched, want, err)
		}
	}
	b.ReportMetric(float64(rep.Matched), "records")
	b.ReportMetric(float64(rep.Bytes)/1e6, "MB-read")
	b.ReportMetric((cpuTime()-cpu).Seconds()/float64(b.N), "cpu-s")
}

// cpuTime is what this process has used: unlike the time on the clock it does not depend on what else runs.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func size(b *testing.B, dir string) (n int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			b.Fatal(err)
		}
		n += fi.Size()
	}
	return n
}
