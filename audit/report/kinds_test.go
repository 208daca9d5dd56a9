package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// An outsider with the log and the seed draws the same records as the report, as its text says: here with sha256sum and sort.
func TestSampleCanBeRepeatedFromTheLogAlone(t *testing.T) {
	dir := firm(3, 500, true).write(t, 200)
	for _, n := range []int{1, 7, 40} {
		rep := mustMake(t, "sample", input(dir, "en", map[string]string{"n": fmt.Sprint(n), "seed": "half-year-2"}))
		filter := rep.find(t, "summary").Filter
		f, err := audit.ParseFilter(filter, time.UTC, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var sums []string
		if _, err := audit.Query(audit.QueryOptions{Dir: dir}, f, func(_ []byte, p *audit.Parsed) error {
			h := sha256.Sum256([]byte("half-year-2:" + fmt.Sprint(p.Seq)))
			sums = append(sums, hex.EncodeToString(h[:])+" "+fmt.Sprint(p.Seq))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(sums)
		var got []string
		drawn := rep.find(t, "drawn")
		for i, seq := range drawn.column(t, "seq") {
			got = append(got, fmt.Sprintf("%s %d", drawn.column(t, "digest")[i], seq))
		}
		if want := sums[:min(n, len(sums))]; !slices.Equal(got, want) || rep.value(t, "population.n") != int64(len(sums)) {
			t.Errorf("n=%d: got %d of %v, want %d of %d", n, len(got), rep.value(t, "population.n"), len(want), len(sums))
		}
	}
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Log("no sha256sum here: the sum of the text is not compared with another program's")
		return
	}
	cmd := exec.Command(tool)
	cmd.Stdin = strings.NewReader("half-year-2:1")
	out, err := cmd.Output()
	if want := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte("half-year-2:1"))); err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}

// Each stratum is drawn from by itself; another seed draws others; one that was not given is stated.
func TestSampleStrata(t *testing.T) {
	dir := firm(4, 400, true).write(t, 5000)
	rep := mustMake(t, "sample", input(dir, "zh", map[string]string{"n": "3", "seed": "s", "by": "matter"}))
	count := map[Cell]int{}
	for _, m := range rep.find(t, "drawn").column(t, "matter") {
		count[m]++
	}
	for i, m := range rep.find(t, "strata").column(t, "stratum") {
		if count[m] != 3 || rep.find(t, "strata").column(t, "population")[i].(int64) < 3 {
			t.Errorf("%v: %d drawn", m, count[m])
		}
	}
	if len(count) != 6 {
		t.Errorf("%d strata", len(count))
	}
	other := mustMake(t, "sample", input(dir, "zh", map[string]string{"n": "18", "seed": "other"}))
	same := mustMake(t, "sample", input(dir, "zh", map[string]string{"n": "18", "seed": "s"}))
	if slices.Equal(other.find(t, "drawn").column(t, "seq"), same.find(t, "drawn").column(t, "seq")) {
		t.Error("the seed makes no difference")
	}
	a, b := mustMake(t, "sample", input(dir, "en", nil)), mustMake(t, "sample", input(dir, "en", nil))
	seed, _ := a.value(t, "seed").(string)
	if len(seed) != 16 || a.value(t, "seed") == b.value(t, "seed") {
		t.Errorf("seeds %q and %v", seed, b.value(t, "seed"))
	}
	again := mustMake(t, "sample", input(dir, "en", map[string]string{"seed": seed}))
	if !slices.Equal(again.find(t, "drawn").column(t, "seq"), a.find(t, "drawn").column(t, "seq")) {
		t.Error("the stated seed does not draw the same")
	}
	for _, params := range []map[string]string{{"n": "0"}, {"n": "x"}, {"by": "colour"}} {
		var bad *ParamError
		if _, err := make1("sample", input(dir, "en", params)); !errors.As(err, &bad) {
			t.Errorf("%v: %v", params, err)
		}
	}
}

