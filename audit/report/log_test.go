package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"matterfs/audit"
)

// event is a record to be written at a time.
type event struct {
	at time.Time
	audit.Record
}

var firmZone = time.FixedZone("Asia/Shanghai", 8*3600)

// logBuilder collects events.
type logBuilder struct {
	at     time.Time
	events []event
	h      uint64
}

// add writes one a minute after the last one.
func (b *logBuilder) add(r audit.Record) *audit.Record {
	b.at = b.at.Add(time.Minute)
	b.events = append(b.events, event{b.at, r})
	return &b.events[len(b.events)-1].Record
}

// write writes a log of all events, in segments of so many records, and returns its directory.
func (b *logBuilder) write(t testing.TB, segment int) string {
	t.Helper()
	dir, prev := t.TempDir(), audit.StoreHash("00112233445566778899aabbccddeeff")
	var buf bytes.Buffer
	first := 1
	keep := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		buf.Reset()
	}
	for i, e := range b.events {
		if i > 0 && i%segment == 0 {
			keep(fmt.Sprintf("audit-%012d.jsonl", first))
			first = i + 1
		}
		line := encode(t, uint64(i+1), e, prev)
		prev = audit.LeafHash(line)
		buf.Write(append(line, '\n'))
	}
	keep(audit.LiveName)
	return dir
}

// encode is the line of a record, as FORMAT.md has it.
func encode(t testing.TB, seq uint64, e event, prev [32]byte) []byte {
	t.Helper()
	b := fmt.Appendf(nil, `{"seq":%d,"t":"%s"`, seq, e.at.UTC().Format("2006-01-02T15:04:05.000000Z"))
	text := func(key, v string) {
		switch {
		case v == "":
		case !utf8.ValidString(v):
			b = fmt.Appendf(b, `,"%s_b64":"%s"`, key, base64.StdEncoding.EncodeToString([]byte(v)))
		default:
			b = fmt.Appendf(b, `,"%s":%s`, key, quoted(t, v))
		}
	}
	number := func(key string, n int64, ok bool) {
		if ok {
			b = fmt.Appendf(b, `,"%s":%d`, key, n)
		}
	}
	r := &e.Record
	text("ev", r.Ev)
	text("res", r.Res)
	text("user", r.User)
	number("uid", int64(r.UID), r.HasUID)
	number("auid", r.AUID, r.HasUID && r.AUID >= 0)
	number("ouid", r.OUID, r.HasUID && r.OUID >= 0)
	text("exe", r.Exe)
	text("comm", r.Comm)
	text("matter", r.Matter)
	text("client", r.Client)
	text("level", r.Level)
	text("path", r.Path)
	text("to", r.To)
	text("fid", r.FID)
	number("h", int64(r.H), r.H != 0)
	number("off", r.Off, r.HasRange)
	number("len", r.Len, r.HasRange)
	number("cover_from", r.CoverFrom, r.CoverTo != 0)
	number("cover_to", r.CoverTo, r.CoverTo != 0)
	text("read_ranges", r.ReadRanges)
	text("rule", r.Rule)
	text("pol", r.Pol)
	text("purpose", r.Purpose)
	text("flags", r.Flags)
	number("count", int64(r.Count), r.Count != 0)
	text("note", r.Note)
	line := fmt.Appendf(b, `,"prev":"%x"}`, prev)
	if _, err := audit.ParseLine(line); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return line
}

