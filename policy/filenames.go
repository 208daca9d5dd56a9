package policy

import (
	"strings"
	"unicode"
)

// PersonalPrefix begins the name of each person's own folder at the root of
// the drive; no matter may take such a name.
const PersonalPrefix = "我的访问-"

// reserved are names that Windows clients ask for or cannot open, in lower
// case, without extension.
var reserved = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true, "desktop": true, "thumbs": true, "autorun": true,
	"com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
	"lost+found": true,
}

// badRootName says why a name cannot be a matter's folder, "" when it can. The
// folder is seen from Windows too.
func badRootName(name string) string {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch {
	case badComponent(name) != "":
		return badComponent(name)
	case strings.HasPrefix(name, PersonalPrefix):
		return "begins with " + PersonalPrefix + ", which is kept for people's own folders"
	case strings.HasPrefix(name, "."):
		return "begins with a dot"
	case strings.ContainsAny(name, `\:*?"<>|`):
		return `contains one of \ : * ? " < > |`
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || strings.HasPrefix(name, " "):
		return "begins or ends with a blank or ends with a dot"
	case reserved[base]:
		return "is a reserved name"
	}
	return ""
}

// badComponent says why a name cannot be one component of a path.
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
