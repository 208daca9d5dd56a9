package report

import "time"

// Report is a finished report: data for renderers.
type Report struct {
	Name     string    `json:"report"` // of its Spec
	Lang     string    `json:"lang"`   // "zh" or "en"
	Title    string    `json:"title"`
	Params   []Param   `json:"params,omitempty"`
	Made     time.Time `json:"made"`
	Zone     string    `json:"zone"`           // of all times shown, as "Asia/Shanghai"
	From     time.Time `json:"from,omitzero"`  // records from then on; zero: from the first
	Until    time.Time `json:"until,omitzero"` // and before then; zero: to the last
	Basis    Basis     `json:"basis"`
	Sections []Section `json:"sections"`
	Limits   []string  `json:"limits,omitempty"` // what this report cannot show, in words
	Proofs   []uint64  `json:"proofs,omitempty"` // numbers of the records of which proofs go with the report
}

// Param is something that the report was asked about.
type Param struct {
	Key   string `json:"key"` // "matter", "user" ...
	Label string `json:"label"`
	Value string `json:"value"`
}

// Basis says of which records a report was made.
type Basis struct {
	Records  uint64 `json:"records"`             // that were looked at
	First    uint64 `json:"first,omitempty"`     // number of the first of them
	Last     uint64 `json:"last,omitempty"`      // and of the last
	LastHash string `json:"last_hash,omitempty"` // leaf hash of the last one, 64 hex digits: what the record after it carries as prev
	Bad      int    `json:"bad,omitempty"`       // lines that are no records
	FirstBad string `json:"first_bad,omitempty"`
	Policies string `json:"policies,omitempty"` // which policies the facts were made of, in words
}

// Section is a part of a report. Each of its parts may be missing; they are shown in this order.
type Section struct {
	ID      string   `json:"id"` // the same in every language, unique in the report
	Title   string   `json:"title"`
	Intro   string   `json:"intro,omitempty"`  // a paragraph
	Filter  string   `json:"filter,omitempty"` // the records that this section counts, for audit query; Run adds the period
	Figures []Figure `json:"figures,omitempty"`
	Chart   *Chart   `json:"chart,omitempty"`
	Table   *Table   `json:"table,omitempty"`
	Sign    []string `json:"sign,omitempty"` // who signs on paper, each with a line for name and one for the date
}

// Figure is one number that matters.
type Figure struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Value  Cell   `json:"value"` // of Kind
	Kind   Kind   `json:"kind"`
	Note   string `json:"note,omitempty"`   // how it was come by
	Filter string `json:"filter,omitempty"` // audit query --count with it gives Value; Run adds the period
	Alarm  bool   `json:"alarm,omitempty"`
}

// Kind says what a cell holds and how it is shown.
type Kind string

// The kinds of cells, with the Go types of their values. A nil Cell of any kind is shown as nothing.
const (
	Text    Kind = "text"    // string
	Number  Kind = "number"  // int64, right-aligned, with thousands apart
	Bytes   Kind = "bytes"   // int64, shown with a unit
	Percent Kind = "percent" // float64, 0 to 100
	Ratio   Kind = "ratio"   // float64, times something
	Moment  Kind = "time"    // time.Time, shown to the second in the report's zone
	Date    Kind = "date"    // time.Time, shown as a day
	Seq     Kind = "seq"     // uint64, the number of a record
	Hash    Kind = "hash"    // string, in a typewriter's letters
	Check   Kind = "check"   // bool
	Blank   Kind = "blank"   // nil: to be filled in on paper
)

// Cell is a value of a table or a figure; its column's Kind says which type it has.
type Cell any

// Column heads a column.
type Column struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
}

// Table is rows under columns.
type Table struct {
	Columns []Column `json:"columns"`
	Rows    [][]Cell `json:"rows"`
	Left    int      `json:"left,omitempty"` // rows left off; Intro or a Figure says of how many
}

// Chart is a picture of numbers.
type Chart struct {
	Kind   string   `json:"kind"` // see the Chart constants
	Title  string   `json:"title"`
	Unit   string   `json:"unit,omitempty"`
	Labels []string `json:"labels"`
	Series []Series `json:"series"`
}

// Series is a row of values, one for each label of the chart.
type Series struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// The kinds of charts.
const (
	ChartBars    = "bars"    // horizontal bars, a label each; further series stand behind the first in the same bar (stacked)
	ChartColumns = "columns" // a column for each label in order (days, weeks, months), series stacked
	ChartWeek    = "week"    // 24 labels, the hours; 7 series, Monday to Sunday: a field of squares
)
