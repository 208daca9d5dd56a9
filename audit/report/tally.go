package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"matterfs/audit"
)

// tally counts what somebody did, or what happened to something.
type tally struct {
	records                  uint64
	opens, changes           int64 // records
	refused                  int64 // records of refusals
	attempts                 int64 // refusals, repeats counted
	failed                   int64
	read, written            int64 // bytes
	first, last              time.Time
	firstSeq, lastSeq        uint64
	docs                     map[string]bool // opened or made
	readDocs                 map[string]bool // whose content left
	people, matters, purpose map[string]bool
}

func newTally() *tally {
	return &tally{docs: map[string]bool{}, readDocs: map[string]bool{}, people: map[string]bool{}, matters: map[string]bool{}, purpose: map[string]bool{}}
}

// add counts a record; who did it.
func (t *tally) add(p *audit.Parsed, who string) {
	if t.records++; t.firstSeq == 0 {
		t.first, t.firstSeq = p.Time, p.Seq
	}
	t.last, t.lastSeq = p.Time, p.Seq
	if changed(p) {
		t.changes++
	}
	switch classOf(p) {
	case classOpen:
		t.opens++
		t.docs[document(p)] = true
		t.people[who] = true
		t.matters[p.Matter] = true
		if p.Purpose != "" {
			t.purpose[p.Purpose] = true
		}
	case classRead:
		if p.Len > 0 {
			t.readDocs[document(p)] = true
		}
	case classClose:
		read, written := totals(p)
		t.read, t.written = t.read+read, t.written+written
		if read > 0 {
			t.readDocs[document(p)] = true
		}
	case classRefused:
		t.refused++
		t.attempts += attempts(p)
	case classFailed:
		t.failed++
	}
}

// groups are tallies by a key.
type groups[K comparable] map[K]*tally

// of is the tally of a key, made where it is missing.
func (g groups[K]) of(k K) *tally {
	t := g[k]
	if t == nil {
		t = newTally()
		g[k] = t
	}
	return t
}

// sorted are the keys with the highest numbers first; equal ones in the order of the keys.
func sorted[K comparable](g groups[K], number func(*tally) int64, order func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(g), func(a, b K) int {
		return cmp.Or(cmp.Compare(number(g[b]), number(g[a])), order(a, b))
	})
}

func byOpens(t *tally) int64    { return t.opens }
func byAttempts(t *tally) int64 { return t.attempts }
func bySeq(t *tally) int64      { return -int64(t.firstSeq) }

// handles know who opened what is open, so that the bytes of a close count for them.
type handles struct {
	open map[uint64]*handle // by number
	lost int                // whose numbers were given anew, after a crash
}

type handle struct {
	who, doc string
	open     *audit.Parsed
}

func newHandles() *handles { return &handles{open: map[uint64]*handle{}} }

// take follows a record and says whose it is: of a close, whoever opened the handle, for the close may come when the opener is nobody
// any more. open is the record of that. Everybody else who used the handle has a close of their own before, with ouid for the opener.
func (h *handles) take(p *audit.Parsed, who string) (owner string, open *audit.Parsed) {
	if p.H == 0 {
		return who, nil
	}
	x := h.open[p.H]
	switch classOf(p) {
	case classOpen:
		if x != nil {
			h.lost++
		}
		h.open[p.H] = &handle{who, document(p), p}
	case classClose:
		if x != nil && x.doc == document(p) && p.OUID < 0 {
			delete(h.open, p.H)
			return x.who, x.open
		}
	}
	return who, nil
}

// limits say what a report that counts opens and bytes cannot show.
func (h *handles) limits(in *Input) []string {
	list := []string{in.text(nameTexts, "limit.bytes"), in.text(nameTexts, "limit.mapped"), in.text(nameTexts, "limit.verify")}
	if n := len(h.open) + h.lost; n > 0 {
		list = append(list, in.text(nameTexts, "limit.open", n))
	}
	return list
}

// docNames know what each document was called last.
type docNames map[string]*docName

type docName struct{ matter, path, level string }

func (d docNames) take(p *audit.Parsed) {
	if p.Res != "ok" || p.FID == "" && p.Path == "" {
		return
	}
	switch classOf(p) {
	case classOpen, classRead, classChange, classClose:
	default:
		return
	}
	x := d[document(p)]
	if x == nil {
		x = new(docName)
		d[document(p)] = x
	}
	x.matter, x.path, x.level = p.Matter, p.Path, cmp.Or(p.Level, x.level)
	if p.Ev == "rename" && p.To != "" {
		x.path = p.To
	}
}
