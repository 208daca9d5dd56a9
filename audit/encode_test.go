package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// line encodes a record as Append does.
func line(t testing.TB, r *Record) []byte {
	t.Helper()
	e := newEncoders().Get().(*encoder)
	body, err := e.encode(r)
	if err != nil {
		t.Fatal(err)
	}
	prev := StoreHash("x")
	return frame(nil, 7, noon, body, &prev)
}

// fullRecord has every field set.
func fullRecord() *Record {
	return &Record{Ev: "rename", Res: "ok", User: "张伟", UID: 0, HasUID: true, AUID: 0, OUID: 10023, PID: 1, Exe: "/bin/mv",
		Comm: "mv", Matter: "2026-0142", Client: "C0091", Level: "机密", Path: "证据/a \"b\"\\c\n.docx", To: "证据/d\x1b[31m.docx",
		FID: strings.Repeat("ab", 16), FID2: strings.Repeat("cd", 16), Ver: 3, H: 1<<64 - 1, Off: 1, Len: 2, Req: 3, HasRange: true, CoverFrom: 1, CoverTo: 9, ReadRanges: "0-5", WrittenRanges: "2-3",
		Rule: "member.lead", Pol: "9f2c1a7be0d4", Purpose: "庭审质证", Flags: "noreplace", Count: 4, Note: "\u202e\u0000\u007f", Signed: "a\n\n— b c\n", Retired: 12,
		Recovery: &Recovery{TornLen: 3, TornHash: strings.Repeat("0f", 32), Torn: []byte{0, 1, 255}, TornFile: "audit-torn-9", LostFrom: 5, LostTo: 6,
			UnanchoredFrom: 7, UnanchoredTo: 8,
			Since: noon, Refused: 9}}
}

func TestEveryFieldSurvivesTheLine(t *testing.T) {
	full := fullRecord()
	v := reflect.ValueOf(*full)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "UID" && name != "AUID" {
			t.Errorf("the test does not set %s", name)
		}
	}
	for name, r := range map[string]*Record{
		"full":       full,
		"least":      {Ev: "mount", AUID: -1, OUID: -1},
		"same range": {Ev: "read", AUID: -1, OUID: -1, HasRange: true, Len: 10, Req: 10},
		"nothing":    {Ev: "read", AUID: -1, OUID: -1, HasRange: true, Req: 10},
		"bad bytes": {Ev: "e\xff", Res: "\xff", User: "\xff", Exe: "\xfe", Comm: "\xfd", Matter: "\xfc", Client: "\xc0", Level: "\xc1",
			Path: "合\xff", To: "\xed\xa0\x80", FID: "\x80", FID2: "\x81", Rule: "\x82", Pol: "\x83", Purpose: "\x84", Flags: "\x85",
			Note: "\x86", Signed: "\x87", AUID: -1, OUID: -1},
	} {
		got, err := ParseLine(line(t, r))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &Parsed{Record: *r, Seq: 7, Time: noon, Prev: StoreHash("x")}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestKeysStandInTheOrderOfTheDesign(t *testing.T) {
	want := "seq t ev res user uid auid ouid pid exe comm matter client level path to fid fid2 ver h off len req cover_from cover_to read_ranges written_ranges rule pol purpose " +
		"flags count note signed retired_to torn_len torn_sha256 torn_b64 torn_file lost_from lost_to unanchored_from unanchored_to since refused prev"
	if got := strings.Join(keysOf(t, line(t, fullRecord())), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// keysOf lists the keys of a line by encoding/json, which knows nothing of this package.
func keysOf(t testing.TB, line []byte) (keys []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	for d.More() || len(keys) == 0 {
		tok, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		if tok == json.Delim('{') {
			continue
		}
		keys = append(keys, tok.(string))
		var skip any
		if err := d.Decode(&skip); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func TestLineIsOneLineOfValidJSON(t *testing.T) {
	for _, path := range []string{strings.Repeat("\x01", 4096), strings.Repeat("\xff", 4096), strings.Repeat("\n", 4096),
		strings.Repeat("\u2028", 1365), strings.Repeat("\"", 4096), strings.Repeat("汉", 1365)} {
		b := line(t, &Record{Ev: "rename", Path: path, To: path, AUID: -1, OUID: -1})
		if !json.Valid(b) || bytes.ContainsAny(b, "\n\r\x00") || len(b) > MaxLine {
			t.Errorf("path of %q...: %d bytes", path[:6], len(b))
		}
		if p, err := ParseLine(b); err != nil || p.Path != path || p.To != path {
			t.Errorf("path of %q... is not the same when read: %v", path[:6], err)
		}
	}
}

func TestRecordsThatCannotBeEncoded(t *testing.T) {
	e := newEncoders().Get().(*encoder)
	for name, r := range map[string]*Record{
		"no event": {Res: "ok"},
		"too long": {Ev: "read", Note: strings.Repeat("x", MaxLine)},
	} {
		var bad *RecordError
		if _, err := e.encode(r); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b, err := e.encode(&Record{Ev: "read", Note: strings.Repeat("x", MaxLine-frameSize-100)}); err != nil || len(b)+frameSize > MaxLine {
		t.Errorf("a line that just fits: %d %v", len(b), err)
	}
}

// Diagnostics may be turned off; the same library must not turn the audit log off with them.
func TestSilencedDiagnosticsDoNotSilenceTheLog(t *testing.T) {
	old := zerolog.GlobalLevel()
	defer zerolog.SetGlobalLevel(old)
	e := newEncoders().Get().(*encoder)
	for _, level := range []zerolog.Level{zerolog.ErrorLevel, zerolog.FatalLevel, zerolog.PanicLevel, zerolog.NoLevel} {
		zerolog.SetGlobalLevel(level)
		if b, err := e.encode(&Record{Ev: "read"}); err != nil || len(b) == 0 {
			t.Errorf("level %v: %q %v", level, b, err)
		}
	}
	zerolog.SetGlobalLevel(zerolog.Disabled)
	var bad *RecordError
	if _, err := e.encode(&Record{Ev: "read"}); !errors.As(err, &bad) {
		t.Errorf("switched off: %v, want an error instead of silence", err)
	}
}

func TestTimeStaysFixedWidth(t *testing.T) {
	for _, at := range []time.Time{noon, noon.Truncate(time.Second), time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CST", 8*3600))} {
		prev := [32]byte{}
		b := frame(nil, 1, at, []byte(`"ev":"x"`), &prev)
		h, why := parseHeader(b)
		if why != "" || !h.t.Equal(at) || len(b) != len(`{"seq":1,"t":"","ev":"x","prev":""}`)+27+64 {
			t.Errorf("%s: %s", b, why)
		}
	}
}
