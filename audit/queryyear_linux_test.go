package audit

import (
	"fmt"
	"slices"
	"testing"
)

// yearRecords is how many records of the benchmark's firm a test searches; make bench-audit takes twenty times as many.
const yearRecords = 1_000_000

// A million records of a firm, most days compressed: what is found for a matter, a person, an hour is what reading all of it finds, with
// indexes that are made, that are there, and without.
func TestQueryOfAMillionRecords(t *testing.T) {
	f := newBenchFirm(t.TempDir())
	if err := f.year(yearRecords); err != nil || f.seq < yearRecords {
		t.Fatalf("%d records: %v", f.seq, err)
	}
	var filters []*Filter
	want, counts := map[string][]uint64{}, map[string]int{}
	for _, rank := range []float64{0, 0.5, 1} {
		id, n := f.matter(rank)
		filters = append(filters, mustFilter(t, "matter="+id))
		counts["matter="+id] = n // known from writing them
	}
	busiest, _ := f.matter(1)
	filters = append(filters, mustFilter(t, fmt.Sprintf("matter=%s denied", busiest)), mustFilter(t, "user=user07.li since=2026-01-05T10:00 until=2026-01-05T11:00"), mustFilter(t, "path~卷03 ev=lookup"))
	if err := ReadRecords(f.dir, func(_ []byte, p *Parsed) error {
		for _, filter := range filters {
			if filter.Match(p) {
				want[filter.String()] = append(want[filter.String()], p.Seq)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, filter := range filters {
		n := len(want[filter.String()])
		if known, ok := counts[filter.String()]; n == 0 || ok && n != known {
			t.Errorf("%q: %d records were read, %d written", filter, n, known)
		}
	}
	o := QueryOptions{Dir: f.dir, IndexDir: t.TempDir()}
	for round, built := range []int{int(f.seq-1)/benchPerDay + 1, 0} {
		for i, filter := range filters {
			got, rep := found(t, o, filter)
			if !slices.Equal(got, want[filter.String()]) || rep.Bad > 0 || rep.Unkept != nil || (rep.Built > 0) != (i == 0 && built > 0) || i == 0 && rep.Built != built {
				t.Errorf("%q, round %d: %d records, want %d; %+v", filter, round, len(got), len(want[filter.String()]), rep)
			}
			if n, err := Count(o, filter); err != nil || n.Matched != rep.Matched {
				t.Errorf("%q: counted %+v, %v", filter, n, err)
			}
		}
	}
	id, n := f.matter(0.5)
	if rep, err := Count(QueryOptions{Dir: f.dir}, mustFilter(t, "matter="+id)); err != nil || rep.Matched != uint64(n) || rep.Bytes < 100*yearRecords {
		t.Errorf("without indexes: %+v, %v", rep, err)
	}
	if rep, err := Count(o, mustFilter(t, "matter="+id)); err != nil || rep.Bytes > 100*yearRecords {
		t.Errorf("with indexes: %+v, %v", rep, err)
	}
}
