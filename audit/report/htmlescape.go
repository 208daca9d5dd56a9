package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// part is a piece of a text: as it stands, or what is shown for something that cannot be seen.
type part struct {
	Text   string
	Hidden bool
}

// parts takes a text apart into what can be shown and what must be spelled out: controls, what turns the direction of writing,
// what leaves no mark, bytes that are not UTF-8, and more than four marks heaped on one letter, which would cover the lines around.
func parts(s string) []part {
	if plain(s) {
		return []part{{s, false}}
	}
	var list []part
	from, marks := 0, 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
		} else {
			marks = 0
		}
		if spelled := spell(r, s[i:i+n], marks); spelled != "" {
			if from < i {
				list = append(list, part{s[from:i], false})
			}
			list = append(list, part{spelled, true})
			from = i + n
		}
		i += n
	}
	if from < len(s) {
		list = append(list, part{s[from:], false})
	}
	return list
}

// plain says that a text has nothing that must be spelled out; most have not.
func plain(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || spell(r, "", 0) != "" || unicode.In(r, unicode.Mn, unicode.Me) {
			return false
		}
	}
	return true
}

const (
	ideographicSpace = '\u3000' // common in Chinese names, and visible as a gap
	emptyBraille     = '\u2800'
	maxMarks         = 4
)

// spell is what is shown for a character; empty: the character itself. raw are its bytes.
func spell(r rune, raw string, marks int) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case marks > maxMarks:
	case r == ideographicSpace:
		return ""
	case unicode.IsPrint(r) && r != emptyBraille && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return ""
	}
	return fmt.Sprintf(`\u{%x}`, r)
}

// visible is a text with all that cannot be seen spelled out, for places where that cannot be set off from the rest: a backslash of
// its own is doubled, as audit.Escape does.
func visible(s string) string {
	var b strings.Builder
	for _, p := range parts(s) {
		if p.Hidden {
			b.WriteString(p.Text)
		} else {
			b.WriteString(strings.ReplaceAll(p.Text, `\`, `\\`))
		}
	}
	return b.String()
}
