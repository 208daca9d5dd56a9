package report

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"matterfs/audit"
)

// life is what one person did, by day, and for the period what they did it with.
type life struct {
	who  string
	cond string // that finds their records
	days map[int]*dayLife
	now  *dayLife   // the day of the newest record
	all  []*dayLife // in order, once all records were added

	oldMatters, oldPrograms map[string]bool // used before the period
	oldLogins               map[int64]bool
	newMatters, newPrograms uses[string] // used in the period
	logins                  uses[int64]  // login uids other than their own
	refusals                []refusal    // of the period, in order
}

func newLife(who string) *life {
	return &life{who: who, cond: "user=" + audit.FilterValue(who), days: map[int]*dayLife{}, oldMatters: map[string]bool{}, oldPrograms: map[string]bool{},
		oldLogins: map[int64]bool{}, newMatters: uses[string]{}, newPrograms: uses[string]{}, logins: uses[int64]{}}
}

// day is the day of the next record; the one before it has ended.
func (l *life) day(n int, past bool) *dayLife {
	d := l.days[n]
	if d == nil {
		d = &dayLife{number: n, past: past}
		l.days[n] = d
	}
	if d != l.now {
		l.end()
		l.now = d
	}
	return d
}

func (l *life) end() {
	if l.now != nil {
		l.now.docs.end()
		l.now.mapped.end()
		l.now.tools.end()
		l.now = nil
	}
}

// sort puts the days in order, once all are there.
func (l *life) sort() {
	l.all = slices.SortedFunc(maps.Values(l.days), func(a, b *dayLife) int { return a.number - b.number })
}

// active are the days with opens before a day, the last n of them, oldest first.
func (l *life) active(before, n int) (list []*dayLife) {
	for _, d := range slices.Backward(l.all) {
		if d.number < before && d.docs.n > 0 && len(list) < n {
			list = append(list, d)
		}
	}
	slices.Reverse(list)
	return list
}

// period are the days of the period, oldest first.
func (l *life) period() (list []*dayLife) {
	for _, d := range l.all {
		if !d.past {
			list = append(list, d)
		}
	}
	return list
}

// slots are the half hours of a day.
const slots = 48

// dayLife is what one person did on one day of the firm's calendar.
type dayLife struct {
	number  int
	past    bool
	docs    measure // distinct documents opened
	mapped  measure // distinct documents read through a mapping
	tools   measure // distinct documents opened with tools that copy
	read    measure // bytes, as close records state them
	refused int64
	slots   [slots]slot // opens
}

// slot is how often something happened in half an hour, and the first record of it.
type slot struct {
	n   int32
	seq uint64
}

func (s *slot) take(seq uint64) {
	if s.n++; s.seq == 0 {
		s.seq = seq
	}
}

// measure is a number of a day, and records to look at: the first ones.
type measure struct {
	n    int64
	seen map[uint64]bool // documents, while the day lasts
	seqs []uint64
}

// showSeqs is how many records a finding names.
const showSeqs = 5

// add counts a document once.
func (m *measure) add(p *audit.Parsed) {
	h := hashText(document(p))
	if m.seen[h] {
		return
	}
	if m.seen == nil {
		m.seen = map[uint64]bool{}
	}
	m.seen[h] = true
	m.sum(1, p.Seq)
}

func (m *measure) sum(n int64, seq uint64) {
	m.n += n
	if n > 0 && len(m.seqs) < showSeqs {
		m.seqs = append(m.seqs, seq)
	}
}

func (m *measure) end() { m.seen = nil }

func hashText(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// refusal is one record of a refusal.
type refusal struct {
	time time.Time
	seq  uint64
	n    int64 // repeats
	name uint64
}

// uses are how things were used in the period.
type uses[K comparable] map[K]*use

type use struct {
	measure     // distinct documents
	records     int64
	first, last time.Time
}

func (u uses[K]) add(name K, p *audit.Parsed) {
	x := u[name]
	if x == nil {
		x = &use{first: p.Time}
		u[name] = x
	}
	x.last = p.Time
	x.records++
	x.measure.add(p)
}
