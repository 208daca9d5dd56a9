// Package report makes reports of an audit log: who opened what in a matter, what a leaver held, who could but never did.
//
// A [Spec] is a kind of report; [Specs] lists them. Its Builder is given the records that its filter chooses, oldest first, and then
// makes a [Report], which is data: sections with figures, tables and charts, with texts in the language asked for and keys that
// stay the same in every language. Renderers write a Report as text, CSV, JSON or one self-contained HTML file; none of them knows
// which report it is.
//
//	b, in, err := report.New("matter", report.Input{Params: params, Zone: loc, Lang: "zh", Now: now, Facts: facts, Log: log})
//	rep, err := report.Run(report.RunOptions{Name: "matter", Input: in}, b)
//
// What a log does not say (names of people, who leads a matter, who could have opened it) stands in [Facts], which the command
// makes from the policies that were in force; it is plain data that can be written as JSON and taken along. A report that needs
// facts and has none is refused, never made with gaps.
//
// # Arithmetic
//
// Figures and sections state the filter they rest on, so that `audit query` finds the same records, and --count the same number where
// a figure states one. Rules with thresholds print them.
//
// Opens are records of open and create that were allowed. Bytes are those that close records state, each for who used
// the handle: a read record may announce more than was read, or stand for many reads, so that it says no more than that something was
// read. A document is counted once whatever it is called, by its object id. Refusals are counted with their repeats.
//
// # What a report is not
//
// It is not verified: Basis says which records it was made of, and `audit verify` tells whether they are whole. A report shows
// names of clients and documents to whoever is given the file.
package report
