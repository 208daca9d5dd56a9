package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"matterfs/audit"
)

// SectionError is a section that a report does not have.
type SectionError struct {
	ID   string
	Have []string // those with a table or figures
}

func (e *SectionError) Error() string {
	return fmt.Sprintf("there is no section %q with a table or figures; there are %s", e.ID, strings.Join(e.Have, ", ")) + meant(audit.Nearest(e.ID, e.Have))
}

// WriteCSV writes the table of one section as RFC 4180, headed by the ids of its columns, which are the same in every language; a section of
// figures alone has the columns id, label, value. With no section named all are written one below the other, the first column being the
// section's id, each headed by a line of its own.
//
// Numbers and times are written for programs: digits alone, bytes as bytes, times as 2006-01-02 15:04:05 in the report's zone. A cell
// that a spreadsheet would take for a formula begins with ', as in audit query.
func WriteCSV(w io.Writer, r *Report, section string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	var have []string
	for i := range r.Sections {
		s := &r.Sections[i]
		if s.Table == nil && len(s.Figures) == 0 {
			continue
		}
		have = append(have, s.ID)
		var err error
		switch {
		case section == "":
			err = s.writeCSV(out, s.ID)
		case section == s.ID:
			err = s.writeCSV(out, "")
		}
		if err != nil {
			return err
		}
		if section == s.ID {
			out.Flush()
			return out.Error()
		}
	}
	if section != "" {
		return &SectionError{ID: section, Have: have}
	}
	out.Flush()
	return out.Error()
}

// writeCSV writes the figures, where all sections are written or there is no table, and the table.
func (s *Section) writeCSV(out *csv.Writer, prefix string) error {
	if len(s.Figures) > 0 && (s.Table == nil || prefix != "") {
		t := &Table{Columns: []Column{{ID: "id"}, {ID: "label"}, {ID: "value"}}}
		for _, f := range s.Figures {
			t.Rows = append(t.Rows, []Cell{f.ID, f.Label, f.Value})
		}
		if err := t.writeCSV(out, prefix); err != nil {
			return err
		}
	}
	if s.Table == nil {
		return nil
	}
	return s.Table.writeCSV(out, prefix)
}

func (t *Table) writeCSV(out *csv.Writer, prefix string) error {
	var head []string
	if prefix != "" {
		head = append(head, "section")
	}
	for _, c := range t.Columns {
		head = append(head, c.ID)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, cells := range t.Rows {
		var row []string
		if prefix != "" {
			row = append(row, prefix)
		}
		for i, c := range t.Columns {
			var cell Cell
			if i < len(cells) {
				cell = cells[i]
			}
			row = append(row, csvCell(c.Kind, cell))
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// csvCell is a cell for programs.
func csvCell(k Kind, c Cell) string {
	switch v := c.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		if k == Date {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.DateTime)
	case string:
		return audit.SafeCell(v)
	}
	return audit.SafeCell(fmt.Sprint(c))
}

// WriteJSON writes the Report as one value, indented. HTML escapes are off: names are read by people too.
func WriteJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(r)
}
