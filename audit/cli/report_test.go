package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
	"matterfs/audit/report"
)

// reportTool has a cache of its own, so that no test leaves indexes behind.
func reportTool(t *testing.T, lang string) (to *Tool, dir string, run func(args ...string) (out, talk string, err error)) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir = smallLog(t, "a", "b", "a", "c")
	to, out, talk := tool(lang)
	return to, dir, func(args ...string) (string, string, error) {
		out.Reset()
		talk.Reset()
		err := runCommand(NewReport(to), append(args, "--zone", "Asia/Shanghai", "--no-index")...)
		return out.String(), talk.String(), err
	}
}

func TestReportForms(t *testing.T) {
	to, dir, run := reportTool(t, "en")
	for _, c := range []struct {
		args []string
		json bool
		want string
	}{
		{[]string{"matter", "matter=2026-0001"}, false, "Register of matter 2026-0001\n"},
		{[]string{"matter", "matter=2026-0001", "--lang", "zh"}, false, "案件 2026-0001 访问登记\n"},
		{[]string{"matter", "matter=2026-0001", "--format", "csv", "--section", "people", "--bom"}, false, "\ufeffuser,opens,"},
		{[]string{"matter", "matter=2026-0001", "--format", "csv"}, false, "section,id,label,value\r\nsummary,people.n,"},
		{[]string{"matter", "matter=2026-0001", "--format", "json"}, false, "{\n \"report\": \"matter\","},
		{[]string{"matter", "matter=2026-0001"}, true, "{\n \"report\": \"matter\","},
		{[]string{"matter", "matter=2026-0001", "--format", "html"}, false, "<!"},
	} {
		*to.JSON = c.json
		out, _, err := run(append(c.args, dir)...)
		if err != nil || !strings.HasPrefix(out, c.want) {
			t.Errorf("%q: %v, %q", c.args, err, out[:min(80, len(out))])
		}
	}
}