// story is small enough to count by hand.
func story() *logBuilder {
	b := &logBuilder{at: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)}
	b.refuse(3, 0, "wall.W-07", 1)                   // chen.jie, stopped at 2026-0100
	b.refuse(3, 0, "wall.W-07", 5)                   // and five times more
	b.refuse(1, 2, "member.none", 1)                 // li.na at 2026-0102
	b.session(0, 0, 1, "庭审质证", 5000, 0, true)        // zhang.wei works behind the wall
	b.session(3, 4, 1, "", 70, 0, true)              // chen.jie elsewhere
	b.session(1, 2, 1, "尽职调查", 9000, 300, true)      // li.na was let in
	b.session(3, 0, 2, "", 10, 0, true)              // chen.jie behind the wall: it was lifted
	b.refuse(2, 2, "wall.W-08", 1)                   // wang.fang at 2026-0102
	x := on(base(0, "relabel", "ok"), 0, 1)          // a level
	x.Level, x.Note, x.FID = "绝密", "folder rule", "" // by the daemon
	b.add(x)
	b.add(audit.Record{Ev: "user.disable", Res: "ok", User: "admin", UID: 900, HasUID: true, AUID: 900, OUID: -1, To: "chen.jie", Note: "离职"})
	b.add(audit.Record{Ev: "policy.reload", Res: "ok", User: "admin", UID: 900, HasUID: true, AUID: 900, OUID: -1, Note: "old 1 new 2; less: 1 (chen.jie); more: nobody"})
	y := on(base(0, "open", "ok"), 0, 1)
	y.AUID, y.Rule = 900, "member.lead"
	b.add(y)
	z := base(0, "lookup", "deny")
	z.User, z.UID, z.AUID, z.Rule, z.Comm, z.Exe = "", 4711, -1, "user.unknown", "\x1b[2Jls", ""
	b.add(z)
	return b
}

func TestWallReport(t *testing.T) {
	rep := mustMake(t, "wall", input(story().write(t, 100), "en", nil))
	for figure, want := range map[string]int64{"walls.n": 2, "people.n": 2, "records.n": 3, "attempts.n": 7, "crossed.n": 1} {
		if rep.value(t, figure) != want {
			t.Errorf("%s is %v, want %d", figure, rep.value(t, figure), want)
		}
	}
	if got, want := fmt.Sprint(rep.find(t, "stopped").Table.Rows), "[[W-07 chen.jie 2026-0100 6 2 2026-11-02 09:01:00 +0800 Asia/Shanghai 2026-11-02 09:02:00 +0800 Asia/Shanghai] "+
		"[W-08 wang.fang 2026-0102 1 1 2026-11-02 09:17:00 +0800 Asia/Shanghai 2026-11-02 09:17:00 +0800 Asia/Shanghai]]"; got != want {
		t.Errorf("stopped\n got %s\nwant %s", got, want)
	}
	inside, outside := rep.find(t, "inside"), rep.find(t, "outside")
	if got, want := fmt.Sprint(inside.column(t, "wall"), inside.column(t, "user"), inside.column(t, "crossed")),
		"[W-07 W-07 W-08] [chen.jie zhang.wei li.na] [true false false]"; got != want {
		t.Errorf("inside %s", got)
	}
	if got, want := fmt.Sprint(outside.column(t, "wall"), outside.column(t, "user"), outside.column(t, "matter")), "[W-07] [chen.jie] [2026-0104]"; got != want {
		t.Errorf("outside %s", got)
	}
	one := mustMake(t, "wall", input(story().write(t, 100), "en", map[string]string{"wall": "W-08"}))
	if one.value(t, "walls.n") != int64(1) || one.value(t, "attempts.n") != int64(1) || len(one.find(t, "inside").Table.Rows) != 1 {
		t.Errorf("one wall: %v", one.Sections)
	}
	none := mustMake(t, "wall", input(story().write(t, 100), "en", map[string]string{"wall": "W-99"}))
	if none.value(t, "records.n") != int64(0) {
		t.Errorf("no wall: %v", none.Sections)
	}
}

func TestDeniedReport(t *testing.T) {
	rep := mustMake(t, "denied", input(story().write(t, 5), "en", nil))
	for figure, want := range map[string]int64{"records.n": 5, "attempts.n": 9, "people.n": 4, "nobody.n": 1, "matters.n": 2, "near.n": 2} {
		if rep.value(t, figure) != want {
			t.Errorf("%s is %v, want %d", figure, rep.value(t, figure), want)
		}
	}
	near := rep.find(t, "near")
	if got, want := fmt.Sprint(near.column(t, "user"), near.column(t, "denied.seq"), near.column(t, "allowed.seq")), "[chen.jie li.na] [1 3] [14 10]"; got != want {
		t.Errorf("near %s, want %s", got, want)
	}
	if got := fmt.Sprint(rep.find(t, "byuser").column(t, "user")); got != "[chen.jie li.na uid 4711 wang.fang]" {
		t.Errorf("people %s", got)
	}
	one := mustMake(t, "denied", input(story().write(t, 5), "en", map[string]string{"user": "li.na"}))
	if one.value(t, "records.n") != int64(1) || one.value(t, "near.n") != int64(1) {
		t.Errorf("one person: %v", one.Sections)
	}
}

