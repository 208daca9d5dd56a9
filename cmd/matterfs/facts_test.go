package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/audit/report"
	"matterfs/policy"
)

var allSix = []int{0, 1, 2, 3, 4, 5}

// litTeam has sun.li in the unix group.
func litTeam(...*policy.Policy) *policy.Env {
	return &policy.Env{Groups: func(group, user string) (in, known bool) { return group == "lit-team" && user == "sun.li", true }}
}

func firmFacts(t testing.TB, w period, kept ...int) *report.Facts {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	state, log := buildFirm(t, kept...)
	p, err := readPast(log)
	if err != nil {
		t.Fatal(err)
	}
	f := newFacts(p, state, litTeam, w)
	f.Gaps = p.gaps(1)
	return f
}

func firmWindow() period { return period{until: firmNow, now: firmNow.UTC()} }

// TestFactsGolden: the facts of the year, and its log, are what the reports are tested with. MATTERFS_UPDATE writes them.
func TestFactsGolden(t *testing.T) {
	text, err := factsText(firmFacts(t, firmWindow(), allSix...))
	if err != nil {
		t.Fatal(err)
	}
	_, log := buildFirm(t)
	lines, err := os.ReadFile(filepath.Join(log, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"facts.json": text, "log/audit.jsonl": lines} {
		name = filepath.Join("..", "..", "audit", "report", "testdata", "firm", name)
		if os.Getenv("MATTERFS_UPDATE") != "" {
			writeFile(t, name, string(got))
			if err := os.Chmod(name, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; MATTERFS_UPDATE=1 writes it anew:\n%s", name, got)
		}
	}
}

// TestFactsAgreeWithEveryHour asks the policy in force, with the lists and levels of that moment, every hour of the year for
// everybody: what the facts must say, found out without a thought. It knows what happened from the story, not from the log.
func TestFactsAgreeWithEveryHour(t *testing.T) {
	f := firmFacts(t, firmWindow(), allSix...)
	got := map[string]string{}
	for _, r := range f.Rights {
		for at := firmAt(firmLoads[0]); at.Before(firmNow); at = at.Add(time.Hour) {
			if !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To)) {
				key := fmt.Sprintf("%s %s/%s %s", r.User, r.Matter, r.Path, at.Format(time.RFC3339))
				if got[key] != "" {
					t.Fatalf("two rights at once: %s", key)
				}
				got[key] = strings.Join(r.Rights, "|") + " by " + r.Rule
			}
		}
	}
	want := everyHour(t)
	if len(want) < 10000 {
		t.Fatalf("only %d hours with a right", len(want))
	}
	if !maps.Equal(got, want) {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if got[key] != want[key] {
				t.Fatalf("%s: facts say %q, every hour %q", key, got[key], want[key])
			}
		}
		for key := range got {
			if want[key] == "" {
				t.Fatalf("%s: facts say %q, every hour nothing", key, got[key])
			}
		}
	}
}

