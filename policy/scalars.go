package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Asia/Shanghai must work on a server without tzdata

	"gopkg.in/yaml.v3"
)

// vocabulary is every key that our files know; the scan uses it to tell a
// mistyped colon from punctuation. A test compares it with the readers.
var vocabulary = [...]string{
	"ack", "approval", "as", "as_of", "at", "auditor", "because", "between", "blocked", "can", "cannot",
	"clearance", "client", "deny_roles", "department", "departments", "duties", "folder", "folders", "from", "group", "groups", "id", "in",
	"lead", "level", "levels", "limits", "log_reads", "log_sync", "mapping", "matter", "matters", "max_readers", "members", "name",
	"named_only", "nda", "on", "only", "org", "path", "purpose", "reason", "ref", "rights", "role", "roles",
	"screen", "secadmin", "signed", "since", "stale", "status", "sysadmin", "tag", "tags", "tests", "timezone",
	"title", "to", "ttl", "two_person", "uid", "unix", "until", "user", "users", "version", "walls", "wide", "wide_roles",
}

// maxName is the longest id, name or path component in bytes: what a file
// system takes as a name.
const maxName = 255

// into stores free text of one line (a title, a reason).
func (s *source) into(v *val, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if ok && strings.ContainsFunc(text.s, isControl) {
			text.at.errorf("", "%s must be one line without control characters", what)
			return
		}
		*v = text
	}
}

// name stores an identifier: no blanks, at most maxName bytes.
func (s *source) name(v *val, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if ok && s.isName(text, what) {
			*v = text
		}
	}
}

func (s *source) isName(v val, what string) bool {
	why := ""
	switch {
	case strings.ContainsFunc(v.s, isBlankOrControl):
		why = "contains a blank or control character"
	case strings.ContainsFunc(v.s, isInvisible):
		why = "contains an invisible character"
	case len(v.s) > maxName:
		why = "is longer than 255 bytes"
	case strings.Contains(v.s, "/"):
		why = "contains a slash"
	}
	if why != "" {
		v.at.errorf("", "%s %q %s", what, v.s, why)
	}
	return why == ""
}

// word stores one of a few words.
func (s *source) word(v *val, what string, allowed ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if !ok {
			return
		}
		if !slices.Contains(allowed, text.s) {
			hint := didYouMean(text.s, allowed)
			if hint == "" {
				hint = "write " + strings.Join(allowed, " or ")
			}
			text.at.errorf(hint, "unknown %s %q", what, text.s)
			return
		}
		*v = text
	}
}

// truth stores true or false.
func (s *source) truth(b *bool, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var v val
		s.word(&v, what, "true", "false")(n)
		*b = v.s == "true"
	}
}

// names appends the identifiers of a list, each once. A single one may stand
// without brackets.
func (s *source) names(list *[]val, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		add := func(n *yaml.Node) {
			var v val
			s.name(&v, what)(n)
			if !v.given() {
				return
			}
			if slices.ContainsFunc(*list, func(o val) bool { return o.s == v.s }) {
				v.at.errorf("", "%s %q is listed twice", what, v.s)
				return
			}
			*list = append(*list, v)
		}
		if n.Kind == yaml.ScalarNode && !isNull(n) {
			add(n)
			return
		}
		s.list(n, what+" list", add)
	}
}

// rights stores a list of the five rights.
func (s *source) rights(r *Right, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var words []val
		s.names(&words, "right")(n)
		if len(words) == 0 && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			s.nodePos(n).errorf("list read, write, create, delete or rename", "%s names no right", what)
		}
		for _, w := range words {
			right, ok := ParseRight(w.s)
			if !ok {
				w.at.errorf(didYouMean(w.s, rightNames[:]), "unknown right %q", w.s)
			}
			*r |= right
		}
	}
}

// count stores a whole number between low and high, written in plain decimal.
func (s *source) count(v *int64, what string, low, high int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if !ok {
			return
		}
		num, err := strconv.ParseInt(text.s, 10, 64)
		if err != nil || num < low || num > high || strconv.FormatInt(num, 10) != text.s {
			text.at.errorf("", "%s must be %s, not %q", what, span(low, high), text.s)
			return
		}
		*v = num
	}
}

func span(low, high int64) string {
	if low == high {
		return strconv.FormatInt(low, 10)
	}
	return fmt.Sprintf("a number from %d to %d", low, high)
}

// duration stores a length of time such as 4h or 30m.
func (s *source) duration(d *time.Duration, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if !ok {
			return
		}
		num, err := time.ParseDuration(text.s)
		if err != nil || num <= 0 {
			text.at.errorf("write 4h or 30m", "%s must be a length of time, not %q", what, text.s)
			return
		}
		*d = num
	}
}

// when is a date or a moment as written; a date means nothing before the
// firm's time zone is known.
type when struct {
	t   time.Time
	day bool
	at  pos
}

func (w when) given() bool { return w.at.src != nil }

const dateHint = "write 2026-12-31 or 2026-12-31T18:00:00+08:00"

// when stores a date (2026-12-31) or an RFC 3339 time.
func (s *source) when(w *when, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := s.text(n, what)
		if !ok {
			return
		}
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			t, err := time.Parse(layout, text.s)
			if err == nil && t.Year() >= 1900 { // the zero time means "never" elsewhere
				*w = when{t, layout == time.DateOnly, text.at}
				return
			}
		}
		text.at.errorf(dateHint, "%s: %q is no date", what, text.s)
	}
}

// end is the first moment after the date or the moment itself; zero when not
// given.
func (w when) end(zone *time.Location) time.Time { return w.begin(zone, 1) }

// start is the first moment of the date.
func (w when) start(zone *time.Location) time.Time { return w.begin(zone, 0) }

func (w when) begin(zone *time.Location, days int) time.Time {
	if !w.day {
		return w.t
	}
	return dayStart(w.t.Year(), w.t.Month(), w.t.Day()+days, zone)
}

// noon is what a date means for a test: some time during that day.
func (w when) noon(zone *time.Location) time.Time {
	if !w.day {
		return w.t
	}
	return time.Date(w.t.Year(), w.t.Month(), w.t.Day(), 12, 0, 0, 0, zone)
}

// dayStart is the first moment of a day in a zone: midnight, or later where the
// clock is put forward over it (São Paulo, Beirut, Apia without a 30 December),
// or the first of two. time.Date answers such midnights with either side.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	wall := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	t := time.Date(y, m, d-3, 12, 0, 0, 0, zone) // before it in every zone
	for {
		_, offset := t.Zone()
		midnight := wall.Add(-time.Duration(offset) * time.Second)
		_, next := t.ZoneBounds() // of the time with this offset
		switch {
		case !midnight.After(t):
			return t
		case next.IsZero() || midnight.Before(next):
			return midnight.In(zone)
		}
		t = next
	}
}
