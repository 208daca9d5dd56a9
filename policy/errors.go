package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid matches every *Errors: errors.Is(err, ErrInvalid) tells a policy
// that says something wrong from a directory that cannot be read.
var ErrInvalid = errors.New("policy invalid")

// Error is one mistake in one policy file.
type Error struct {
	File string // relative to the policy directory
	Line int    // from 1; 0 for a mistake of the whole policy
	Col  int    // from 1, counted in characters
	Msg  string // lower case, quotes the offending text
	Hint string // what to do about it, may be empty
	Text string // the source line
}

// Error prints the mistake as file:line:col with the source line and a caret
// under the place; 汉字 count as two columns.
func (e *Error) Error() string {
	var b strings.Builder
	e.appendTo(&b, "error")
	return strings.TrimSuffix(b.String(), "\n")
}

// Warning prints like Error, for what is legal but hardly meant.
func (e *Error) Warning() string {
	var b strings.Builder
	e.appendTo(&b, "warning")
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *Error) appendTo(b *strings.Builder, kind string) {
	fmt.Fprintf(b, "%s: %s: %s\n", e.where(), kind, e.Msg)
	if e.Line > 0 {
		text, caret := window(e.Text, e.Col)
		fmt.Fprintf(b, "    %s\n    %s^\n", text, strings.Repeat(" ", caret))
	}
	if e.Hint != "" {
		fmt.Fprintf(b, "    hint: %s\n", e.Hint)
	}
}

func (e *Error) where() string {
	if e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Col)
}

// Errors is every mistake found in one load, ordered by file and place.
type Errors struct{ List []*Error }

// Error prints every mistake, one after the other.
func (e *Errors) Error() string {
	var b strings.Builder
	for _, one := range e.List {
		one.appendTo(&b, "error")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *Errors) Is(target error) bool { return target == ErrInvalid }

// Unwrap gives the mistakes to errors.As.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

func sortErrors(list []*Error) []*Error {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col), cmp.Compare(a.Msg, b.Msg))
	})
	return slices.CompactFunc(list, func(a, b *Error) bool { return *a == *b })
}