func TestUserReport(t *testing.T) {
	in := input(story().write(t, 5), "en", map[string]string{"user": "zhang.wei"})
	in.Facts = someFacts()
	rep := mustMake(t, "user", in)
	for figure, want := range map[string]int64{"opens.n": 2, "matters.n": 1, "docs.n": 1, "read.n": 5000, "logins.n": 1, "programs.n": 1} {
		if rep.value(t, figure) != want {
			t.Errorf("%s is %v, want %d", figure, rep.value(t, figure), want)
		}
	}
	if got := fmt.Sprint(rep.find(t, "logins").column(t, "auid"), rep.find(t, "logins").column(t, "uid")); got != "[900] [10001]" {
		t.Errorf("logins %s", got)
	}
	chen := mustMake(t, "user", input(story().write(t, 5), "en", map[string]string{"user": "chen.jie"}))
	if len(chen.find(t, "decrees").Table.Rows) != 1 || chen.value(t, "attempts.n") != int64(6) {
		t.Errorf("chen.jie: %v", chen.find(t, "decrees").Table)
	}
}

func TestMatterReportKnowsWhatConcernsTheMatter(t *testing.T) {
	in := input(story().write(t, 5), "en", map[string]string{"matter": "2026-0100"})
	in.Facts = someFacts()
	rep := mustMake(t, "matter", in)
	if got := rep.find(t, "events").column(t, "note"); !slices.Equal(got, []Cell{"folder rule"}) {
		t.Errorf("events %v", got)
	}
	if got := rep.find(t, "policies").column(t, "concerns"); !slices.Equal(got, []Cell{"chen.jie"}) {
		t.Errorf("policy changes %v", got)
	}
	if got := rep.find(t, "rights").column(t, "rule"); !slices.Equal(got, []Cell{"member.lead"}) {
		t.Errorf("rights %v", got)
	}
	if got := fmt.Sprint(rep.find(t, "purposes").column(t, "purpose"), rep.value(t, "nopurpose"), rep.value(t, "attempts.n")); got != "[庭审质证] 2 6" {
		t.Errorf("purposes %s", got)
	}
}

// A document keeps its line when it is renamed, also when the record of the new name comes before it is opened again.
func TestRenamedDocumentIsOne(t *testing.T) {
	b := &logBuilder{at: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)}
	b.session(0, 0, 1, "", 10, 0, true)
	r := on(base(0, "rename", "ok"), 0, 1)
	r.To = "证据/新名.docx"
	b.add(r)
	b.session(1, 0, 1, "", 10, 0, true)
	for i := len(b.events) - 3; i < len(b.events); i++ {
		b.events[i].Path = "证据/新名.docx"
	}
	rep := mustMake(t, "matter", input(b.write(t, 100), "en", map[string]string{"matter": "2026-0100"}))
	if got := rep.find(t, "documents").column(t, "path"); !slices.Equal(got, []Cell{"证据/新名.docx"}) {
		t.Errorf("documents %v", got)
	}
}

