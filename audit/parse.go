package audit

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// header is what the chain needs of a line.
type header struct {
	seq  uint64
	t    time.Time
	prev [32]byte
	own  bool // ev begins with audit.: the log about itself
}

// parseHeader reads seq, t and prev wherever they stand and checks that the whole line is well formed. why is empty when it is.
func parseHeader(line []byte) (h header, why string) { return readLine(line, nil) }

// readLine is parseHeader that hands every member to r, unless that is nil.
func readLine(line []byte, r *reader) (h header, why string) {
	seen := 0
	f := scan(line)
	for {
		key, val, ok := f.next()
		if !ok {
			break
		}
		good := true
		switch string(key) {
		case "seq":
			h.seq, good = number(val)
			good = good && h.seq != 0
			seen += 1
		case "t":
			h.t, good = stamp(val)
			seen += 10
		case "prev":
			h.prev, good = digest(val)
			seen += 100
		case "ev":
			h.own = ownEvent(val)
		}
		if !good {
			return h, "has a bad " + string(key)
		}
		if r != nil && r.bad == "" && !r.take(r.text(key), val) {
			r.bad = "has a bad " + string(key)
		}
	}
	if f.bad == "" && seen != 111 {
		return h, "does not have seq, t and prev once each"
	}
	return h, f.bad
}

// ParseLine reads one line, without its LF. Unknown keys are passed over, so that older readers read newer logs; a known key
// twice or of the wrong type is an error, a *LineError without path and number. The texts of a record share one copy of the line.
func ParseLine(line []byte) (*Parsed, error) {
	p := &Parsed{Record: Record{AUID: -1, OUID: -1}}
	r := reader{p: p, line: line, copy: string(line)}
	h, why := readLine(line, &r)
	if why == "" {
		why = r.bad
	}
	if why != "" {
		return nil, &LineError{What: why}
	}
	p.Seq, p.Time, p.Prev = h.seq, h.t, h.prev
	if p.HasRange && !r.asked {
		p.Req = p.Len
	}
	return p, nil
}

// reader fills one Parsed from the members of a line.
type reader struct {
	p     *Parsed
	line  []byte
	copy  string     // the same
	seen  [64]string // known keys that were there; there are not so many
	n     int        // how many
	bits  uint64     // of their lengths and letters: most new keys are told from these alone
	asked bool       // req was there
	bad   string     // what is wrong with a member; that the line is no record says more
}

// text gives a part of the line from its copy.
func (r *reader) text(part []byte) string {
	at := cap(r.line) - cap(part)
	return r.copy[at : at+len(part)]
}

func (r *reader) take(key string, val []byte) bool {
	name, coded := strings.CutSuffix(key, "_b64")
	if s := r.p.field(name); s != nil {
		if coded || len(val) < 2 || val[0] != '"' || bytes.IndexByte(val, '\\') >= 0 {
			ok := r.once(name)
			*s, ok = decode(val, coded, ok)
			return ok
		}
		*s = r.text(val[1 : len(val)-1])
		return r.once(name)
	}
	switch key {
	case "uid", "auid", "ouid", "pid", "h", "off", "len", "req", "count", "ver", "retired_to", "cover_from", "cover_to":
		return r.once(key) && r.number(key, val)
	case "torn_len", "torn_sha256", "torn_b64", "torn_file", "lost_from", "lost_to", "unanchored_from", "unanchored_to", "since", "refused":
		return r.once(key) && r.recovery(key, val)
	}
	return true
}

func (r *reader) once(key string) bool {
	bit := uint64(1) << ((7*len(key) + int(key[0]) + 3*int(key[len(key)-1])) % 64)
	if r.n == len(r.seen) || r.bits&bit != 0 && slices.Contains(r.seen[:r.n], key) {
		return false
	}
	r.bits |= bit
	r.seen[r.n] = key
	r.n++
	return true
}

