package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// tellTales is a log in which every text that anybody can choose names another client somewhere, and what must not be seen of it.
func tellTales() (*logBuilder, []string) {
	b := &logBuilder{at: time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC)}
	own := func(ev, res string) audit.Record { return on(base(0, ev, res), 0, 1) } // matter 2026-0100 of C0090
	for i := range 6 {                                                             // the others are in the log by their own records
		b.session(1, i, 1, "", 100, 0, true)
	}
	add := func(change func(r *audit.Record)) {
		r := own("open", "ok")
		r.Rule, r.Purpose = "member.user", "庭审质证"
		change(&r)
		b.add(r)
	}
	add(func(r *audit.Record) { r.Path = "往来/致C0091函.docx" })
	add(func(r *audit.Record) { r.Path = "c0092/a.docx" })
	add(func(r *audit.Record) { r.Path = "Ｃ００９１.docx" })
	add(func(r *audit.Record) { r.Path = "C00\u200b91.docx" })
	add(func(r *audit.Record) { r.Purpose = "与 2026-0102 比对" })
	add(func(r *audit.Record) { r.Purpose = "东湖的材料" })
	add(func(r *audit.Record) { r.Purpose = "青松破产 参考" })
	add(func(r *audit.Record) { r.Purpose = "GLOBEX merger" })
	add(func(r *audit.Record) { r.Rule = "member.group:team-globex" })
	add(func(r *audit.Record) { r.Rule = "tag.C0092" })
	add(func(r *audit.Record) { r.Exe = "/opt/globex/C0091-tool" })
	add(func(r *audit.Record) { r.Exe, r.Comm = "", "globex" })
	add(func(r *audit.Record) { r.Level = "青松破产" })
	add(func(r *audit.Record) { r.Res, r.Rule = "deny", "wall.C0091" })
	add(func(r *audit.Record) { r.Res, r.Rule = "deny", "wall.hostile-bid" })
	add(func(r *audit.Record) { r.Ev, r.To = "rename", "旧/Globex.docx" })
	add(func(r *audit.Record) { r.Ev, r.Flags = "close", "read=1,written=0,globex" })
	add(func(r *audit.Record) {
		r.Ev, r.To, r.Note = "relabel.ask", "C0091", "as in matter 2026-0103 of C0091, says hostile-bid"
	})
	add(func(r *audit.Record) { r.User = "globex" })
	add(func(r *audit.Record) { r.Res, r.Note = "EIO", "C0092: input/output error" })
	b.add(audit.Record{Ev: "policy.reload", Res: "ok", Note: "C0091 C0092"})
	return b, []string{"c0091", "c0092", "2026-0102", "2026-0103", "2026-0104", "2026-0105", "青松破产", "白云上市", "globex", "东湖", "hostile-bid"}
}

// renderings are all forms of a report, folded as names are compared.
func renderings(t *testing.T, rep *Report) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return WriteText(w, rep, 0) }, "narrow": func(w io.Writer) error { return WriteText(w, rep, 60) },
		"csv": func(w io.Writer) error { return WriteCSV(w, rep, "") }, "json": func(w io.Writer) error { return WriteJSON(w, rep) },
		"html": func(w io.Writer) error { return HTML(w, rep) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		out[name] = fold(b.String())
	}
	return out
}

// The report for a client names no other, in whatever field somebody put a name, and neither do the records that may be proved.
func TestClientSeesNoNameOfAnother(t *testing.T) {
	b, secrets := tellTales()
	dir := b.write(t, 10)
	for _, lang := range []string{"zh", "en"} {
		in := input(dir, lang, map[string]string{"client": "C0090", "hide": "Globex,东湖,hostile-bid"})
		in.Facts = someFacts()
		rep := mustMake(t, "client", in)
		for form, text := range renderings(t, rep) {
			for _, s := range secrets {
				if i := strings.Index(text, s); i >= 0 {
					t.Errorf("%s, %s: %q stands in it: ...%s...", lang, form, s, text[max(0, i-60):min(len(text), i+60)])
				}
			}
			if !strings.Contains(text, "2026-0100") || !strings.Contains(text, "庭审质证") {
				t.Errorf("%s, %s: what is the client's own is missing", lang, form)
			}
		}
		lines := provable(t, dir, rep)
		for _, s := range secrets {
			if strings.Contains(lines, s) {
				t.Errorf("%s: %q stands in a record that may be proved", lang, s)
			}
		}
		if len(rep.Proofs) == 0 || rep.value(t, "noproof.n").(int64) < 18 {
			t.Errorf("%d records may be proved, %v may not", len(rep.Proofs), rep.value(t, "noproof.n"))
		}
	}
}

