package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"matterfs/audit"
)

// withholder keeps names out of a report that is given to somebody outside: a text in which one of them stands is replaced whole. It
// finds them in upper and lower case, in full-width and other compatibility forms, and with characters between that print as nothing;
// not where letters or digits go on on either side: C001 does not stand in C0012.
type withholder struct {
	names []string // folded
	own   []string // folded: names that may be shown though another stands in them
	mark  string
	seen  map[string]bool // texts that were looked at: do they hold a name?
}

// newWithholder keeps these names out but shows the others; empty ones are passed over.
func newWithholder(mark string, names, own map[string]bool) *withholder {
	return &withholder{mark: mark, seen: map[string]bool{}, names: foldAll(names), own: foldAll(own)}
}

func foldAll(names map[string]bool) (list []string) {
	for name := range names {
		if f := strings.TrimSpace(fold(name)); f != "" {
			list = append(list, f)
		}
	}
	return list
}

// fold is a text as names are compared.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return r
	}, s)
	return strings.ToLower(norm.NFKC.String(s))
}

// holds says that a name stands in a text.
func (w *withholder) holds(s string) bool {
	if s == "" {
		return false
	}
	found, known := w.seen[s]
	if known {
		return found
	}
	found = w.find(s)
	w.seen[s] = found
	return found
}

// find looks for the names; one inside of a name of this client's own does not count.
func (w *withholder) find(s string) bool {
	s = fold(s)
	for _, name := range w.names {
		for at := next(s, name, 0); at >= 0; at = next(s, name, at+1) {
			if !w.inOwn(s, at, at+len(name)) {
				return true
			}
		}
	}
	return false
}

// inOwn says that a part of a text lies within one of the names that may be shown.
func (w *withholder) inOwn(s string, from, to int) bool {
	for _, own := range w.own {
		for at := next(s, own, 0); at >= 0 && at <= from; at = next(s, own, at+1) {
			if at+len(own) >= to {
				return true
			}
		}
	}
	return false
}

// next is where a name stands in a text, from at on, and does not go on beyond its ends; negative: nowhere.
func next(s, name string, at int) int {
	for ; at <= len(s); at++ {
		i := strings.Index(s[at:], name)
		if i < 0 {
			return -1
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(s[:at])
		after, _ := utf8.DecodeRuneInString(s[at+len(name):])
		first, _ := utf8.DecodeRuneInString(name)
		last, _ := utf8.DecodeLastRuneInString(name)
		if !(wordy(first) && wordy(before)) && !(wordy(last) && wordy(after)) {
			return at
		}
	}
	return -1
}

// wordy says that a character is part of an identifier in Latin letters; Han characters have no such bounds.
func wordy(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// safe is a text that may be shown.
func (w *withholder) safe(s string) string {
	if w.holds(s) {
		return w.mark
	}
	return s
}

// path is a path that may be shown: each of its names is looked at, and the whole.
func (w *withholder) path(s string) string {
	if !w.holds(s) {
		return s
	}
	parts, found := strings.Split(s, "/"), false
	for i, p := range parts {
		if w.holds(p) {
			parts[i], found = w.mark, true
		}
	}
	if joined := strings.Join(parts, "/"); found && !w.holds(joined) {
		return joined
	}
	return w.mark
}

// record says that the line of a record can be given away as it stands: no name is in any of its texts, and the rule that decided is
// not one that is called after a wall, for walls are about other clients. The line itself is looked at too, for keys may come that this
// program does not know.
func (w *withholder) record(line []byte, p *audit.Parsed) bool {
	for _, s := range []string{p.User, p.Exe, p.Comm, p.Matter, p.Client, p.Level, p.Path, p.To, p.Rule, p.Purpose, p.Flags, p.Note, p.Res} {
		if w.holds(s) {
			return false
		}
	}
	return !strings.HasPrefix(p.Rule, wallPrefix) && !w.find(string(line))
}