// The ending of the file decides the form; the file is its owner's alone, and nothing that exists is lost.
func TestReportFiles(t *testing.T) {
	_, dir, run := reportTool(t, "zh")
	top := t.TempDir()
	for name, want := range map[string]string{"r.html": "<!", "r.csv": "section,", "r.json": "{", "r.txt": "案件 "} {
		file := filepath.Join(top, name)
		out, _, err := run("matter", "matter=2026-0001", dir, "--out", file)
		b, rerr := os.ReadFile(file)
		if err != nil || rerr != nil || out != "" || !strings.HasPrefix(string(b), want) {
			t.Errorf("%s: %v, %v, %.40q", name, err, rerr, b)
			continue
		}
		if fi, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	file := filepath.Join(top, "r.txt")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *UsageError
	if _, _, err := run("matter", "matter=2026-0001", dir, "--out", file); !errors.As(err, &bad) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over a file that exists: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, err := run("matter", "matter=2026-0001", dir, "--out", file, "--force"); err != nil {
		t.Errorf("--force: %v", err)
	}
	// What cannot be made leaves nothing behind.
	absent := filepath.Join(top, "absent.txt")
	var none *report.AbsentError
	if _, _, err := run("matter", "matter=2026-0002", dir, "--out", absent); !errors.As(err, &none) || none.Like != "2026-0001" {
		t.Errorf("%v", err)
	}
	list, err := os.ReadDir(top)
	if err != nil || len(list) != 4 {
		t.Errorf("files %v, %v", list, err)
	}
}

// writeNew does not write over what came between the first look and the end, and leaves no half of a file.
func TestWriteNewIsWholeOrNothing(t *testing.T) {
	top := t.TempDir()
	name := filepath.Join(top, "x")
	failed := errors.New("failed")
	if err := writeNew(name, false, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return failed
	}); !errors.Is(err, failed) {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("came first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(name, false, func(w io.Writer) error { return nil }); err == nil {
		t.Error("a file that exists was written over")
	}
	b, err := os.ReadFile(name)
	list, derr := os.ReadDir(top)
	if err != nil || derr != nil || string(b) != "came first" || len(list) != 1 {
		t.Errorf("%q, %v, %v", b, err, list)
	}
}

func TestReportUsage(t *testing.T) {
	to, dir, run := reportTool(t, "en")
	for want, args := range map[string][]string{
		`no report "mater"; did you mean "matter"?`:      {"mater", dir},
		"name a report; --list":                          {},
		`usr is no parameter`:                            {"denied", "usr=x", dir},
		`did you mean "user"?`:                           {"denied", "usr=x", dir},
		"matter must be given":                           {"matter", dir},
		"user is given twice":                            {"denied", "user=a", "user=b", dir},
		"the directory stands last":                      {"denied", dir, "user=a"},
		"--month \"2026-13\"":                            {"denied", dir, "--month", "2026-13"},
		"--quarter \"2026Q5\"":                           {"denied", dir, "--quarter", "2026Q5"},
		"--since \"yesterday\" is no time":               {"denied", dir, "--since", "yesterday"},
		"give either --since":                            {"denied", dir, "--month", "2026-11", "--since", "7d"},
		"--format \"pdf\" is none of":                    {"denied", dir, "--format", "pdf"},
		"--lang \"fr\"":                                  {"denied", dir, "--lang", "fr"},
		"--section and --bom":                            {"denied", dir, "--section", "x"},
		"no section \"byuse\"":                           {"denied", dir, "--format", "csv", "--section", "byuse"},
		"gives no proofs; client does":                   {"denied", dir, "--proofs", "x"},
		"name the same file":                             {"client", "client=a", dir, "--proofs", "x", "--out", "x"},
		"ends before it begins":                          {"denied", dir, "--since", "2026-11-22", "--until", "2026-11-01"},
		"is no number from 1":                            {"sample", "n=none", dir},
		"--facts " + filepath.Join(dir, audit.LiveName):  {"denied", dir, "--facts", filepath.Join(dir, audit.LiveName)},
		`"no-equals" is no key=value, and the directory`: {"denied", "no-equals", dir},
	} {
		_, _, err := run(args...)
		var bad *UsageError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	*to.JSON = true
	if _, _, err := run("denied", dir, "--format", "csv"); err == nil || !strings.Contains(err.Error(), "exclude") {
		t.Errorf("--json with another form: %v", err)
	}
}

// A report is a search and is recorded before there is an answer; one that is asked for wrongly is none.
func TestReportIsRecorded(t *testing.T) {
	to, dir, run := reportTool(t, "en")
	var noted []string
	refused := errors.New("refused")
	to.Note = func(_, what string) error { noted = append(noted, what); return refused }
	out, _, err := run("user", "user=li na", "--quarter", "2026Q4", dir)
	if err != refused || out != "" {
		t.Errorf("%v, %q", err, out)
	}
	if _, _, err = run("usr", dir); err == refused {
		t.Error("a report that there is not was recorded")
	}
	if want := `report user user="li na" since=2026-10-01T00:00:00+08:00 until=2027-01-01T00:00:00+08:00`; len(noted) != 1 || noted[0] != want {
		t.Errorf("%q", noted)
	}
}

func TestReportFacts(t *testing.T) {
	to, dir, run := reportTool(t, "en")
	f := &report.Facts{Made: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Zone: "Asia/Tokyo", People: map[string]report.Person{"li.na": {Name: "李娜"}}}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := run("user", "user=li.na", dir, "--facts", file); err != nil || !strings.Contains(out, "李娜 (li.na)") {
		t.Errorf("a file: %v, %.80q", err, out)
	}
	for zone, args := range map[string][]string{"(Asia/Tokyo)": nil, "(UTC)": {"--utc"}, "(Asia/Shanghai)": {"--zone", "Asia/Shanghai"}} {
		other, out, _ := tool("en")
		err := runCommand(NewReport(other), append(args, "user", "user=li.na", dir, "--facts", file, "--no-index")...)
		if err != nil || !strings.Contains(out.String(), zone) {
			t.Errorf("days with %q: %v, %.300q", args, err, out)
		}
	}
	var asked [2]time.Time
	to.Facts = func(_ string, from, until time.Time) (*report.Facts, error) {
		asked = [2]time.Time{from, until}
		return f, nil
	}
	if out, _, err := run("user", "user=li.na", dir, "--month", "2026-11"); err != nil || !strings.Contains(out, "李娜") {
		t.Errorf("the store's: %v, %.80q", err, out)
	}
	if asked[0].Format(time.RFC3339) != "2026-11-01T00:00:00+08:00" || asked[1].Format(time.RFC3339) != "2026-12-01T00:00:00+08:00" {
		t.Errorf("facts of %v", asked)
	}
	to.Facts = func(string, time.Time, time.Time) (*report.Facts, error) { return nil, errors.New("no policy") }
	if out, talk, err := run("user", "user=li.na", dir); err != nil || !strings.Contains(talk, "no policy") || strings.Contains(out, "李娜") {
		t.Errorf("none: %v, %q", err, talk)
	}
}

func TestReportPeriods(t *testing.T) {
	loc, now := time.FixedZone("", 8*3600), time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		p           periodFlags
		from, until string
	}{
		{periodFlags{quarter: "2026Q1"}, "2026-01-01T00:00:00+08:00", "2026-04-01T00:00:00+08:00"},
		{periodFlags{quarter: "2026Q4"}, "2026-10-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00"},
		{periodFlags{month: "2026-02"}, "2026-02-01T00:00:00+08:00", "2026-03-01T00:00:00+08:00"},
		{periodFlags{since: "2026-11-01", until: "2026-11-20"}, "2026-11-01T00:00:00+08:00", "2026-11-21T00:00:00+08:00"},
		{periodFlags{until: "2026-11-20T09:30"}, "0001-01-01T00:00:00Z", "2026-11-20T09:30:00+08:00"},
		{periodFlags{since: "2d"}, "2026-11-20T04:00:00Z", "0001-01-01T00:00:00Z"},
	} {
		from, until, err := c.p.read(loc, now)
		if err != nil || from.Format(time.RFC3339) != c.from || until.Format(time.RFC3339) != c.until {
			t.Errorf("%+v: %v to %v, %v", c.p, from, until, err)
		}
	}
}

func TestReportList(t *testing.T) {
	to, _, run := reportTool(t, "zh")
	out, _, err := run("--list")
	if err != nil {
		t.Fatal(err)
	}
	*to.JSON = true
	asJSON, _, err := run("--list", "--lang", "en")
	if err != nil || strings.Count(asJSON, "\n") != len(report.Specs()) {
		t.Errorf("%v, %q", err, asJSON)
	}
	for _, s := range report.Specs() {
		if !strings.Contains(out, s.Name) || !strings.Contains(out, s.Short[1]) || !strings.Contains(asJSON, s.Short[0]) {
			t.Errorf("%s is not listed", s.Name)
		}
	}
}

// A line that is no record does not go unnoticed.
func TestReportEndsWith10OnDamagedLines(t *testing.T) {
	_, dir, run := reportTool(t, "en")
	name := filepath.Join(dir, audit.LiveName)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(b, `{"seq":5,nonsense,"ev":"open","res":"ok"`+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, talk, err := run("sample", dir)
	var code *ExitError
	if !errors.As(err, &code) || code.Code != 10 || !strings.Contains(talk, "audit.jsonl:5") || !strings.Contains(out, "1 lines are no records") {
		t.Errorf("%v, %q", err, talk)
	}
}
