package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// PersonalPrefix begins the name of each person's own folder at the root of
// the drive; no matter may take such a name.
const PersonalPrefix = "我的访问-"

// reserved are names that Windows clients ask for, make themselves or cannot
// open, as [skeleton] gives them and up to the first dot (COM¹ is com1 there).
var reserved = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true, "conin$": true, "conout$": true, "clock$": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
	"desktop": true, "thumbs": true, "autorun": true, "$recycle": true, "system volume information": true,
	"lost+found": true,
}

// skeleton is what a name comes down to for people and for clients that fold
// names: compatible and differently composed characters made one and letters
// without case (toNFKC_Casefold, Unicode 15 section 3.13), and without what
// shows nothing. Names with one skeleton are taken for each other.
func skeleton(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	fold := cases.Fold()
	name = strings.Map(dropUnseen, name)
	return norm.NFKC.String(fold.String(norm.NFKC.String(fold.String(norm.NFD.String(name)))))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func dropUnseen(r rune) rune {
	if isInvisible(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// badRootName says why a name cannot be a matter's folder, "" when it can. The
// folder is seen from Windows too.
func badRootName(name string) string {
	looks := skeleton(name)
	base, _, _ := strings.Cut(looks, ".")
	switch {
	case badComponent(name) != "":
		return badComponent(name)
	case strings.HasPrefix(looks, skeleton(PersonalPrefix)):
		return "begins with " + PersonalPrefix + ", which is kept for people's own folders"
	case strings.HasPrefix(name, "."):
		return "begins with a dot"
	case strings.ContainsAny(name, `\:*?"<>|`):
		return `contains one of \ : * ? " < > |`
	case strings.HasSuffix(name, "."):
		return "ends with a dot"
	case reserved[strings.TrimRight(base, " ")]:
		return "is a reserved name"
	}
	return ""
}

// badComponent says why a name cannot be one component of a path. A blank at
// an end or a character that shows nothing makes a folder that looks like the
// one that is meant, and a rule for it would guard nothing.
func badComponent(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "is . or .."
	case len(name) > maxName:
		return "is longer than 255 bytes"
	case strings.Contains(name, "/"):
		return "contains a slash"
	case strings.ContainsFunc(name, isControl):
		return "contains a control character"
	case strings.ContainsFunc(name, isInvisible):
		return "contains an invisible character"
	case strings.TrimSpace(name) != name:
		return "begins or ends with a blank"
	}
	return ""
}

// badPath says why a path inside a matter cannot be.
func badPath(path string) string {
	if strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return "begins or ends with a slash"
	}
	for part := range strings.SplitSeq(path, "/") {
		if why := badComponent(part); why != "" {
			return "has a part that " + why
		}
	}
	return ""
}

// within tells whether path is folder or lies below it; "" is the root of a
// matter and holds everything.
func within(path, folder string) bool {
	if folder == "" {
		return true
	}
	return len(path) >= len(folder) && path[:len(folder)] == folder &&
		(len(path) == len(folder) || path[len(folder)] == '/')
}

func isControl(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

func isBlankOrControl(r rune) bool { return unicode.IsSpace(r) || isControl(r) }

// isInvisible tells of characters that are no control characters and show
// nothing: Hangul fillers, joiners, variation selectors, the empty Braille cell.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800'
}
