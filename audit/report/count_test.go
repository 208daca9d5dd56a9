package report

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// Whoever runs audit query --count with the filter of a figure gets the number of the figure.
func TestFiguresAreWhatTheirFiltersCount(t *testing.T) {
	checked := 0
	for seed := range uint64(4) {
		dir := firm(seed, 400, seed%2 == 0).write(t, 300)
		for _, facts := range []*Facts{nil, someFacts()} {
			for name, params := range asked() {
				in := input(dir, "en", params)
				in.Facts = facts
				if seed == 3 {
					in.From, in.Until = time.Date(2026, 11, 10, 0, 0, 0, 0, firmZone), time.Date(2026, 11, 25, 12, 30, 0, 1000, firmZone)
				}
				rep := mustMake(t, name, in)
				for _, s := range rep.Sections {
					if s.Filter != "" {
						countOf(t, dir, s.Filter)
					}
					for _, f := range s.Figures {
						if f.Filter == "" {
							continue
						}
						checked++
						if got := countOf(t, dir, f.Filter); got != f.Value {
							t.Errorf("seed %d, %s, %s: the figure is %v, audit query %q counts %d", seed, name, f.ID, f.Value, f.Filter, got)
						}
					}
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d figures state a filter", checked)
	}
}

// countOf reads the filter anew, as a later audit query does.
func countOf(t *testing.T, dir, filter string) int64 {
	t.Helper()
	f, err := audit.ParseFilter(filter, time.UTC, time.Now())
	if err != nil {
		t.Fatalf("%q: %v", filter, err)
	}
	rep, err := audit.Query(audit.QueryOptions{Dir: dir}, f, func([]byte, *audit.Parsed) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return int64(rep.Matched)
}

// naive counts by plain loops what a register of a matter says of each person.
func naive(t *testing.T, dir, matter string) map[string][6]int64 {
	t.Helper()
	got, opener := map[string][6]int64{}, map[uint64]string{}
	docs := map[string]bool{}
	err := audit.ReadRecords(dir, func(_ []byte, p *audit.Parsed) error {
		if p.Matter != matter {
			return nil
		}
		n := got[p.User]
		switch {
		case p.Res == "deny":
			n[5]++
			if p.Count > 1 {
				n[5] += int64(p.Count) - 1
			}
		case p.Res == "ok" && (p.Ev == "open" || p.Ev == "create"):
			n[0]++
			opener[p.H] = p.User
			if !docs[p.User+p.FID] {
				docs[p.User+p.FID] = true
				n[1]++
			}
			if p.Ev == "create" {
				n[2]++
			}
		case p.Res == "ok" && (p.Ev == "write" || p.Ev == "rename"):
			n[2]++
		case p.Res == "ok" && p.Ev == "close":
			if opener[p.H] != p.User {
				t.Fatalf("the log of the test closes a handle of %q as %q", opener[p.H], p.User)
			}
			for i, key := range []string{"read=", "written="} {
				for part := range strings.SplitSeq(p.Flags, ",") {
					if v, ok := strings.CutPrefix(part, key); ok {
						k, err := strconv.ParseInt(v, 10, 64)
						if err != nil {
							return err
						}
						n[3+i] += k
					}
				}
			}
		}
		got[p.User] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRegisterIsWhatCountingByHandGives(t *testing.T) {
	for seed := range uint64(6) {
		dir := firm(seed, 500, false).write(t, 1000)
		for m := range 6 {
			id := fmt.Sprintf("2026-%04d", 100+m)
			rep := mustMake(t, "matter", input(dir, "zh", map[string]string{"matter": id}))
			want, people := naive(t, dir, id), rep.find(t, "people")
			got := map[string][6]int64{}
			for i, who := range people.column(t, "user") {
				var n [6]int64
				for k, col := range []string{"opens", "documents", "changes", "read", "written", "refused"} {
					n[k] = people.column(t, col)[i].(int64)
				}
				got[who.(string)] = n
			}
			if !maps.Equal(got, want) {
				t.Errorf("seed %d, %s:\n got %v\nwant %v", seed, id, got, want)
			}
			// The parts of a report agree with one another.
			for figure, column := range map[string]string{"opens.n": "opens", "changes.n": "changes", "read.n": "read", "written.n": "written", "attempts.n": "refused"} {
				for _, section := range []string{"people", "register", "documents"} {
					if sum := rep.find(t, section).sum(t, column); sum != rep.value(t, figure) {
						t.Errorf("seed %d, %s: the column %s of %s sums up to %d, the figure is %v", seed, id, column, section, sum, rep.value(t, figure))
					}
				}
			}
			if rep.find(t, "refusals").sum(t, "attempts") != rep.value(t, "attempts.n") {
				t.Errorf("seed %d, %s: refusals do not sum up", seed, id)
			}
		}
	}
}

// All matters of a person, and all people of the firm, are the whole.
func TestReportsOfAllPartsAreTheWhole(t *testing.T) {
	dir := firm(11, 600, true).write(t, 5000)
	var opens, refused int64
	for _, who := range staff {
		rep := mustMake(t, "user", input(dir, "en", map[string]string{"user": who}))
		opens += rep.value(t, "opens.n").(int64)
		refused += rep.value(t, "attempts.n").(int64)
		if sum := rep.find(t, "bymatter").sum(t, "opens"); sum != rep.value(t, "opens.n") {
			t.Errorf("%s: matters sum up to %d", who, sum)
		}
		hours := 0.0
		for _, s := range rep.find(t, "hours").Chart.Series {
			for _, v := range s.Values {
				hours += v
			}
		}
		if int64(hours) != rep.value(t, "opens.n") {
			t.Errorf("%s: the hours of the week sum up to %v", who, hours)
		}
	}
	denied := mustMake(t, "denied", input(dir, "en", nil))
	sample := mustMake(t, "sample", input(dir, "en", map[string]string{"n": "1"}))
	if opens != sample.value(t, "population.n") || refused != denied.value(t, "attempts.n") || opens == 0 || refused == 0 {
		t.Errorf("%d opens, %d refusals; population %v, refusals %v", opens, refused, sample.value(t, "population.n"), denied.value(t, "attempts.n"))
	}
	for _, section := range []string{"byuser", "byrule", "bymatter", "detail"} {
		if sum := denied.find(t, section).sum(t, "attempts"); sum != refused {
			t.Errorf("%s sums up to %d of %d", section, sum, refused)
		}
	}
}

// With cover-before-serve a record of a read announces a window and most reads have none. No number of a report may depend on it.
func TestNumbersAreTheSameWithAndWithoutARecordForEachRead(t *testing.T) {
	each, cover := firm(5, 400, false), firm(5, 400, true)
	// The same times, so that only the reads differ.
	at := map[string]time.Time{}
	key := func(e event) string {
		return fmt.Sprint(e.Ev, e.Res, e.User, e.Path, e.Matter, e.H, e.Flags, e.To, e.Count, e.AUID)
	}
	n := map[string]int{}
	for _, e := range cover.events {
		if e.Ev != "read" {
			n[key(e)]++
			at[key(e)+strconv.Itoa(n[key(e)])] = e.at
		}
	}
	clear(n)
	kept := 0
	for i := range each.events {
		e := &each.events[i]
		if e.Ev != "read" {
			n[key(*e)]++
			e.at = at[key(*e)+strconv.Itoa(n[key(*e)])]
			kept++
		} else {
			e.at = each.events[i-1].at
		}
		if e.at.IsZero() {
			t.Fatalf("no such event in the other log: %+v", e)
		}
	}
	if len(each.events) < len(cover.events)+300 || kept == 0 {
		t.Fatalf("%d and %d records: the logs do not differ enough", len(each.events), len(cover.events))
	}
	a, b := each.write(t, 100_000), cover.write(t, 100_000)
	for name, params := range map[string]map[string]string{"matter": asked()["matter"], "user": asked()["user"], "client": asked()["client"]} {
		x, y := mustMake(t, name, input(a, "en", params)), mustMake(t, name, input(b, "en", params))
		for i := range x.Sections {
			for j, f := range x.Sections[i].Figures {
				if g := y.Sections[i].Figures[j]; !reflect.DeepEqual(f, g) {
					t.Errorf("%s: %v with a record for each read, %v without", name, f, g)
				}
			}
		}
		people := map[string]string{"matter": "people", "user": "bymatter", "client": "people"}[name]
		if !reflect.DeepEqual(x.find(t, people).Table, y.find(t, people).Table) {
			t.Errorf("%s: the tables of %s differ", name, people)
		}
	}
}

// Numbers of handles begin again with each mount, and a handle may be open at the end.
func TestBytesCountForWhoUsedTheHandle(t *testing.T) {
	b := &logBuilder{at: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)}
	open := on(base(0, "open", "ok"), 0, 1)
	open.H = 7
	b.add(open)
	again := on(base(1, "open", "ok"), 0, 2) // after a crash, with the same number
	again.H = 7
	b.add(again)
	other := again // somebody else read through the handle and has a close of their own
	other.Ev, other.User, other.UID, other.OUID, other.Flags = "close", "zhao.lei", 10005, 10002, "read=400,written=0"
	b.add(other)
	shut := again
	shut.Ev, shut.User, shut.Flags = "close", "", "read=10,written=5,extents=0-9"
	b.add(shut)
	left := on(base(2, "open", "ok"), 0, 3)
	left.H = 8
	b.add(left)
	rep := mustMake(t, "matter", input(b.write(t, 100), "en", map[string]string{"matter": "2026-0100"}))
	people := rep.find(t, "people")
	at := slices.Index(people.column(t, "user"), Cell("li.na"))
	if len(people.Table.Rows) != 4 || people.column(t, "read")[slices.Index(people.column(t, "user"), Cell("zhao.lei"))] != int64(400) || at < 0 || people.column(t, "read")[at] != int64(10) || people.column(t, "written")[at] != int64(5) {
		t.Errorf("%v", people.Table.Rows)
	}
	if !slices.ContainsFunc(rep.Limits, func(s string) bool { return strings.HasPrefix(s, "2 handles were not closed") }) {
		t.Errorf("limits %q: two handles were left open", rep.Limits)
	}
}

// What is said of the records is true of the log.
func TestBasisNamesTheRecords(t *testing.T) {
	dir := firm(2, 100, true).write(t, 60)
	var first, last uint64
	var hash string
	n := uint64(0)
	err := audit.ReadRecords(dir, func(line []byte, p *audit.Parsed) error {
		if p.User == "li.na" {
			if n++; first == 0 {
				first = p.Seq
			}
			last, hash = p.Seq, fmt.Sprintf("%x", audit.LeafHash(line))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rep := mustMake(t, "user", input(dir, "en", map[string]string{"user": "li.na"}))
	if want := (Basis{Records: n, First: first, Last: last, LastHash: hash}); rep.Basis != want {
		t.Errorf("got  %+v\nwant %+v", rep.Basis, want)
	}
	live := filepath.Join(dir, audit.LiveName)
	b, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(live, append(b, "nonsense \"user\":\"li.na\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep = mustMake(t, "user", input(dir, "en", map[string]string{"user": "li.na"})); rep.Basis.Bad != 1 || !strings.Contains(rep.Basis.FirstBad, audit.LiveName) {
		t.Errorf("a line that is no record: %+v", rep.Basis)
	}
}

// BenchmarkMatter is a register of a matter with a million records.
func BenchmarkMatter(b *testing.B) {
	log := &logBuilder{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := 0; len(log.events) < 1_000_000; i++ {
		log.session(i%5, 0, i%2000, "庭审质证", 40_000, 0, false)
		log.at = log.at.Add(-11 * time.Minute)
	}
	dir := log.write(b, 250_000)
	in := input(dir, "zh", map[string]string{"matter": "2026-0100"})
	in.Log.IndexDir = b.TempDir()
	for b.Loop() {
		rep := mustMake(b, "matter", in)
		b.ReportMetric(float64(rep.Basis.Records), "records")
	}
}