// field says where the string of a key goes, nil for keys that are no strings of the record.
func (p *Record) field(key string) *string {
	switch key {
	case "ev":
		return &p.Ev
	case "res":
		return &p.Res
	case "user":
		return &p.User
	case "exe":
		return &p.Exe
	case "comm":
		return &p.Comm
	case "matter":
		return &p.Matter
	case "client":
		return &p.Client
	case "level":
		return &p.Level
	case "path":
		return &p.Path
	case "to":
		return &p.To
	}
	return p.moreFields(key)
}

func (p *Record) moreFields(key string) *string {
	switch key {
	case "fid":
		return &p.FID
	case "fid2":
		return &p.FID2
	case "rule":
		return &p.Rule
	case "pol":
		return &p.Pol
	case "purpose":
		return &p.Purpose
	case "flags":
		return &p.Flags
	case "note":
		return &p.Note
	case "read_ranges":
		return &p.ReadRanges
	case "written_ranges":
		return &p.WrittenRanges
	case "signed":
		return &p.Signed
	}
	return nil
}

func decode(val []byte, coded, ok bool) (string, bool) {
	s, isText := unquote(val)
	if !coded || !ok || !isText {
		return s, ok && isText
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return string(b), err == nil
}

func (r *reader) number(key string, val []byte) bool {
	p := &r.p.Record
	var ok bool
	switch key {
	case "h":
		p.H, ok = number(val)
		return ok
	case "ver":
		p.Ver, ok = number(val)
		return ok
	case "retired_to":
		p.Retired, ok = number(val)
		return ok
	}
	n, err := strconv.ParseInt(string(val), 10, 64)
	small := n >= 0 && n <= 1<<32-1
	switch key {
	case "uid":
		p.UID, p.HasUID = uint32(n), true
		return err == nil && small
	case "pid":
		p.PID = uint32(n)
		return err == nil && small
	case "auid":
		p.AUID = n
	case "ouid":
		p.OUID = n
	case "off":
		p.Off, p.HasRange = n, true
	case "len":
		p.Len, p.HasRange = n, true
	case "req":
		p.Req, r.asked = n, true
	case "cover_from":
		p.CoverFrom = n
	case "cover_to":
		p.CoverTo = n
	case "count":
		p.Count = int(n)
	}
	return err == nil
}

func (r *reader) recovery(key string, val []byte) (ok bool) {
	if r.p.Recovery == nil {
		r.p.Recovery = new(Recovery)
	}
	rec := r.p.Recovery
	var n uint64
	switch key {
	case "torn_len":
		n, ok = number(val)
		rec.TornLen = int64(n)
	case "torn_sha256":
		rec.TornHash, ok = unquote(val)
	case "torn_b64":
		var s string
		s, ok = decode(val, true, true)
		rec.Torn = []byte(s)
	case "lost_from":
		rec.LostFrom, ok = number(val)
	case "lost_to":
		rec.LostTo, ok = number(val)
	case "torn_file":
		rec.TornFile, ok = unquote(val)
	case "unanchored_from":
		rec.UnanchoredFrom, ok = number(val)
	case "unanchored_to":
		rec.UnanchoredTo, ok = number(val)
	case "since":
		rec.Since, ok = stamp(val)
	case "refused":
		n, ok = number(val)
		rec.Refused = int(n)
	}
	return ok
}

// number reads a decimal number without sign, fraction or leading zero.
func number(val []byte) (n uint64, ok bool) {
	if len(val) == 0 || len(val) > 20 || val[0] == '0' && len(val) > 1 {
		return 0, false
	}
	for _, c := range val {
		d := uint64(c - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// digest reads 64 lower-case hex digits in quotes.
func digest(val []byte) (d [32]byte, ok bool) {
	if len(val) != 66 || val[0] != '"' || val[65] != '"' {
		return d, false
	}
	hex := val[1:65]
	var seen byte
	for i := range d {
		high, low := unhex[hex[2*i]], unhex[hex[2*i+1]]
		seen |= high | low
		d[i] = high<<4 | low
	}
	return d, seen < 16
}

// unhex gives the value of a lower-case hex digit, 255 for other bytes.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for v, c := range []byte("0123456789abcdef") {
		t[c] = byte(v)
	}
	return t
}()
