package policy

import (
	"fmt"
	"strings"
	"testing"
)

// twins are pairs of names that people, or clients that fold names, take for
// each other.
var twins = map[string][2]string{
	"case":                 {"ABC", "abc"},
	"composed":             {"Caf\u00e9", "Cafe\u0301"},
	"hangul":               {"각", "\u1100\u1161\u11a8"},
	"full width":           {"A1", "Ａ１"},
	"half width":           {"カナ", "ｶﾅ"},
	"ideographic blank":    {"甲 乙", "甲　乙"},
	"blank that holds":     {"甲 乙", "甲\u00a0乙"},
	"long s":               {"case", "ca\u017fe"},
	"final sigma":          {"οδος", "οδοσ"},
	"sharp s":              {"strasse", "straße"},
	"kelvin":               {"k", "\u212a"},
	"ligature":             {"file", "\ufb01le"},
	"radical":              {"人", "\u2f08"},
	"compatible ideograph": {"豈", "\uf900"},
	"dotted capital":       {"i\u0307", "\u0130"},
	"superscript":          {"m2", "m²"},
}

func TestTwinsHaveOneSkeleton(t *testing.T) {
	for name, pair := range twins {
		if a, b := skeleton(pair[0]), skeleton(pair[1]); a != b {
			t.Errorf("%s: %q and %q", name, a, b)
		}
		if again := skeleton(skeleton(pair[1])); again != skeleton(pair[1]) {
			t.Errorf("%s: %q becomes %q", name, skeleton(pair[1]), again)
		}
	}
	for _, pair := range [][2]string{{"甲", "乙"}, {"a", "á"}, {"甲乙", "甲 乙"}, {"C1", "C2"}, {"己", "已"}, {"ば", "は"}} {
		if skeleton(pair[0]) == skeleton(pair[1]) {
			t.Errorf("%q and %q are one", pair[0], pair[1])
		}
	}
	if got := skeleton("甲\u3164\ufe0f\u034f\u200b\u00ad"); got != "甲" {
		t.Errorf("what shows nothing stays in %+q", got)
	}
}

// TestTwinFolders: no two matters have folders that look the same.
func TestTwinFolders(t *testing.T) {
	for name, pair := range twins {
		_, err := parseParts(small, fmt.Sprintf("matters:\n  - { matter: x, folder: %q, client: c, level: low, lead: boss }\n  - { matter: y, folder: %q, client: c, level: low, lead: boss }\n", pair[0], pair[1]))
		if err == nil || !strings.Contains(err.Error(), `is taken by matter "x"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTwinNames: clients, tags and organisations that look the same and are not
// name both places; the same name twice is what they are for.
func TestTwinNames(t *testing.T) {
	for name, pair := range twins {
		if strings.ContainsAny(pair[0], " ") {
			continue // no blanks in an id
		}
		for kind, text := range map[string]string{
			"client": "matters:\n  - { matter: x, client: %q, level: low, lead: boss }\n  - { matter: y, client: %q, level: low, lead: boss }\n",
			"tag":    "matters:\n  - { matter: x, client: c, level: low, lead: boss, tags: [%q] }\n  - { matter: y, client: c, level: low, lead: boss, tags: [%q] }\n",
			"org":    "blocked:\n  - { org: %q, reason: r }\n  - { org: %q, reason: r }\n",
		} {
			_, err := parseParts(small, fmt.Sprintf(text, pair[0], pair[1]))
			if err == nil || !strings.Contains(err.Error(), "a.yaml:3:") || !strings.Contains(err.Error(), fmt.Sprintf("%s %q looks like %q at a.yaml:2", kind, pair[1], pair[0])) {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
			if _, err := parseParts(small, fmt.Sprintf(text, pair[0], pair[0])); err != nil {
				t.Errorf("%s, the same %s twice: %v", name, kind, err)
			}
		}
	}
}

// TestNamesForNobody: names that a rule must not have, because what people make
// would look like it and be another, or because Windows clients have their own
// idea of them.
func TestNamesForNobody(t *testing.T) {
	for name, why := range map[string]string{
		"鉴定　": "begins or ends with a blank", " 鉴定": "begins or ends with a blank", "鉴定\u00a0": "begins or ends with a blank", "\u2003鉴定": "begins or ends with a blank",
		"鉴\u3164定": "an invisible character", "鉴定\ufe0f": "an invisible character", "鉴定\U000e0100": "an invisible character", "鉴\u034f定": "an invisible character",
		"\u115f": "an invisible character", "\uffa0": "an invisible character", "\u2800": "an invisible character", "\u180b": "an invisible character",
		"鉴\u200b定": "control character", "鉴\u00ad定": "control character",
	} {
		for _, path := range []string{name, "a/" + name, name + "/a"} {
			_, err := parseParts(small, fmt.Sprintf("matter: x\nclient: c\nlevel: low\nlead: boss\nfolders: [ { path: %q, level: top } ]\n", path))
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("folder %+q: %v", path, err)
			}
		}
		_, err := parseParts(small, fmt.Sprintf("matter: x\nfolder: %q\nclient: c\nlevel: low\nlead: boss\n", name))
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("matter's folder %+q: %v", name, err)
		}
		if _, err := parseParts(small, fmt.Sprintf("matter: x\nclient: %q\nlevel: low\nlead: boss\n", name)); err == nil {
			t.Errorf("client %+q is taken", name)
		}
	}
	for _, name := range []string{"鉴定 1", "鉴定　二", "a.b", "Größe", "(甲)"} {
		if why := badComponent(name) + badRootName(name); why != "" {
			t.Errorf("%q %s", name, why)
		}
	}
}

func TestReservedNames(t *testing.T) {
	for _, name := range []string{
		"CON", "con.txt", "Con .txt", "aux", "NUL.tar.gz", "COM1", "COM¹", "lpt³.doc", "LPT９", "CONIN$", "conout$", "$RECYCLE.BIN", "$Recycle.Bin",
		"System Volume Information", "SYSTEM VOLUME INFORMATION", "desktop.ini", "Thumbs.db", "autorun.inf", "lost+found", "ＣＯＮ",
	} {
		if why := badRootName(name); why != "is a reserved name" {
			t.Errorf("%q: %q", name, why)
		}
	}
	for _, name := range []string{"console", "com", "com10", "recycle", "2026-0142", "案件 CON", "$x"} {
		if why := badRootName(name); why != "" {
			t.Errorf("%q %s", name, why)
		}
	}
	for _, name := range []string{"我的访问-li.na", "我的访问－li.na", "我的訪問-li.na"} {
		if got := strings.Contains(badRootName(name), PersonalPrefix); got != (name != "我的訪問-li.na") {
			t.Errorf("%q is personal: %v", name, got)
		}
	}
}
