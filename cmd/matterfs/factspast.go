package main

import (
	"errors"
	"slices"
	"time"

	"matterfs/audit"
	"matterfs/audit/cli"
	"matterfs/audit/report"
	"matterfs/policy"
)

// factsFilter chooses the records that say what stood when; renames and removals of folders that carry a level are asked for
// apart, because every save of an editor is a rename.
const factsFilter = "ok ev=policy.load,policy.reload,user.disable,user.enable,matter.freeze,matter.unfreeze,state.accept,relabel"

// past is what a log tells about who could do something: which policy was in force when, who was stopped, which levels lay in folders.
type past struct {
	policies []report.PolicySpan // oldest first
	disabled stops
	frozen   stops
	seals    map[string][]policy.Seal // by matter
	first    uint64                   // number of the first record that is left
	accepted bool                     // the state log was mended: the lists may have been shorter
	bad      int                      // lines that are no records

	open map[string]sealRef // the last seal of each folder, by object id
}

// stops are the times in which somebody, or a matter, was stopped.
type stops map[string][]stop

type stop struct{ from, to time.Time } // zero to: still

type sealRef struct {
	matter string
	index  int
}

// readPast reads it; the index of the log makes it quick.
func readPast(log string) (*past, error) {
	p := &past{disabled: stops{}, frozen: stops{}, seals: map[string][]policy.Seal{}, open: map[string]sealRef{}}
	if err := p.begin(log); err != nil {
		return nil, err
	}
	if err := p.query(log, factsFilter, p.note); err != nil {
		return nil, err
	}
	if len(p.open) == 0 {
		return p, nil
	}
	ids := ""
	for id := range p.open {
		ids += "," + id
	}
	return p, p.query(log, "ok ev=rename,rmdir fid="+ids[1:], p.moved)
}

func (p *past) query(log, filter string, fn func(*audit.Parsed)) error {
	f, err := audit.ParseFilter(filter, time.UTC, time.Now())
	if err != nil {
		return err
	}
	q := audit.QueryOptions{Dir: log, IndexDir: cli.IndexDir(log)}
	rep, err := audit.Query(q, f, func(_ []byte, r *audit.Parsed) error {
		fn(r)
		return nil
	})
	if err != nil {
		return &logError{err}
	}
	p.bad = rep.Bad
	return nil
}

// begin finds which policy was in force where the log begins: retention may have deleted the record of its load, but every
// record names it.
func (p *past) begin(log string) error {
	err := audit.ReadRecords(log, func(_ []byte, r *audit.Parsed) error {
		if p.first == 0 {
			p.first = r.Seq
		}
		if r.Pol == "" {
			return nil
		}
		p.inForce(r.Pol, r.Time)
		return errPast
	})
	if err != nil && !errors.Is(err, errPast) {
		return &logError{err}
	}
	return nil
}

func (p *past) inForce(hash string, at time.Time) {
	if n := len(p.policies); n > 0 {
		if p.policies[n-1].Hash == hash {
			return
		}
		p.policies[n-1].To = at
	}
	p.policies = append(p.policies, report.PolicySpan{Hash: hash, From: at})
}

func (p *past) note(r *audit.Parsed) {
	switch r.Ev {
	case "user.disable":
		p.disabled.begin(r.To, r.Time)
	case "user.enable":
		p.disabled.end(r.To, r.Time)
	case "matter.freeze":
		p.frozen.begin(r.Matter, r.Time)
	case "matter.unfreeze":
		p.frozen.end(r.Matter, r.Time)
	case evStateAccept:
		p.accepted = true
	case evRelabel:
		p.seal(r.FID, r.Matter, policy.Seal{Path: r.Path, Level: r.Level, From: r.Time})
	default:
		if r.Pol != "" {
			p.inForce(r.Pol, r.Time)
		}
	}
}

// begin notes a stop; one that stands already goes on.
func (s stops) begin(name string, at time.Time) {
	if list := s[name]; len(list) == 0 || !list[len(list)-1].to.IsZero() {
		s[name] = append(list, stop{from: at})
	}
}

func (s stops) end(name string, at time.Time) {
	if list := s[name]; len(list) > 0 && list[len(list)-1].to.IsZero() {
		list[len(list)-1].to = at
	}
}

// seal notes that a folder carries another level from then on.
func (p *past) seal(fid, matter string, s policy.Seal) {
	p.unseal(fid, s.From)
	p.seals[matter] = append(p.seals[matter], s)
	p.open[fid] = sealRef{matter, len(p.seals[matter]) - 1}
}

func (p *past) unseal(fid string, at time.Time) (was policy.Seal, ok bool) {
	ref, ok := p.open[fid]
	if !ok {
		return was, false
	}
	s := &p.seals[ref.matter][ref.index]
	if s.To.IsZero() {
		s.To = at
	}
	return *s, true
}

// moved follows a folder that carries a level; a move of a folder above it is not followed, so that its level counts at its old
// path too long: what is said of rights there is too little, never too much elsewhere, and Gaps says so.
func (p *past) moved(r *audit.Parsed) {
	list := p.seals[r.Matter]
	i := slices.IndexFunc(list, func(s policy.Seal) bool {
		return s.Path == r.Path && !s.From.After(r.Time) && (s.To.IsZero() || r.Time.Before(s.To))
	})
	if _, known := p.open[r.FID]; !known || i < 0 {
		return
	}
	rest := list[i]
	list[i].To = r.Time
	if r.Ev == "rename" {
		rest.Path, rest.From = r.To, r.Time
		p.seals[r.Matter] = append(list, rest)
	}
}

// cut takes the times of stops off a span.
func (list stopList) cut(from, to time.Time) (rest []stop) {
	for _, s := range list {
		switch {
		case !s.to.IsZero() && !s.to.After(from):
			continue
		case !to.IsZero() && !s.from.Before(to):
			continue
		}
		if s.from.After(from) {
			rest = append(rest, stop{from, s.from})
		}
		if s.to.IsZero() || !to.IsZero() && !s.to.Before(to) {
			return rest
		}
		from = s.to
	}
	return append(rest, stop{from, to})
}

type stopList []stop
