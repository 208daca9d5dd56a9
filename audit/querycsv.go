package audit

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// CSVHeader names the columns of CSVRow.
func CSVHeader() []string {
	return []string{"seq", "time", "ev", "res", "user", "uid", "auid", "ouid", "pid", "exe", "comm", "matter", "client", "level", "path", "to",
		"fid", "h", "off", "len", "req", "rule", "pol", "purpose", "flags", "count", "note",
		"cover_from", "cover_to", "read_ranges", "written_ranges"}
}

// CSVRow is a record as the cells of a table, the time in loc. Spreadsheets take a cell that begins with = + - @ or a control
// character for a formula, and names of files are chosen by anybody: such a cell gets a ' in front. Bytes that are not UTF-8
// become \xHH.
func CSVRow(p *Parsed, loc *time.Location) []string {
	row := []string{strconv.FormatUint(p.Seq, 10), p.Time.In(loc).Format("2006-01-02 15:04:05.000000")}
	for _, field := range CSVHeader()[2:] {
		row = append(row, SafeCell(csvField(p, field)))
	}
	return row
}

func csvField(p *Parsed, field string) string {
	number := func(n int64, stated bool) string {
		if !stated {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	switch field {
	case "off":
		return number(p.Off, p.HasRange)
	case "len":
		return number(p.Len, p.HasRange)
	case "req":
		return number(p.Req, p.HasRange)
	case "cover_from":
		return number(p.CoverFrom, p.CoverTo != 0)
	case "cover_to":
		return number(p.CoverTo, p.CoverTo != 0)
	case "count":
		return number(int64(p.Count), p.Count != 0)
	}
	return fieldText(p, field)
}

// SafeCell is a text as a cell of a table that no spreadsheet takes for a formula, as CSVRow makes it.
func SafeCell(s string) string {
	if !utf8.ValidString(s) {
		s = escape(s)
	}
	if s != "" && (strings.IndexByte("=+-@", s[0]) >= 0 || s[0] < 0x20) {
		return "'" + s
	}
	return s
}
