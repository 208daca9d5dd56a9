package audit

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustFilter(t testing.TB, text string) *Filter {
	t.Helper()
	f, err := ParseFilter(text, time.UTC, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFilterMatches(t *testing.T) {
	p := &Parsed{Seq: 7, Time: time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC), Record: Record{Ev: "open", Res: "deny", User: "zhang.wei",
		UID: 10021, HasUID: true, AUID: -1, OUID: -1, Matter: "2026-0142", Path: "证据/合同 0031,a.docx", Rule: "wall.W-07"}}
	for text, want := range map[string]bool{
		"": true, "denied": true, "ok": false, "failed": false, "ev=open,read": true, "ev=read": false, "ev!=read,write": true,
		"ev!=open": false, "path~合同": true, "path~草稿,合同": true, "path~草稿": false, `path="证据/合同 0031,a.docx"`: true,
		"uid=10021": true, "uid=1002": false, "auid=": true, "auid=0": false, "seq=7": true, "client=": true, "matter=": false,
		"since=2026-11-20": true, "since=2026-11-21": false, "until=2026-11-20": true, "until=2026-11-19": false,
		"since=2026-11-20T09:30 until=2026-11-20T09:31": true, "until=2026-11-20T09:30": false, "until=2026-11-20T09:30:01": true,
		"since=2026-11-20T17:30+08:00": true, "since=2026-11-20T17:30:01+08:00": false,
		"since=3d": true, "since=2d": false, "since=51h": true, "since=1w": true, "since=30m": false,
		"matter=2026-0142 user=zhang.wei ev=open,read since=2026-11-01 until=2026-11-22 path~合同 denied": true,
		"matter=2026-0142 user=li.na denied": false,
	} {
		if got := mustFilter(t, text).Match(p); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The zone decides what a day is.
func TestFilterZone(t *testing.T) {
	at := &Parsed{Time: time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC)} // 01:00 on the 22nd in Shanghai
	for zone, want := range map[*time.Location]bool{time.UTC: false, time.FixedZone("", 8*3600): true} {
		f, err := ParseFilter("since=2026-11-22", zone, time.Now())
		if err != nil || f.Match(at) != want {
			t.Errorf("%v: %v, %v", zone, f, err)
		}
	}
}

func TestFilterErrorsNameThePlace(t *testing.T) {
	for text, want := range map[string]struct {
		pos        int
		what, like string
	}{
		"user=a mater=b":                    {8, `no field "mater"`, "matter"},
		"合同=1 user=a":                       {1, "no field", ""},
		"user=合同 denide":                    {9, `"denide"`, "denied"},
		"user":                              {1, "neither field=value", "user="},
		`path="a b`:                         {6, "not closed", ""},
		`path="a"b`:                         {9, "must follow", ""},
		"since=yesterday":                   {7, "is no time", ""},
		"since~7d":                          {7, "takes = and one time", ""},
		"until=1d,2d":                       {7, "takes = and one time", ""},
		"path~":                             {6, "needs a text", ""},
		"since=2026-11-22 until=2026-11-21": {1, "not before", ""},
		"ev=open sinc=2026-11-22":           {9, "no field", "since"},
		"since=2026-02-30":                  {7, "is no time", ""},
		"user!a":                            {1, "neither", "user="},
	} {
		_, err := ParseFilter(text, time.UTC, time.Now())
		var bad *FilterError
		if !errors.As(err, &bad) || bad.Pos != want.pos || !strings.Contains(bad.Error(), want.what) || bad.Like != want.like {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// writeLog writes records as the segments of a log, the last one as the live file.
func writeLog(t testing.TB, dir string, parts ...[]*Record) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	seq, prev := uint64(1), StoreHash(testStore)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	enc := newEncoders().Get().(*encoder)
	for i, part := range parts {
		var b bytes.Buffer
		name := segmentName(seq)
		for _, r := range part {
			body, err := enc.encode(r)
			if err != nil {
				t.Fatal(err)
			}
			line := frame(nil, seq, at, body, &prev)
			prev = LeafHash(line)
			b.Write(append(line, '\n'))
			seq, at = seq+1, at.Add(time.Minute)
		}
		if i == len(parts)-1 {
			name = LiveName
		}
		writeFile(t, filepath.Join(dir, name), b.Bytes())
	}
}

// pack compresses the segments of a log, in members, or in one as other programs do.
func pack(t testing.TB, dir string, members bool) {
	t.Helper()
	list, err := segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.live() || s.gz {
			continue
		}
		var b bytes.Buffer
		var w io.WriteCloser = gzip.NewWriter(&b)
		if members {
			w = newMemberWriter(&b)
		}
		_, err := w.Write(readFile(t, filepath.Join(dir, s.name)))
		if err := errors.Join(err, w.Close(), os.Remove(filepath.Join(dir, s.name))); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, s.name+".gz"), b.Bytes())
	}
}

// someRecords are different in all that an index knows.
func someRecords(r *rand.Rand, n int) (list []*Record) {
	names := []string{"zhang.wei", "li.na", "", "a\xff", `qu"ote`, "back\\slash", "\u2028"}
	for range n {
		x := sample(r.IntN(1000))
		x.User = names[r.IntN(len(names))]
		x.Matter = fmt.Sprintf("2026-%04d", r.IntN(1+r.IntN(300)))
		x.Ev = []string{"open", "read", "close"}[r.IntN(3)]
		x.Res = []string{"ok", "deny", "EIO"}[r.IntN(3)]
		list = append(list, x)
	}
	return list
}

// found is what a query finds: the numbers of the records.
func found(t testing.TB, o QueryOptions, f *Filter) (seqs []uint64, rep *QueryReport) {
	t.Helper()
	rep, err := Query(o, f, func(line []byte, p *Parsed) error {
		seqs = append(seqs, p.Seq)
		return nil
	})
	if err != nil {
		t.Fatalf("%q: %v", f, err)
	}
	return seqs, rep
}

// slow is the answer without any index or short cut.
func slow(t testing.TB, dir string, f *Filter) (seqs []uint64) {
	t.Helper()
	if err := ReadRecords(dir, func(_ []byte, p *Parsed) error {
		if f.Match(p) {
			seqs = append(seqs, p.Seq)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return seqs
}

// However the segments are kept, with an index that is made, one that is there, or none: the answer is that of reading everything.
func TestQueryFindsWhatReadingFinds(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	for _, form := range []string{"plain", "members", "one member"} {
		dir := t.TempDir()
		writeLog(t, dir, someRecords(r, 1500), someRecords(r, 900), someRecords(r, 1), someRecords(r, 300))
		if form != "plain" {
			pack(t, dir, form == "members")
		}
		kept := QueryOptions{Dir: dir, IndexDir: filepath.Join(t.TempDir(), "index")}
		for i, text := range []string{
			"matter=2026-0001", "matter=2026-0299 denied", "user=li.na,zhang.wei ev=read", "user=", "user=a\xff", `user="back\slash"`,
			`user~""""`, `user="qu""ote"`, "user=\u2028", "", "matter=none", "since=2026-11-02T03:00 until=2026-11-02T04:00", "since=2027-01-01",
			"ev!=read res=EIO", "uid=10021 matter=2026-0005", "until=2026-11-01T00:10 matter=2026-0000,2026-0001", "seq=1500,1501,2401,2402",
		} {
			f := mustFilter(t, text)
			want := slow(t, dir, f)
			for _, o := range []QueryOptions{kept, {Dir: dir}, kept} {
				got, rep := found(t, o, f)
				if !slices.Equal(got, want) || rep.Matched != uint64(len(want)) || rep.Bad != 0 || rep.Unkept != nil {
					t.Errorf("seed %d, %s, %q, index %q: %d records, want %d; %+v", seed, form, text, o.IndexDir, len(got), len(want), rep)
				}
				if built := map[bool]int{true: 3, false: 0}[i == 0 && o.IndexDir != ""]; rep.Built != built && i > 0 {
					t.Errorf("%s, %q: %d indexes were made", form, text, rep.Built)
				}
			}
		}
	}
}

// An index spares reading.
func TestQueryReadsOnlyBlocksThatMayMatch(t *testing.T) {
	for _, packed := range []bool{false, true} {
		dir := t.TempDir()
		list := make([]*Record, 2000)
		for i := range list {
			list[i] = sample(i)
			list[i].Matter = fmt.Sprintf("2026-%04d", i/100)
		}
		writeLog(t, dir, list, list[:1])
		if packed {
			pack(t, dir, true)
		}
		o := QueryOptions{Dir: dir, IndexDir: t.TempDir()}
		if _, rep := found(t, o, mustFilter(t, "matter=none")); rep.Built != 1 {
			t.Errorf("packed %v: no index was made; %+v", packed, rep)
		}
		got, rep := found(t, o, mustFilter(t, "matter=2026-0007"))
		if len(got) != 100 || got[0] != 701 || rep.Bytes > 150_000 || rep.Built != 0 {
			t.Errorf("packed %v: %d records from %d; %+v", packed, len(got), got[0], rep)
		}
		if _, rep = found(t, o, mustFilter(t, "since=2027-01-01")); rep.Bytes > 50_000 {
			t.Errorf("packed %v: %d bytes were read for a time that no segment reaches", packed, rep.Bytes)
		}
	}
}

// An index of something else is made again: of a segment replaced, compressed, damaged, or of none.
func TestQueryDoesNotBelieveAForeignIndex(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	list := func(matter string) (l []*Record) {
		for i := range 200 {
			r := sample(i)
			r.Matter = matter
			l = append(l, r)
		}
		return l
	}
	writeLog(t, dir, list("2026-0142"), list("2026-0142")[:1])
	writeLog(t, other, list("2026-0143"), list("2026-0143")[:1])
	o := QueryOptions{Dir: dir, IndexDir: t.TempDir()}
	name := filepath.Join(o.IndexDir, "audit-000000000001.jsonl.index")
	f := mustFilter(t, "matter=2026-0142")
	found(t, QueryOptions{Dir: other, IndexDir: o.IndexDir}, f)
	foreign := readFile(t, name)
	x, ok := parseIndex(foreign)
	if !ok || len(x.candidates(f)) != 0 {
		t.Fatal("the index of the other log would not have hidden anything")
	}
	for what, b := range map[string][]byte{"foreign": foreign, "empty": {}, "cut": foreign[:40]} {
		writeFile(t, name, b)
		if got, rep := found(t, o, f); len(got) != 201 || rep.Built != 1 {
			t.Errorf("%s: %d records, %+v", what, len(got), rep)
		}
		if got, rep := found(t, o, f); len(got) != 201 || rep.Built != 0 {
			t.Errorf("%s, again: %d records, %+v", what, len(got), rep)
		}
	}
	pack(t, dir, true)
	if got, rep := found(t, o, f); len(got) != 201 || rep.Built != 1 {
		t.Errorf("compressed: %d records, %+v", len(got), rep)
	}
}

// Lines that are no records are told, whatever the filter; one that its index did not foresee too.
func TestQueryTellsOfDamagedLines(t *testing.T) {
	dir := t.TempDir()
	writeLog(t, dir, someRecords(rand.New(rand.NewPCG(1, 1)), 50), nil)
	name := filepath.Join(dir, segmentName(1))
	l := splitLines(readFile(t, name))
	l[6] = []byte("{\"seq\":7,nothing \"matter\":\"2026-0001\"}\n")
	writeFile(t, name, bytes.Join(l, nil))
	for _, o := range []QueryOptions{{Dir: dir}, {Dir: dir, IndexDir: t.TempDir()}} {
		_, rep := found(t, o, mustFilter(t, "matter=2026-0001"))
		if rep.Bad != 1 || rep.First == nil || rep.First.Path != name {
			t.Errorf("%+v", rep)
		}
	}
}

// The caller's error ends the search and comes back, also while others still search.
func TestQueryStops(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	writeLog(t, dir, someRecords(r, 2000), someRecords(r, 2000), someRecords(r, 2000), someRecords(r, 2000))
	enough, n := errors.New("enough"), 0
	rep, err := Query(QueryOptions{Dir: dir}, mustFilter(t, ""), func([]byte, *Parsed) error {
		if n++; n == 300 {
			return enough
		}
		return nil
	})
	if err != enough || n != 300 || rep.Matched != 299 {
		t.Errorf("%v after %d records, %+v", err, n, rep)
	}
	if _, err := Query(QueryOptions{Dir: filepath.Join(dir, "none")}, mustFilter(t, ""), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
}

// What newMemberWriter makes is a gzip file like any other.
func TestMembersReadAsOneFile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{0, 1, blockBytes - 1, blockBytes, 200_000} {
		var plain, packed bytes.Buffer
		for plain.Len() < n {
			fmt.Fprintf(&plain, "%0*d\n", 1+r.IntN(900), plain.Len())
		}
		m := newMemberWriter(&packed)
		for b := plain.Bytes(); len(b) > 0; {
			k := 1 + r.IntN(len(b))
			if _, err := m.Write(b[:k]); err != nil {
				t.Fatal(err)
			}
			b = b[k:]
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(&packed)
		if err != nil {
			t.Fatal(n, err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain.Bytes()) {
			t.Errorf("%d bytes: %d come back, %v", plain.Len(), len(got), err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "matter=2026-0142 denied", `path~"a b",c`, "since=7d until=2026-11-22", "ev!=a,b x=", `"`, "a\xff=b"} {
		f.Add(s)
	}
	line := []byte(`{"seq":1,"t":"2026-11-22T09:31:04.123456Z","ev":"read","matter":"2026-0142","user":"a","prev":"` + strings.Repeat("0", 64) + `"}`)
	p, err := ParseLine(line)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ParseFilter(text, time.UTC, time.Unix(1e9, 0))
		var bad *FilterError
		if err != nil && (!errors.As(err, &bad) || bad.Pos < 1 || bad.Pos > len(text)+1) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && filter.Match(p) && !filter.maybe(line) {
			t.Fatalf("%q: the line is passed over", text)
		}
	})
}

// What ParseTime takes a filter takes too, and nothing else; a day is the one that was written.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-22", "2026-11-22T09:30", "2026-11-22T09:30:05.5+08:00", "7d", "90m", "2026-02-30", "d", "", "99999w"} {
		f.Add(s)
	}
	zone, now := time.FixedZone("", 8*3600), time.Unix(1e9, 0)
	f.Fuzz(func(t *testing.T, s string) {
		at, day, ok := ParseTime(s, zone, now)
		if day && (!ok || at.Format(time.DateOnly) != s || at.Location() != zone) {
			t.Fatalf("%q is the day %v", s, at)
		}
		if _, err := ParseFilter("since="+FilterValue(s), zone, now); (err == nil) != ok {
			t.Fatalf("%q: %v, in a filter: %v", s, ok, err)
		}
	})
}

func FuzzIndex(f *testing.F) {
	dir := f.TempDir()
	writeLog(f, dir, someRecords(rand.New(rand.NewPCG(1, 1)), 300), nil)
	learn := newIndexer(&index{direct: true})
	learn.lines(readFile(f, filepath.Join(dir, segmentName(1))))
	x := learn.done()
	x.size = learn.cur.off
	f.Add(x.appendTo(nil))
	f.Add((&index{size: 3, blocks: []block{{size: 3}}, broken: []int{0}, posts: make([]map[string]run, indexedFields)}).appendTo(nil))
	f.Add([]byte(indexMagic))
	filter := mustFilter(f, "matter=2026-0001 user=li.na")
	f.Fuzz(func(t *testing.T, b []byte) {
		// Also with a sum that fits, or nothing behind it is ever read.
		for _, b := range [][]byte{b, appendSum(b)} {
			if x, ok := parseIndex(b); ok {
				for _, n := range x.candidates(filter) {
					if n < 0 || n >= len(x.blocks) {
						t.Fatalf("block %d of %d", n, len(x.blocks))
					}
				}
			}
		}
	})
}

// appendSum replaces the last bytes by the checksum of those before.
func appendSum(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	b = b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(bytes.Clone(b), crc32.Checksum(b, castagnoli()))
}

// However the segments are kept, the values are those that reading finds.
func TestValuesAreAllThatReadingFinds(t *testing.T) {
	for _, form := range []string{"plain", "members", "one member"} {
		dir := t.TempDir()
		r := rand.New(rand.NewPCG(9, 9))
		list := someRecords(r, 900)
		list[3].Client, list[700].Client = "", "客户\xff"
		writeLog(t, dir, list[:400], list[400:800], list[800:])
		if form != "plain" {
			pack(t, dir, form == "members")
		}
		for _, field := range indexed() {
			var want []string
			if err := ReadRecords(dir, func(_ []byte, p *Parsed) error { want = append(want, fieldText(p, field)); return nil }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(want)
			want = slices.Compact(want)
			kept := QueryOptions{Dir: dir, IndexDir: filepath.Join(dir, "index")}
			for _, o := range []QueryOptions{{Dir: dir}, kept, kept} {
				if got, err := Values(o, field); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, %s: %d values, want %d; %v", form, field, len(got), len(want), err)
				}
				found(t, o, mustFilter(t, "matter=none")) // makes the indexes of plain segments, which the next one asks
			}
		}
	}
	if _, err := Values(QueryOptions{Dir: t.TempDir()}, "path"); err == nil {
		t.Error("there is no index of paths")
	}
}
