package policy

import (
	"strings"
	"unicode"
)

// windowWidth is how many characters of a source line an error shows.
const windowWidth = 120

// window cuts line around character col (from 1) and returns what to print and
// the number of columns before the caret. Control characters, tabs and bidi
// overrides are shown as blanks, so a policy file cannot paint the terminal.
func window(line string, col int) (text string, caret int) {
	runes := []rune(line)
	col = min(max(col, 1), len(runes)+1)
	start := 0
	if len(runes) > windowWidth {
		start = min(max(0, col-1-windowWidth/2), len(runes)-windowWidth)
		runes = runes[start : start+windowWidth]
	}
	var b strings.Builder
	for i, r := range runes {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			r = ' '
		}
		b.WriteRune(r)
		if start+i < col-1 {
			caret += runeWidth(r)
		}
	}
	return strings.TrimRight(b.String(), " "), caret
}

// wide lists what terminals draw in two columns (East Asian Width W and F,
// Unicode UAX 11), in coarse ranges.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3},
	{0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6},
	{0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
}

// runeWidth is the number of terminal columns of r: 0, 1 or 2.
func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	for _, span := range wide {
		if r >= span[0] && r <= span[1] {
			return 2
		}
	}
	return 1
}
