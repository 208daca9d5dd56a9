package audit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Filter chooses records. The zero value chooses all. ParseFilter reads one; Query and Match apply it.
type Filter struct {
	text         string
	terms        []term
	since, until time.Time // zero: open; since is included, until is not
}

// term is a condition on one field.
type term struct {
	field  string
	op     string // "=", "!=" or "~"
	values []string
	marks  [][]byte // of "=": one of them stands in each line that matches and has no escapes; nil: cannot be said
}

// FilterError says what is wrong with the text of a filter, and where.
type FilterError struct {
	Filter string
	Pos    int    // 1-based, in characters
	What   string // what is wrong there
	Like   string // what may have been meant; empty: no idea
}

func (e *FilterError) Error() string {
	s := fmt.Sprintf("filter, character %d: %s", e.Pos, e.What)
	if e.Like != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Like)
	}
	return s
}

// FilterFields are the fields that a filter may name, as they are called in the log.
func FilterFields() []string {
	return []string{"seq", "ev", "res", "user", "uid", "auid", "ouid", "pid", "exe", "comm", "matter", "client", "level", "path", "to",
		"fid", "fid2", "h", "rule", "pol", "purpose", "flags", "note"}
}

// filterWords stand for a condition by themselves.
func filterWords() map[string]term {
	return map[string]term{
		"denied": {field: "res", op: "=", values: []string{"deny"}},
		"ok":     {field: "res", op: "=", values: []string{"ok"}},
		"failed": {field: "res", op: "!=", values: []string{"ok", "deny", ""}},
	}
}

// ParseFilter reads conditions parted by blanks; a record must meet all of them:
//
//	field=value[,value]    one of these; field= without a value: the field is not stated
//	field!=value[,value]   none of these
//	field~part[,part]      one of these stands somewhere in it
//	denied, ok, failed     the outcome; failed is neither of the others
//	since=T, until=T       from T on; before T, or to the end of the day T
//
// A value with blanks or commas stands in double quotes; a double quote inside is written twice. T is 2026-11-22, 2026-11-22T09:30, 2026-11-22T09:30:05 in loc, one of these
// with Z or +08:00 behind it, or 30m, 12h, 7d, 2w before now. The error is a *FilterError.
func ParseFilter(text string, loc *time.Location, now time.Time) (*Filter, error) {
	p := filterParser{text: text, loc: loc, now: now, f: &Filter{text: strings.TrimSpace(text)}}
	for p.blank(); p.i < len(text); p.blank() {
		if err := p.condition(); err != nil {
			return nil, err
		}
	}
	f := p.f
	if !f.since.IsZero() && !f.until.IsZero() && !f.since.Before(f.until) {
		return nil, p.bad(0, "since is not before until", "")
	}
	for i := range f.terms {
		f.terms[i].mark()
	}
	return f, nil
}

// String is the text that the filter was read from.
func (f *Filter) String() string { return f.text }

// Until is the time from which on the filter chooses nothing; zero: there is none.
func (f *Filter) Until() time.Time { return f.until }

type filterParser struct {
	text string
	i    int // bytes read
	loc  *time.Location
	now  time.Time
	f    *Filter
}

func (p *filterParser) bad(at int, what, like string) error {
	return &FilterError{p.text, utf8.RuneCountInString(p.text[:at]) + 1, what, like}
}

func (p *filterParser) blank() {
	for p.i < len(p.text) && strings.IndexByte(" \t\n", p.text[p.i]) >= 0 {
		p.i++
	}
}

// condition reads one of them.
func (p *filterParser) condition() error {
	start := p.i
	for p.i < len(p.text) && strings.IndexByte("=~! \t\n\"", p.text[p.i]) < 0 {
		p.i++
	}
	name := p.text[start:p.i]
	op := p.operator()
	if op == "" {
		t, ok := filterWords()[name]
		if !ok {
			like := nearest(name, wordNames())
			if slices.Contains(FilterFields(), name) {
				like = name + "="
			}
			return p.bad(start, fmt.Sprintf("%q is neither field=value nor denied, ok or failed", name), like)
		}
		p.f.terms = append(p.f.terms, t)
		return nil
	}
	at := p.i
	values, err := p.values()
	switch {
	case err != nil:
		return err
	case name == "since" || name == "until":
		return p.bound(name, op, values, at)
	case !slices.Contains(FilterFields(), name):
		return p.bad(start, fmt.Sprintf("there is no field %q", name), nearest(name, append(FilterFields(), "since", "until")))
	case op == "~" && slices.Contains(values, ""):
		return p.bad(at, "~ needs a text to look for", "")
	}
	p.f.terms = append(p.f.terms, term{field: name, op: op, values: values})
	return nil
}