func TestWhatCannotBeMade(t *testing.T) {
	dir := firm(1, 30, true).write(t, 100)
	for _, c := range []struct {
		name   string
		params map[string]string
		from   time.Time
		want   string
	}{
		{"mater", nil, time.Time{}, `there is no report "mater"; did you mean "matter"?`},
		{"matter", nil, time.Time{}, "report matter: matter must be given: matter"},
		{"matter", map[string]string{"matter": "2026-0100", "usr": "x"}, time.Time{}, "report matter: usr is no parameter of this report"},
		{"denied", map[string]string{"usr": "x"}, time.Time{}, `report denied: usr is no parameter of this report; did you mean "user"?`},
		{"matter", map[string]string{"matter": "2026-010O"}, time.Time{}, `matter "2026-010O" is neither in the log nor in the facts; did you mean "2026-0100"?`},
		{"user", map[string]string{"user": "linda"}, time.Time{}, `user "linda" is neither in the log nor in the facts`},
		{"denied", map[string]string{"matter": "none"}, time.Time{}, `matter "none" is neither in the log nor in the facts`},
		{"sample", map[string]string{"user": "none"}, time.Time{}, `user "none" is neither in the log nor in the facts`},
		{"denied", nil, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), "report denied: until the period ends before it begins"},
	} {
		in := input(dir, "en", c.params)
		in.From = c.from
		if _, err := make1(c.name, in); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %v: %v", c.name, c.params, err)
		}
	}
	// A matter of the facts that nobody touched has a report, of nothing.
	in := input(dir, "en", map[string]string{"matter": "2026-0999"})
	in.Facts = someFacts()
	in.Facts.Matters["2026-0999"] = Matter{Client: "C0099"}
	if rep := mustMake(t, "matter", in); rep.value(t, "opens.n") != int64(0) || rep.Basis.Records != 0 {
		t.Errorf("%+v", rep.Basis)
	}
	// A Spec that needs facts and has none is refused.
	s := Spec{Name: "x", NeedsFacts: true}
	var none *FactsError
	if err := s.complete(&Input{Now: time.Now()}); !errors.As(err, &none) || !strings.Contains(err.Error(), "facts") {
		t.Errorf("%v", err)
	}
}

// All texts are there in both languages, and no report says what stands in the code.
func TestEveryTextIsThere(t *testing.T) {
	dir := firm(6, 200, true).write(t, 100)
	for _, table := range []texts{nameTexts, textWords, matterTexts, userTexts, clientTexts, deniedTexts, wallTexts, sampleTexts} {
		for key, pair := range table {
			if pair[0] == "" || pair[1] == "" || strings.Count(pair[0], "%") != strings.Count(pair[1], "%") {
				t.Errorf("%s: %q, %q", key, pair[0], pair[1])
			}
		}
	}
	for _, lang := range []string{"en", "zh"} {
		for name, params := range asked() {
			in := input(dir, lang, params)
			in.Facts = someFacts()
			for form, text := range renderings(t, mustMake(t, name, in)) {
				if strings.Contains(text, "%!") {
					t.Errorf("%s, %s, %s: a text is missing: %s", name, lang, form, text[strings.Index(text, "%!"):][:40])
				}
			}
		}
	}
}

// Columns have one type each, and every cell has it.
func TestCellsAreOfTheirKind(t *testing.T) {
	for name, params := range asked() {
		in := input(firm(6, 200, true).write(t, 100), "en", params)
		in.Facts = someFacts()
		rep := mustMake(t, name, in)
		ids := map[string]bool{}
		for _, s := range rep.Sections {
			if ids[s.ID] {
				t.Errorf("%s: two sections %s", name, s.ID)
			}
			ids[s.ID] = true
			for _, f := range s.Figures {
				checkCell(t, name+" "+f.ID, f.Kind, f.Value)
			}
			if s.Table == nil {
				continue
			}
			for _, row := range s.Table.Rows {
				if len(row) != len(s.Table.Columns) {
					t.Fatalf("%s %s: %d cells under %d columns", name, s.ID, len(row), len(s.Table.Columns))
				}
				for i, c := range row {
					checkCell(t, name+" "+s.ID+" "+s.Table.Columns[i].ID, s.Table.Columns[i].Kind, c)
				}
			}
		}
		var b bytes.Buffer
		if err := WriteJSON(&b, rep); err != nil {
			t.Error(err)
		}
	}
}

func checkCell(t *testing.T, where string, k Kind, c Cell) {
	t.Helper()
	ok := c == nil
	switch c.(type) {
	case string:
		ok = k == Text || k == Hash
	case int64:
		ok = k == Number || k == Bytes
	case float64:
		ok = k == Percent || k == Ratio
	case uint64:
		ok = k == Seq
	case time.Time:
		ok = k == Moment || k == Date
	case bool:
		ok = k == Check
	}
	if !ok {
		t.Errorf("%s: a cell of kind %s holds %T", where, k, c)
	}
}

// Whoever opened something first and was refused later did not get past a refusal.
func TestAllowedThenRefusedIsNoNearMiss(t *testing.T) {
	b := &logBuilder{at: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)}
	b.session(1, 2, 1, "", 10, 0, true)
	b.refuse(1, 2, "member.expired", 1)
	if rep := mustMake(t, "denied", input(b.write(t, 100), "en", nil)); rep.value(t, "near.n") != int64(0) {
		t.Errorf("%v", rep.find(t, "near").Table.Rows)
	}
}
