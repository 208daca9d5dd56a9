package report

import (
	"cmp"
	"slices"

	"matterfs/audit"
)

// openItems follow what begins with one record and ends with another, to tell what still waits.
type openItems map[openKey]*openItem

type openKey struct{ kind, name string }

// openItem has the newest record that began it and the newest that ended it.
type openItem struct{ begun, ended *audit.Parsed }

// take follows a record. Those of the period before come after those of the period.
func (o openItems) take(p *audit.Parsed) {
	key, begins := openKeyOf(p)
	if key.kind == "" || p.Res != "ok" {
		return
	}
	x := o[key]
	if x == nil {
		x = new(openItem)
		o[key] = x
	}
	at := &x.ended
	if begins {
		at = &x.begun
	}
	if *at == nil || p.Seq > (*at).Seq {
		*at = p
	}
}

// openKeyOf says what a record begins or ends. One policy waits at a time, until one, whichever, comes into force.
func openKeyOf(p *audit.Parsed) (key openKey, begins bool) {
	switch p.Ev {
	case "user.disable", "user.enable":
		return openKey{"disabled", p.To}, p.Ev == "user.disable"
	case "matter.freeze", "matter.unfreeze":
		return openKey{"frozen", p.Matter}, p.Ev == "matter.freeze"
	case "policy.pending", "policy.load", "policy.reload":
		return openKey{"pending", ""}, p.Ev == "policy.pending"
	case "policy.emergency", "policy.confirm":
		return openKey{"alone", p.To}, p.Ev == "policy.emergency"
	case "relabel.ask", "relabel.drop", "relabel":
		return openKey{"relabel", document(p)}, p.Ev == "relabel.ask"
	}
	return openKey{}, false
}

// openRow is something that waits.
type openRow struct {
	kind  string
	begun *audit.Parsed
}

// waiting are the items that have not ended, the oldest first.
func (o openItems) waiting() (list []openRow) {
	for k, x := range o {
		if x.begun != nil && (x.ended == nil || x.ended.Seq < x.begun.Seq) {
			list = append(list, openRow{k.kind, x.begun})
		}
	}
	slices.SortFunc(list, func(a, b openRow) int { return cmp.Compare(a.begun.Seq, b.begun.Seq) })
	return list
}