func everyHour(t *testing.T) map[string]string {
	var list []*policy.Policy
	for _, text := range firmPolicies() {
		p, err := policy.Parse(map[string][]byte{"firm.yaml": []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	want := map[string]string{}
	for at := firmAt(firmLoads[0]); at.Before(firmNow); at = at.Add(time.Hour) {
		now := 0
		for i, load := range firmLoads {
			if !at.Before(firmAt(load)) {
				now = i
			}
		}
		for user := range firmUIDs {
			for _, place := range []string{"2026-0142/", "2026-0142/鉴定", "2026-0142/证据", "2026-0142/涉密证据", "2026-0150/", "2026-0177/"} {
				if r := hourly(list[now], user, place, at); r != "" {
					want[fmt.Sprintf("%s %s %s", user, place, at.Format(time.RFC3339))] = r
				}
			}
		}
	}
	return want
}

// hourly is what somebody could do at a moment.
func hourly(p *policy.Policy, user, place string, at time.Time) string {
	between := func(from, to string) bool { return !at.Before(firmAt(from)) && at.Before(firmAt(to)) }
	env := litTeam()
	env.Disabled = func(u string) bool {
		return u == "li.na" && between("2026-08-10 10:00:00", "2026-08-10 12:00:00") || u == "wang.qiang" && between("2026-09-14 18:00:00", "2027-01-01 00:00:00")
	}
	env.Frozen = func(m string) bool { return m == "2026-0142" && between("2026-07-03 09:00:00", "2026-07-04 17:30:00") }
	matter, path, _ := strings.Cut(place, "/")
	var sealed []string
	if path == "证据" && between("2026-10-10 08:00:00", "2026-10-20 10:00:00") || path == "涉密证据" && between("2026-10-20 10:00:00", "2027-01-01 00:00:00") {
		sealed = []string{"绝密"}
	}
	var rights []string
	rule := ""
	for _, op := range []struct {
		op   policy.Op
		name string
	}{{policy.OpOpenRead, "read"}, {policy.OpOpenWrite, "write"}, {policy.OpMkdir, "create"}, {policy.OpUnlink, "delete"}, {policy.OpRenameFrom, "rename"}} {
		d := p.DecideUser(user, policy.Request{Matter: matter, Path: strings.Trim(path+"/x", "/"), Sealed: sealed, Op: op.op, At: at, Env: env})
		if d.Allow {
			rights = append(rights, op.name)
			if rule == "" {
				rule = d.Rule
			}
		}
	}
	if rights == nil {
		return ""
	}
	return strings.Join(rights, "|") + " by " + rule
}

// TestFactsWindow: a window leaves rights out and does not cut them.
func TestFactsWindow(t *testing.T) {
	all := firmFacts(t, firmWindow(), allSix...)
	w := period{since: firmAt("2026-07-01 00:00:00"), until: firmAt("2026-10-01 00:00:00"), now: firmNow.UTC()}
	some := firmFacts(t, w, allSix...)
	var want []report.Right
	for _, r := range all.Rights {
		if r.From.Before(w.until) && (r.To.IsZero() || !r.To.Before(w.since)) {
			want = append(want, r)
		}
	}
	if len(want) == len(all.Rights) || !slices.EqualFunc(some.Rights, want, sameRight) {
		t.Errorf("%d rights of %d, want %d", len(some.Rights), len(all.Rights), len(want))
	}
}

func sameRight(a, b report.Right) bool {
	return a.User == b.User && a.Matter == b.Matter && a.Path == b.Path && a.Rule == b.Rule && a.From.Equal(b.From) && a.To.Equal(b.To) && slices.Equal(a.Rights, b.Rights)
}

// TestFactsLostPolicy: of a policy whose files are lost, or are no longer what they were, nothing is said to have been allowed, and it is
// said that this is not known.
func TestFactsLostPolicy(t *testing.T) {
	f := firmFacts(t, firmWindow(), 0, 1, 2, 4, 5)
	lost := f.Policies[3]
	if lost.Kept || !f.Policies[4].Kept {
		t.Fatalf("%+v", f.Policies)
	}
	for _, r := range f.Rights {
		if r.From.Before(lost.To) && (r.To.IsZero() || r.To.After(lost.From)) {
			t.Errorf("a right under a lost policy: %+v", r)
		}
	}
	if !slices.Contains(f.Gaps, report.Gap{What: "lost", N: 1, Of: 6}) {
		t.Errorf("gaps: %v", f.Gaps)
	}

	state, log := buildFirm(t, allSix...)
	dirs, err := filepath.Glob(filepath.Join(state, archiveName, lost.Hash+"*", "firm.yaml"))
	if err != nil || len(dirs) != 1 {
		t.Fatal(dirs, err)
	}
	writeFile(t, dirs[0], strings.Replace(firmPolicies()[3], "{ user: chen.jie, rights: [read]", "{ user: chen.jie, rights: [read, write]", 1))
	p, err := readPast(log)
	if err != nil {
		t.Fatal(err)
	}
	if f = newFacts(p, state, litTeam, firmWindow()); f.Policies[3].Kept {
		t.Error("a kept policy that somebody edited is believed")
	}
}

// TestFactsPeople: who left, who is in no policy any more, and what names them still.
func TestFactsPeople(t *testing.T) {
	f := firmFacts(t, firmWindow(), allSix...)
	if p := f.People["wang.qiang"]; p.Status != "departed" || !p.Since.Equal(firmAt("2026-09-15 00:00:00")) ||
		fmt.Sprint(p.Named) != "[{member 2026-0177} {group partners}]" {
		t.Errorf("wang.qiang: %+v", p)
	}
	if p := f.People["sun.li"]; p.Status != "gone" || !p.Since.Equal(firmAt(firmLoads[5])) || p.Named != nil {
		t.Errorf("sun.li: %+v", p)
	}
	if p := f.People["li.na"]; p.Status != "active" || fmt.Sprint(p.UIDs) != "[10026 10022]" {
		t.Errorf("li.na: %+v", p)
	}
	if p := f.People["qian.li"]; fmt.Sprint(p.Duties) != "[secadmin]" {
		t.Errorf("qian.li: %+v", p)
	}
	if got := f.Matters["2026-0142"].Folders; fmt.Sprint(got) != "[涉密证据 证据 鉴定]" {
		t.Errorf("folders %q", got)
	}
	if want := []report.Gap{{What: "groups", N: 1}, {What: "seals"}}; !slices.Equal(f.Gaps, want) {
		t.Errorf("gaps %v, want %v", f.Gaps, want)
	}
}

// TestFactsOfARetainedLog: where the log begins later, the policy in force is known by what records name.
func TestFactsOfARetainedLog(t *testing.T) {
	_, log := buildFirm(t)
	name := filepath.Join(log, "audit.jsonl")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	writeFile(t, name, string(bytes.Join(lines[7:], nil))) // the load of the second policy is gone
	p, err := readPast(log)
	if err != nil {
		t.Fatal(err)
	}
	if p.first != 8 || len(p.policies) != 6-1 || p.policies[0].From.Equal(firmAt(firmLoads[1])) {
		t.Errorf("first record %d, policies %+v", p.first, p.policies)
	}
}

// TestStopsCut: what is left of a span.
func TestStopsCut(t *testing.T) {
	h := func(n int) time.Time {
		if n == 0 {
			return time.Time{}
		}
		return firmNow.Add(time.Duration(n) * time.Hour)
	}
	list := stopList{{h(2), h(3)}, {h(5), h(7)}, {h(9), h(0)}}
	for _, c := range []struct {
		from, to int
		want     string
	}{{1, 4, "1-2 3-4"}, {2, 3, ""}, {1, 0, "1-2 3-5 7-9"}, {10, 0, ""}, {3, 5, "3-5"}, {6, 8, "7-8"}, {1, 2, "1-2"}, {5, 7, ""}} {
		var got []string
		for _, s := range list.cut(h(c.from), h(c.to)) {
			got = append(got, fmt.Sprintf("%d-%d", int(s.from.Sub(firmNow).Hours()), int(s.to.Sub(firmNow).Hours())))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%d-%d: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got := (stopList{}).cut(h(1), h(0)); len(got) != 1 || !got[0].to.IsZero() {
		t.Errorf("without stops: %v", got)
	}
}
