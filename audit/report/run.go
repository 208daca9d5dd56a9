package report

import (
	"fmt"
	"slices"
	"time"

	"matterfs/audit"
)

// RunOptions say which report is made of what.
type RunOptions struct {
	Name  string // of the Spec
	Input Input  // as New gave it back
}

// New makes the Builder of a report and completes its input. What is wrong with the name or the parameters is an *UnknownError or a
// *ParamError, facts that are missing are a *FactsError.
func New(name string, in Input) (Builder, Input, error) {
	spec, err := Find(name)
	if err != nil {
		return nil, in, err
	}
	if err := spec.complete(&in); err != nil {
		return nil, in, err
	}
	b, err := spec.New(in)
	return b, in, err
}

// Find is the Spec with a name; the error is an *UnknownError.
func Find(name string) (Spec, error) {
	var names []string
	for _, s := range Specs() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Spec{}, &UnknownError{Name: name, Like: audit.Nearest(name, names)}
}

// complete checks what a report is made from and fills in what was left open.
func (s *Spec) complete(in *Input) error {
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	if in.Zone == nil {
		in.Zone = time.Local
	}
	if s.NeedsFacts && in.Facts == nil {
		return &FactsError{Report: s.Name}
	}
	params := map[string]string{}
	for _, p := range s.Params {
		v, given := in.Params[p.Key]
		if p.Required && v == "" {
			return &ParamError{Report: s.Name, Key: p.Key, What: "must be given: " + p.Help[0]}
		}
		if params[p.Key] = v; !given {
			params[p.Key] = p.Default
		}
	}
	for key := range in.Params {
		if _, ok := params[key]; !ok {
			return &ParamError{Report: s.Name, Key: key, What: "is no parameter of this report", Like: audit.Nearest(key, s.keys())}
		}
	}
	in.Params = params
	return s.period(in)
}

// period settles which time a report is about.
func (s *Spec) period(in *Input) error {
	if s.Period != nil {
		if err := s.Period(in); err != nil {
			return err
		}
	}
	if in.Until.IsZero() {
		in.Until = in.Now
	}
	if !in.From.Before(in.Until) {
		return &ParamError{Report: s.Name, Key: "until", What: "the period ends before it begins"}
	}
	return nil
}

func (s *Spec) keys() (list []string) {
	for _, p := range s.Params {
		list = append(list, p.Key)
	}
	return list
}

// Run delivers the records to a Builder and completes its report: language, time, basis, and the period in every filter.
func Run(o RunOptions, b Builder) (*Report, error) {
	r := &runner{o: o, b: b}
	stage := Stage{b.Filter(), o.Input.From, o.Input.Until}
	for more := true; more; {
		if err := r.pass(stage); err != nil {
			return nil, err
		}
		staged, ok := b.(Staged)
		if more = ok; more {
			stage, more = staged.Next()
		}
	}
	rep, err := b.Report()
	if err != nil {
		return nil, err
	}
	r.complete(rep)
	return rep, nil
}

// runner makes one report.
type runner struct {
	o     RunOptions
	b     Builder
	basis Basis
	last  []byte // line of the newest record looked at
}

func (r *runner) pass(s Stage) error {
	f, err := audit.ParseFilter(s.Filter+span(s.From, s.Until, time.UTC), r.o.Input.Zone, r.o.Input.Now)
	if err != nil {
		return err
	}
	q, err := audit.Query(r.o.Input.Log, f, r.take)
	if err != nil {
		return err
	}
	if r.basis.Bad += q.Bad; r.basis.FirstBad == "" && q.First != nil {
		r.basis.FirstBad = q.First.Error()
	}
	return nil
}

func (r *runner) take(line []byte, p *audit.Parsed) error {
	if r.basis.Records++; r.basis.First == 0 || p.Seq < r.basis.First {
		r.basis.First = p.Seq
	}
	if p.Seq >= r.basis.Last {
		r.basis.Last, r.last = p.Seq, line
	}
	return r.b.Add(line, p)
}

func (r *runner) complete(rep *Report) {
	in := r.o.Input
	rep.Name, rep.Lang, rep.Made, rep.Zone = r.o.Name, in.lang(), in.Now.In(in.Zone), in.Zone.String()
	rep.From, rep.Until, rep.Params = in.From, in.Until, in.params(r.o.Name)
	if r.last != nil {
		r.basis.LastHash = fmt.Sprintf("%x", audit.LeafHash(r.last))
	}
	r.basis.Policies = rep.Basis.Policies
	if in.Facts != nil && r.basis.Policies == "" {
		r.basis.Policies = in.policies()
	}
	rep.Basis = r.basis
	period := span(in.From, in.Until, in.Zone)
	for i := range rep.Sections {
		s := &rep.Sections[i]
		s.Filter = within(s.Filter, period)
		for j := range s.Figures {
			s.Figures[j].Filter = within(s.Figures[j].Filter, period)
		}
	}
}

func within(filter, period string) string {
	if filter == "" {
		return ""
	}
	return filter + period
}

// span is a time as conditions of a filter.
func span(from, until time.Time, zone *time.Location) (s string) {
	if !from.IsZero() {
		s += " since=" + from.In(zone).Format(time.RFC3339Nano)
	}
	if !until.IsZero() {
		s += " until=" + until.In(zone).Format(time.RFC3339Nano)
	}
	return s
}

// params are the parameters that were given or have a default, as the report shows them.
func (in *Input) params(name string) (list []Param) {
	spec, err := Find(name)
	if err != nil {
		return nil
	}
	for _, p := range spec.Params {
		if v := in.Params[p.Key]; v != "" && !p.Hidden {
			list = append(list, Param{Key: p.Key, Label: p.Help[in.index()], Value: v})
		}
	}
	return list
}

func (in *Input) policies() string {
	kept := 0
	for _, p := range in.Facts.Policies {
		if p.Kept {
			kept++
		}
	}
	return in.text(nameTexts, "policies", kept, len(in.Facts.Policies), in.Facts.Made.In(in.Zone).Format(time.DateTime))
}

// known refuses a value that neither the facts nor the log, at any time, have in a field: most likely it was misspelt.
func (in *Input) known(field, value string, inFacts bool) error {
	if inFacts {
		return nil
	}
	list, err := audit.Values(in.Log, field)
	if err != nil || slices.Contains(list, value) {
		return err
	}
	return &AbsentError{Key: field, Value: value, Like: audit.Nearest(value, list)}
}
