package audit

import (
	"bytes"
	"encoding/base64"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// encoder turns a record into JSON. zerolog writes into a buffer only: it returns no write errors, so it is kept away from the
// file. It also replaces bytes that are not UTF-8, hence text().
type encoder struct {
	buf bytes.Buffer
	log zerolog.Logger
}

func newEncoders() *sync.Pool {
	return &sync.Pool{New: func() any {
		e := new(encoder)
		e.log = zerolog.New(&e.buf)
		return e
	}}
}

// encode gives `"ev":"read",...` without braces, valid until the next encode.
func (e *encoder) encode(r *Record) ([]byte, error) {
	if r.Ev == "" {
		return nil, &RecordError{What: "has no event"}
	}
	e.buf.Reset()
	ev := e.log.Log()
	if ev == nil {
		return nil, &RecordError{Ev: r.Ev, What: "the encoder is switched off (zerolog's global level)"}
	}
	who(ev, r)
	what(ev, r)
	covered(ev, r)
	why(ev, r)
	if r.Recovery != nil {
		recovered(ev, r.Recovery)
	}
	ev.Send()
	line := e.buf.Bytes()
	if len(line) > MaxLine-frameSize {
		return nil, &RecordError{Ev: r.Ev, What: "is longer than a line may be"}
	}
	return line[1 : len(line)-2], nil // without { and }LF
}

func who(ev *zerolog.Event, r *Record) {
	text(ev, "ev", r.Ev)
	text(ev, "res", r.Res)
	text(ev, "user", r.User)
	if r.HasUID {
		ev.Uint32("uid", r.UID)
	}
	if r.AUID >= 0 {
		ev.Int64("auid", r.AUID)
	}
	if r.OUID >= 0 {
		ev.Int64("ouid", r.OUID)
	}
	if r.PID != 0 {
		ev.Uint32("pid", r.PID)
	}
	text(ev, "exe", r.Exe)
	text(ev, "comm", r.Comm)
}

func what(ev *zerolog.Event, r *Record) {
	text(ev, "matter", r.Matter)
	text(ev, "client", r.Client)
	text(ev, "level", r.Level)
	text(ev, "path", r.Path)
	text(ev, "to", r.To)
	text(ev, "fid", r.FID)
	text(ev, "fid2", r.FID2)
	if r.Ver != 0 {
		ev.Uint64("ver", r.Ver)
	}
	if r.H != 0 {
		ev.Uint64("h", r.H)
	}
	if !r.HasRange {
		return
	}
	ev.Int64("off", r.Off).Int64("len", r.Len)
	if r.Req > 0 && r.Req != r.Len {
		ev.Int64("req", r.Req)
	}
}

// covered are the bytes that may be, or were, read and written beside those of the record itself.
func covered(ev *zerolog.Event, r *Record) {
	if r.CoverTo != 0 {
		ev.Int64("cover_from", r.CoverFrom).Int64("cover_to", r.CoverTo)
	}
	text(ev, "read_ranges", r.ReadRanges)
	text(ev, "written_ranges", r.WrittenRanges)
}

func why(ev *zerolog.Event, r *Record) {
	text(ev, "rule", r.Rule)
	text(ev, "pol", r.Pol)
	text(ev, "purpose", r.Purpose)
	text(ev, "flags", r.Flags)
	if r.Count != 0 {
		ev.Int("count", r.Count)
	}
	text(ev, "note", r.Note)
	text(ev, "signed", r.Signed)
	if r.Retired != 0 {
		ev.Uint64("retired_to", r.Retired)
	}
}

func recovered(ev *zerolog.Event, r *Recovery) {
	if r.TornLen != 0 {
		ev.Int64("torn_len", r.TornLen).Str("torn_sha256", r.TornHash)
	}
	if len(r.Torn) != 0 {
		ev.Str("torn_b64", base64.StdEncoding.EncodeToString(r.Torn))
	}
	if r.TornFile != "" {
		ev.Str("torn_file", r.TornFile)
	}
	if r.LostTo != 0 {
		ev.Uint64("lost_from", r.LostFrom).Uint64("lost_to", r.LostTo)
	}
	if r.UnanchoredTo != 0 {
		ev.Uint64("unanchored_from", r.UnanchoredFrom).Uint64("unanchored_to", r.UnanchoredTo)
	}
	if !r.Since.IsZero() {
		ev.Str("since", r.Since.UTC().Format(timeLayout)).Int("refused", r.Refused)
	}
}

// text writes a string, or its base64 under KEY_b64 where JSON could not hold its bytes.
func text(ev *zerolog.Event, key, v string) {
	switch {
	case v == "":
	case utf8.ValidString(v):
		ev.Str(key, v)
	default:
		ev.Str(key+"_b64", base64.StdEncoding.EncodeToString([]byte(v)))
	}
}

const (
	timeLayout = "2006-01-02T15:04:05.000000Z"
	// frameSize is an upper bound of what frame adds to an encoded record.
	frameSize = len(`{"seq":18446744073709551615,"t":"`) + len(timeLayout) + len(`",,"prev":"`) + 64 + len(`"}`)
)

// frame appends the whole line, without LF: seq and time in front, the chain at the end.
func frame(b []byte, seq uint64, t time.Time, body []byte, prev *[32]byte) []byte {
	b = append(b, `{"seq":`...)
	b = appendUint(b, seq)
	b = append(b, `,"t":"`...)
	b = t.UTC().AppendFormat(b, timeLayout)
	b = append(b, `",`...)
	b = append(b, body...)
	b = append(b, `,"prev":"`...)
	b = appendHex(b, prev[:])
	return append(b, `"}`...)
}