// provable are the lines of the records of which a report lets proofs be written, folded.
func provable(t *testing.T, dir string, rep *Report) string {
	t.Helper()
	var lines strings.Builder
	if err := audit.ReadRecords(dir, func(line []byte, p *audit.Parsed) error {
		if slices.Contains(rep.Proofs, p.Seq) {
			lines.Write(line)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return fold(lines.String())
}

// The control: a report of the same records that is not for outside has all of these names, so that the test above can fail.
func TestOtherReportsDoNameThem(t *testing.T) {
	b, secrets := tellTales()
	dir := b.write(t, 10)
	in := input(dir, "en", nil)
	in.Facts = someFacts()
	var all strings.Builder
	for name, params := range map[string]map[string]string{"matter": {"matter": "2026-0100"}, "denied": {}, "sample": {"n": "1000"}, "user": {"user": "zhang.wei"}} {
		in.Params = params
		all.WriteString(renderings(t, mustMake(t, name, in))["json"])
	}
	for _, s := range secrets {
		if s != "2026-0103" && !strings.Contains(all.String(), s) { // that one stands in a note
			t.Errorf("%q stands nowhere", s)
		}
	}
}

// Without facts and without being told, what the log itself knows of others stays out all the same.
func TestClientReportKnowsOthersFromTheLogAlone(t *testing.T) {
	b, secrets := tellTales()
	rep := mustMake(t, "client", input(b.write(t, 1000), "en", map[string]string{"client": "C0090"}))
	text := renderings(t, rep)["json"]
	for _, s := range secrets[:6] {
		if strings.Contains(text, s) {
			t.Errorf("%q stands in it", s)
		}
	}
	if !strings.Contains(text, "globex") {
		t.Error("a name that nobody told is recognised: how?")
	}
}

func TestWithholder(t *testing.T) {
	w := newWithholder("X", map[string]bool{"C001": true, "红山": true, "Acme": true, "": true, " ": true}, map[string]bool{"Acme Asia": true, "红山路": true})
	for text, want := range map[string]bool{
		"C001": true, "c001": true, "致C001函": true, "C001.docx": true, "C0012": false, "AC001": false, "C001 and C0012": true, "C0012 C001": true, "Ｃ００１": true,
		"C\u00ad001": true, "红\u200d山": true, "在红山": true, "在红山路": false, "红山路与红山": true, "acme": true, "ACME Asia": false, "Acme Asia, Acme": true,
		"Acme Asian": true, "": false, "none of them": false, "C0 01": false, "\xffC001\xff": true,
	} {
		if got := w.holds(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for path, want := range map[string]string{"a/b": "a/b", "C001/b": "X/b", "a/C001.docx/红山": "a/X/X", "a/Acme": "a/X"} {
		if got := w.path(path); got != want {
			t.Errorf("%q: %q", path, got)
		}
	}
	w = newWithholder("X", map[string]bool{"a/b": true}, nil)
	if got := w.path("x/a/b/c"); got != "X" {
		t.Errorf("a name over two parts of a path: %q", got)
	}
}

// FuzzWithholder: what is let through holds no name as it stands.
func FuzzWithholder(f *testing.F) {
	f.Add("a C001 b", "C001")
	f.Add("甲红山乙", "红山")
	f.Add("\xff", "\xff")
	f.Fuzz(func(t *testing.T, text, name string) {
		w := newWithholder("", map[string]bool{name: true}, nil)
		if len(w.names) == 0 {
			return
		}
		got := w.safe(text + " " + name + " " + text)
		if got != "" {
			t.Fatalf("%q, %q: %q", text, name, got)
		}
	})
}

// Each row has the number of its record; bytes and close are those of the same handle.
func TestClientRowsAreRecords(t *testing.T) {
	dir := firm(8, 300, true).write(t, 100)
	rep := mustMake(t, "client", input(dir, "en", map[string]string{"client": "C0091"}))
	s := rep.find(t, "accesses")
	byseq := map[uint64]*audit.Parsed{}
	want := 0
	if err := audit.ReadRecords(dir, func(_ []byte, p *audit.Parsed) error {
		byseq[p.Seq] = p
		if p.Client == "C0091" && slices.Contains([]string{"open", "create", "rename"}, p.Ev) {
			want++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(s.Table.Rows) != want || want == 0 {
		t.Errorf("%d rows, %d records", len(s.Table.Rows), want)
	}
	joined := 0
	for i, c := range s.column(t, "seq") {
		p := byseq[c.(uint64)]
		if p.Client != "C0091" || s.column(t, "path")[i] != p.Path || s.column(t, "user")[i] != p.User {
			t.Errorf("row %d is not record %d", i, p.Seq)
		}
		shut := s.column(t, "close.seq")[i]
		if shut == nil {
			continue
		}
		joined++
		x := byseq[shut.(uint64)]
		if read, _ := totals(x); x.Ev != "close" || x.H != p.H || x.FID != p.FID || s.column(t, "read")[i] != read {
			t.Errorf("record %d is not the close of record %d", x.Seq, p.Seq)
		}
	}
	if joined < want/3 {
		t.Errorf("only %d of %d rows know their close", joined, want)
	}
}

func TestClientWhoIsNotThere(t *testing.T) {
	dir := firm(1, 20, true).write(t, 100)
	for params, like := range map[string]string{"C9999": "", "C0O91": "C0091"} {
		_, err := make1("client", input(dir, "en", map[string]string{"client": params}))
		bad, ok := err.(*AbsentError)
		if !ok || bad.Value != params || like != "" && bad.Like == "" {
			t.Errorf("%s: %v", params, err)
		}
	}
	if !strings.Contains(fmt.Sprint(&AbsentError{Key: "client", Value: "C0O91", Like: "C0091"}), `did you mean "C0091"?`) {
		t.Error("no hint")
	}
}

// A key that this program does not know is looked at too before a line is given away.
func TestLineWithAnUnknownKeyIsNotGivenAway(t *testing.T) {
	w := newWithholder("X", map[string]bool{"C0091": true}, nil)
	e := event{time.Date(2026, 11, 2, 1, 0, 0, 0, time.UTC), on(base(0, "open", "ok"), 0, 1)}
	line := encode(t, 1, e, [32]byte{})
	for text, want := range map[string]bool{"C0091": false, "C0090": true} {
		l := bytes.Replace(line, []byte(`,"prev"`), []byte(`,"seen_with":"`+text+`","prev"`), 1)
		p, err := audit.ParseLine(l)
		if err != nil {
			t.Fatal(err)
		}
		if w.record(l, p) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}