func quoted(t testing.TB, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// staff are the people of the test's firm; uids are 10001 and on.
var staff = []string{"zhang.wei", "li.na", "wang.fang", "chen.jie", "zhao.lei"}

// base is what all records of a person in a matter have.
func base(who int, ev, res string) audit.Record {
	return audit.Record{Ev: ev, Res: res, User: staff[who], UID: 10001 + uint32(who), HasUID: true, AUID: 10001 + int64(who), OUID: -1,
		Exe: "/usr/lib/libreoffice/program/soffice.bin", Comm: "soffice.bin", Pol: "9f2c1a7be0d4"}
}

// on places a record in a matter of the firm: matter n has client n/2.
func on(r audit.Record, matter, doc int) audit.Record {
	r.Matter, r.Client, r.Level = fmt.Sprintf("2026-%04d", 100+matter), fmt.Sprintf("C%04d", 90+matter/2), []string{"秘密", "机密"}[matter%2]
	r.Path, r.FID = fmt.Sprintf("证据/合同-%d.docx", doc), fmt.Sprintf("%016x%016x", matter, doc)
	return r
}

// session is an open, reads or a window of them, and a close.
func (b *logBuilder) session(who, matter, doc int, purpose string, read, written int64, cover bool) {
	b.h++
	r := on(base(who, "open", "ok"), matter, doc)
	r.H, r.Rule, r.Purpose, r.Flags = b.h, "member.user", purpose, "r"
	b.add(r)
	reads := r
	reads.Ev, reads.Flags, reads.HasRange = "read", "", true
	for off := int64(0); off < read; off += 4096 {
		if cover && off > 0 {
			break // the record before announced the window
		}
		reads.Off, reads.Len = off, min(4096, read-off)
		if cover {
			reads.CoverTo = 16 << 20
		}
		b.add(reads)
	}
	if written > 0 {
		w := reads
		w.CoverTo = 0
		w.Ev, w.Off, w.Len = "write", 0, written
		b.add(w)
	}
	r.Ev, r.Flags, r.ReadRanges = "close", fmt.Sprintf("read=%d,written=%d", read, written), fmt.Sprintf("0-%d", read)
	b.add(r)
}

// refuse is a refusal that stands for so many.
func (b *logBuilder) refuse(who, matter int, rule string, count int) {
	r := on(base(who, "open", "deny"), matter, 1)
	r.FID, r.Rule, r.Count = "", rule, count
	if count < 2 {
		r.Count = 0
	}
	b.add(r)
}

// firm is a log of random work, the same for the same seed.
func firm(seed uint64, sessions int, cover bool) *logBuilder {
	r := rand.New(rand.NewPCG(seed, seed))
	b := &logBuilder{at: time.Date(2026, 10, 30, 22, 0, 0, 0, time.UTC)}
	for range sessions {
		who, matter := r.IntN(len(staff)), r.IntN(6)
		b.at = b.at.Add(time.Duration(r.IntN(240)) * time.Minute)
		switch r.IntN(8) {
		case 0:
			b.refuse(who, matter, []string{"wall.W-07", "wall.W-08", "member.none", "need.purpose"}[r.IntN(4)], r.IntN(6))
		case 1:
			x := on(base(who, "rename", "ok"), matter, r.IntN(9))
			x.To = x.Path + ".old"
			b.add(x)
		case 2:
			x := on(base(who, "create", "ok"), matter, 100+r.IntN(9))
			x.Rule, x.Res = "member.lead", []string{"ok", "ok", "ENOSPC"}[r.IntN(3)]
			b.add(x)
		case 3:
			x := on(base(who, "open", "ok"), matter, r.IntN(9))
			x.AUID = 10001 + int64(r.IntN(len(staff)))
			b.add(x)
		default:
			b.session(who, matter, r.IntN(9), []string{"", "庭审质证", "尽职调查"}[r.IntN(3)], int64(r.IntN(20000)), int64(r.IntN(3)*500), cover)
		}
	}
	return b
}

// someFacts are those of the firm.
func someFacts() *Facts {
	f := &Facts{Made: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Zone: "Asia/Shanghai", Levels: []string{"秘密", "机密"},
		People: map[string]Person{}, Matters: map[string]Matter{}}
	for i, name := range []string{"张伟", "李娜", "王芳", "陈洁", "赵磊"} {
		f.People[staff[i]] = Person{UIDs: []uint32{10001 + uint32(i)}, Name: name, Role: "lawyer", Status: "active"}
	}
	for i, title := range []string{"蓝海诉红山", "蓝海并购", "青松破产", "青松劳动争议", "白云上市", "白云仲裁"} {
		f.Matters[fmt.Sprintf("2026-%04d", 100+i)] = Matter{Title: title, Client: fmt.Sprintf("C%04d", 90+i/2), Level: "秘密", Lead: staff[i%5], Status: "open"}
	}
	f.Policies = []PolicySpan{{Hash: "9f2c1a7be0d4", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Kept: true}}
	f.Rights = []Right{{User: staff[0], Matter: "2026-0100", Rights: []string{"read", "write"}, Rule: "member.lead", From: f.Policies[0].From}}
	return f
}

// input is for a log at the end of 2026.
func input(dir, lang string, params map[string]string) Input {
	return Input{Params: params, Zone: firmZone, Lang: lang, Now: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), Log: audit.QueryOptions{Dir: dir}}
}

func mustMake(t testing.TB, name string, in Input) *Report {
	t.Helper()
	rep, err := make1(name, in)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rep
}

func make1(name string, in Input) (*Report, error) {
	b, in, err := New(name, in)
	if err != nil {
		return nil, err
	}
	return Run(RunOptions{Name: name, Input: in}, b)
}

// asked are parameters with which each of the reports can be made of a firm's log, and all of those.
func asked() map[string]map[string]string {
	return map[string]map[string]string{
		"matter": {"matter": "2026-0102"}, "user": {"user": "li.na"}, "client": {"client": "C0091"}, "denied": {}, "wall": {},
		"sample": {"n": "5", "by": "level", "seed": "half-year-2"},
	}
}

func (r *Report) find(t testing.TB, id string) *Section {
	t.Helper()
	for i := range r.Sections {
		if r.Sections[i].ID == id {
			return &r.Sections[i]
		}
	}
	t.Fatalf("report %s has no section %s", r.Name, id)
	return nil
}

// value is that of a figure anywhere in the report.
func (r *Report) value(t testing.TB, id string) Cell {
	t.Helper()
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			if f.ID == id {
				return f.Value
			}
		}
	}
	t.Fatalf("report %s has no figure %s", r.Name, id)
	return nil
}

// column is what stands in a column of the table of a section.
func (s *Section) column(t testing.TB, id string) (list []Cell) {
	t.Helper()
	for i, c := range s.Table.Columns {
		if c.ID == id {
			for _, row := range s.Table.Rows {
				list = append(list, row[i])
			}
			return list
		}
	}
	t.Fatalf("section %s has no column %s", s.ID, id)
	return nil
}

func (s *Section) sum(t testing.TB, id string) (n int64) {
	t.Helper()
	for _, c := range s.column(t, id) {
		n += c.(int64)
	}
	return n
}