func wordNames() []string {
	return append(FilterFields(), "denied", "ok", "failed", "since", "until")
}

func (p *filterParser) operator() string {
	for _, op := range []string{"!=", "=", "~"} {
		if strings.HasPrefix(p.text[p.i:], op) {
			p.i += len(op)
			return op
		}
	}
	return ""
}

// values reads a list parted by commas.
func (p *filterParser) values() (list []string, err error) {
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if p.i == len(p.text) || p.text[p.i] != ',' {
			return list, nil
		}
		p.i++
	}
}

func (p *filterParser) value() (string, error) {
	start := p.i
	if p.i == len(p.text) || p.text[p.i] != '"' {
		for p.i < len(p.text) && strings.IndexByte(" \t\n,", p.text[p.i]) < 0 {
			p.i++
		}
		return p.text[start:p.i], nil
	}
	var v strings.Builder
	for p.i++; ; p.i += 2 {
		n := strings.IndexByte(p.text[p.i:], '"')
		if n < 0 {
			return "", p.bad(start, "the quotation mark is not closed", "")
		}
		v.WriteString(p.text[p.i : p.i+n])
		if p.i += n; !strings.HasPrefix(p.text[p.i:], `""`) {
			break
		}
		v.WriteByte('"')
	}
	p.i++
	if p.i < len(p.text) && strings.IndexByte(" \t\n,", p.text[p.i]) < 0 {
		return "", p.bad(p.i, "a blank or a comma must follow the quotation mark", "")
	}
	return v.String(), nil
}

func (p *filterParser) bound(name, op string, values []string, at int) error {
	if op != "=" || len(values) != 1 {
		return p.bad(at, name+" takes = and one time", "")
	}
	t, day, ok := ParseTime(values[0], p.loc, p.now)
	if !ok {
		return p.bad(at, fmt.Sprintf("%q is no time like 2026-11-22, 2026-11-22T09:30 or 7d", values[0]), "")
	}
	if name == "since" {
		p.f.since = t
		return nil
	}
	if day {
		t = t.AddDate(0, 0, 1)
	}
	p.f.until = t
	return nil
}

// ParseTime reads a time as the conditions since and until of a filter take it. day: it is a whole day.
func ParseTime(s string, loc *time.Location, now time.Time) (t time.Time, day, ok bool) {
	if t, err := time.ParseInLocation(time.DateOnly, s, loc); err == nil {
		return t, true, true
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, false, true
		}
	}
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if s == "" || units[s[len(s)-1]] == 0 {
		return t, false, false
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 14)
	return now.Add(-time.Duration(n) * units[s[len(s)-1]]), false, err == nil
}

// Match says whether the filter chooses a record.
func (f *Filter) Match(p *Parsed) bool {
	if p.Time.Before(f.since) || !f.until.IsZero() && !p.Time.Before(f.until) {
		return false
	}
	for i := range f.terms {
		if !f.terms[i].match(p) {
			return false
		}
	}
	return true
}

func (t *term) match(p *Parsed) bool {
	have := fieldText(p, t.field)
	for _, v := range t.values {
		if t.op == "~" && strings.Contains(have, v) || t.op != "~" && have == v {
			return t.op != "!="
		}
	}
	return t.op == "!="
}

// fieldText is a field of a record as the log has it, numbers in decimal; empty where it is not stated.
func fieldText(p *Parsed, field string) string {
	if s := p.field(field); s != nil {
		return *s
	}
	signed := func(n int64) string {
		if n < 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	switch {
	case field == "seq":
		return strconv.FormatUint(p.Seq, 10)
	case field == "uid" && p.HasUID:
		return strconv.FormatUint(uint64(p.UID), 10)
	case field == "auid":
		return signed(p.AUID)
	case field == "ouid":
		return signed(p.OUID)
	case field == "pid" && p.PID != 0:
		return strconv.FormatUint(uint64(p.PID), 10)
	case field == "h" && p.H != 0:
		return strconv.FormatUint(p.H, 10)
	}
	return ""
}

// FilterValue is a value as a filter takes it, between quotation marks where it must be.
func FilterValue(v string) string {
	if !strings.ContainsAny(v, " \t\n,\"") {
		return v
	}
	return `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
}

// Nearest is the word that differs least from s, empty when none is near: what may have been meant.
func Nearest(s string, words []string) string { return nearest(s, words) }

// nearest is the word that differs least from s, empty when none is near.
func nearest(s string, words []string) (best string) {
	least := 3
	for _, w := range words {
		if d := distance(s, w); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, diag+1)
		}
	}
	return row[len(b)]
}
