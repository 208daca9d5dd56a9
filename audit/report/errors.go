package report

import "fmt"

// UnknownError is a report that there is not.
type UnknownError struct {
	Name string
	Like string // what may have been meant; empty: no idea
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("there is no report %q", e.Name) + meant(e.Like)
}

// ParamError says what is wrong with a parameter of a report.
type ParamError struct {
	Report, Key string
	What        string
	Like        string // what may have been meant; empty: no idea
}

func (e *ParamError) Error() string {
	return fmt.Sprintf("report %s: %s %s", e.Report, e.Key, e.What) + meant(e.Like)
}

// FactsError is a report that cannot be made without Facts.
type FactsError struct{ Report string }

func (e *FactsError) Error() string {
	return fmt.Sprintf("report %s: needs facts of the policies, which a log does not have; make it where the store is, or take a file of facts along", e.Report)
}

// AbsentError is something that a report was asked about and that neither the log nor the facts know.
type AbsentError struct {
	Key, Value string
	Like       string // what may have been meant; empty: no idea
}

func (e *AbsentError) Error() string {
	return fmt.Sprintf("%s %q is neither in the log nor in the facts", e.Key, e.Value) + meant(e.Like)
}

func meant(like string) string {
	if like == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", like)
}
