package report

import (
	"time"

	"matterfs/audit"
)

// Input is what a report is made from, but for the records.
type Input struct {
	Params map[string]string // of the Spec's Params, by key
	From   time.Time         // zero: the first record
	Until  time.Time         // zero: Now
	Zone   *time.Location
	Lang   string // "zh" or "en"
	Now    time.Time
	Facts  *Facts // nil: none; a Spec with NeedsFacts then refuses
	Log    audit.QueryOptions
}

// Builder makes one report.
type Builder interface {
	// Filter chooses the records that Add wants, in the language of audit.ParseFilter, without since and until.
	Filter() string
	// Add takes the next record; line stays as it is.
	Add(line []byte, r *audit.Parsed) error
	// Report makes the report when all records were added; Run fills in what is the same for all.
	Report() (*Report, error)
}

// Stage is a pass over the log that a Builder wants beside that of Filter, over a time of its own.
type Stage struct {
	Filter      string
	From, Until time.Time // zero: open
}

// Staged is a Builder that must see records of more than one filter, because the second depends on what the first found.
type Staged interface {
	Builder
	// Next is asked after each pass; false: there is none any more. Add is given the records of all passes.
	Next() (Stage, bool)
}

// Spec is a kind of report.
type Spec struct {
	Name       string    // what `audit report` calls it
	Short      [2]string // what it is for, English and Chinese
	Params     []ParamSpec
	NeedsFacts bool
	Proofs     bool               // Report.Proofs is filled in
	Period     func(*Input) error // sets From and Until by the parameters; nil: they are as given
	New        func(Input) (Builder, error)
}

// ParamSpec is something that a report can be asked about.
type ParamSpec struct {
	Key      string
	Required bool
	Hidden   bool      // the report does not show its value
	Help     [2]string // English and Chinese
	Default  string
}
