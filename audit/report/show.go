package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// show is a cell as people read it, in the report's language and zone; texts are not escaped. Nothing is hidden: a value of another type
// than its kind says is shown as Go prints it.
func (r *Report) show(k Kind, c Cell) string {
	if c == nil || k == Blank {
		return ""
	}
	switch v := c.(type) {
	case int64:
		return showInt(k, v)
	case float64:
		return showFloat(k, v)
	case uint64:
		return showSeq(v)
	case time.Time:
		return showTime(k, v)
	case bool:
		return r.yesNo(v)
	case string:
		return v
	}
	return fmt.Sprint(c)
}

func (r *Report) yesNo(b bool) string {
	return map[bool][2]string{false: {"no", "否"}, true: {"yes", "是"}}[b][boolIndex(r.Lang == "zh")]
}

func boolIndex(b bool) int {
	if b {
		return 1
	}
	return 0
}

func showInt(k Kind, n int64) string {
	if k == Bytes {
		return byteCount(n)
	}
	return thousands(n)
}

func showFloat(k Kind, f float64) string {
	switch k {
	case Percent:
		return strconv.FormatFloat(f, 'f', 1, 64) + " %"
	case Ratio:
		return strconv.FormatFloat(f, 'f', 1, 64) + " ×"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func showSeq(n uint64) string { return "#" + strconv.FormatUint(n, 10) }

// showTime takes a time in the report's zone.
func showTime(k Kind, t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case k == Date:
		return t.Format(time.DateOnly)
	}
	return t.Format(time.DateTime)
}

// thousands puts a comma between each three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// byteCount shows a number of bytes with a unit of 1000s, three figures of it.
func byteCount(n int64) string {
	if n > -1000 && n < 1000 {
		return thousands(n) + " B"
	}
	f, unit := float64(n), -1
	for unit < len(byteUnits)-1 && (f >= 999.5 || f <= -999.5) {
		f /= 1000
		unit++
	}
	digits := 0
	switch {
	case f < 9.995 && f > -9.995:
		digits = 2
	case f < 99.95 && f > -99.95:
		digits = 1
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', digits, 64), "-", "−", 1) + " " + byteUnits[unit:unit+1] + "B"
}

const byteUnits = "kMGTPE"
