package report

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"matterfs/audit"
)

// synth is a log of a firm's life, made up by a seed.
type synth struct {
	r    *rand.Rand
	list []event
	h    uint64
}

func newSynth(seed uint64) *synth { return &synth{r: rand.New(rand.NewPCG(seed, 7))} }

// event adds a record of a person.
func (s *synth) event(at time.Time, user string, r audit.Record) {
	r.OUID = -1
	r.User, r.HasUID, r.Res = user, true, orText(r.Res, "ok")
	if r.UID == 0 {
		r.UID = synthUID(user)
	}
	if r.AUID == 0 {
		r.AUID = int64(r.UID)
	}
	s.list = append(s.list, event{at, r})
}

func orText(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

func synthUID(user string) uint32 { return 10000 + uint32(hashText(user)%5000) }

// reads adds that a document was opened with a program, read and closed.
func (s *synth) reads(at time.Time, user, matter string, doc int, prog string, bytes int) {
	s.h++
	r := audit.Record{Ev: "open", Matter: matter, Client: "C-" + matter, Path: fmt.Sprintf("证据/合同-%04d.docx", doc), FID: fmt.Sprintf("%032x", hashText(fmt.Sprint(matter, doc))),
		H: s.h, Exe: "/usr/bin/" + prog, Comm: prog, Rule: "member.user", Purpose: "庭审质证"}
	s.event(at, user, r)
	if doc%9 == 0 {
		r.Ev, r.HasRange, r.Len = "write", true, 4096
		s.event(at.Add(time.Second), user, r)
	}
	r.HasRange, r.Len = false, 0
	r.Ev, r.Flags, r.Purpose = "close", fmt.Sprintf("read=%d,written=0", bytes), ""
	s.event(at.Add(time.Minute), user, r)
}

// refused adds a refusal.
func (s *synth) refused(at time.Time, user, matter, path string) {
	s.event(at, user, audit.Record{Ev: "lookup", Res: "deny", Matter: matter, Path: path, Rule: "member.none", Comm: "nautilus"})
}

// normalDay is a working day of somebody: between 5 and 25 documents of their three matters between 9 and 19, with one of two programs.
func (s *synth) normalDay(day time.Time, user string) {
	person := int(hashText(user) % 40)
	for range 5 + s.r.IntN(21) {
		at := day.Add(9*time.Hour + time.Duration(s.r.Int64N(int64(10*time.Hour))))
		s.reads(at, user, fmt.Sprintf("2026-%04d", person*3+s.r.IntN(3)), s.r.IntN(300), []string{"soffice.bin", "evince"}[s.r.IntN(2)], 50_000+s.r.IntN(900_000))
	}
	if s.r.IntN(10) == 0 {
		s.refused(day.Add(10*time.Hour), user, "2026-9999", "")
	}
	if s.r.IntN(25) == 0 { // an evening, until nine
		for range 4 {
			s.reads(day.Add(20*time.Hour+time.Duration(s.r.Int64N(int64(time.Hour)))), user, fmt.Sprintf("2026-%04d", person*3), s.r.IntN(300), "soffice.bin", 100_000)
		}
	}
}

// normal is the life of people on the working days of some time.
func (s *synth) normal(from time.Time, days int, users ...string) {
	for d := range days {
		day := from.AddDate(0, 0, d)
		if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for _, u := range users {
			s.normalDay(day, u)
		}
	}
}

// write makes a log directory of it.
func (s *synth) write(t testing.TB) string {
	t.Helper()
	slices.SortStableFunc(s.list, func(a, b event) int { return a.at.Compare(b.at) })
	return (&logBuilder{events: s.list}).write(t, 4000)
}

// made makes a report of a log.
func made(t testing.TB, name, dir string, in Input) *Report {
	t.Helper()
	if in.Zone == nil {
		in.Zone = shanghai
	}
	in.Log = audit.QueryOptions{Dir: dir}
	b, in, err := New(name, in)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := Run(RunOptions{Name: name, Input: in}, b)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func section(t testing.TB, r *Report, id string) *Section {
	t.Helper()
	for i := range r.Sections {
		if r.Sections[i].ID == id {
			return &r.Sections[i]
		}
	}
	t.Fatalf("report %s has no section %q", r.Name, id)
	return nil
}

func figure(t testing.TB, s *Section, id string) Cell {
	t.Helper()
	for _, f := range s.Figures {
		if f.ID == id {
			return f.Value
		}
	}
	t.Fatalf("section %s has no figure %q", s.ID, id)
	return nil
}

// cell is a cell of a row by its column's id.
func cell(t testing.TB, tab *Table, row int, id string) Cell {
	t.Helper()
	for i, c := range tab.Columns {
		if c.ID == id {
			return tab.Rows[row][i]
		}
	}
	t.Fatalf("no column %q", id)
	return nil
}

func day(s string) time.Time {
	d, err := time.ParseInLocation(time.DateOnly, s, shanghai)
	if err != nil {
		panic(err)
	}
	return d
}
