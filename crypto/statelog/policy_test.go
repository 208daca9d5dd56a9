package statelog

import (
	"errors"
	"strings"
	"testing"
)

var (
	hashA, hashB, hashC = strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c3", 32)
	qian, wu            = Person{"qian.li", 10042, -1}, Person{"wu.di", 10043, -1}
	folderID            = strings.Repeat("9c", 16)
)

// after appends records, kind and payload in turn, and returns the state that a
// restart finds.
func (o *office) after(records ...any) *State {
	o.t.Helper()
	l, _ := o.mustOpen(nil)
	for i := 0; i < len(records); i += 2 {
		if _, err := l.Append(records[i].(string), records[i+1]); err != nil {
			o.t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		o.t.Fatal(err)
	}
	l, _ = o.mustOpen(nil)
	return l.State()
}

// TestApprovalsAreForOneChange: they count between the two policies they name,
// until another comes into force or they are void.
func TestApprovalsAreForOneChange(t *testing.T) {
	sign := func(p Person) Approval { return Approval{Old: hashA, New: hashB, Person: p} }
	s := newOffice(t).after(PolicyForce, Force{Hash: hashA, Two: true}, PolicyApprove, sign(qian), PolicyApprove, sign(wu))
	if f, ok := s.InForce(); !ok || f.Hash != hashA || !f.Two || f.Generation != 1 {
		t.Errorf("in force %+v", f)
	}
	if list := s.Approvals(hashA, hashB); len(list) != 2 || list[0].By != "qian.li" || list[1].UID != 10043 || list[1].Since.IsZero() {
		t.Errorf("approvals %+v", list)
	}
	if len(s.Approvals(hashC, hashB)) != 0 || len(s.Approvals(hashA, hashC)) != 0 {
		t.Error("they count for another change")
	}
	s = newOffice(t).after(PolicyApprove, sign(qian), PolicyVoid, Void{Hash: hashB})
	if s.Approved() != nil {
		t.Errorf("not void: %v", s.Approved())
	}
	// Used up: going back to the old policy does not bring them back.
	s = newOffice(t).after(PolicyApprove, sign(qian), PolicyForce, Force{Hash: hashB}, PolicyForce, Force{Hash: hashA})
	if s.Approved() != nil {
		t.Errorf("used twice: %v", s.Approved())
	}
}

// TestEmergencyUntilConfirmed: what root did alone stays marked over restarts.
func TestEmergencyUntilConfirmed(t *testing.T) {
	alone := Force{Hash: hashB, Two: true, Emergency: true, Confirm: []uint32{10042}, Reason: "两人均失联"}
	s := newOffice(t).after(PolicyForce, alone)
	if f, _ := s.InForce(); !f.Emergency || len(f.Confirm) != 1 {
		t.Errorf("%+v", f)
	}
	s = newOffice(t).after(PolicyForce, alone, PolicyConfirm, Void{Hash: hashB, Person: qian})
	if f, _ := s.InForce(); f.Emergency || f.Confirm != nil || f.Hash != hashB || !f.Two {
		t.Errorf("%+v", f)
	}
}

// TestPoliciesInOldStates: who holds a state sees nothing of later records.
func TestPoliciesInOldStates(t *testing.T) {
	o := newOffice(t)
	l, _ := o.mustOpen(nil)
	states := []*State{l.State()}
	for range 3 {
		if _, err := l.Append(PolicyApprove, Approval{Old: hashA, New: hashB, Person: qian}); err != nil {
			t.Fatal(err)
		}
		states = append(states, l.State())
	}
	for n, s := range states {
		if len(s.Approved()) != n {
			t.Errorf("state %d has %d approvals", n, len(s.Approved()))
		}
	}
	var none *State
	if _, ok := none.InForce(); ok || none.Approvals(hashA, hashB) != nil || none.Approved() != nil || none.Relabels() != nil || none.Labels() != nil {
		t.Error("an empty state has something")
	}
}

// TestSamePerson: one human under two uids is known by the login uid.
func TestSamePerson(t *testing.T) {
	for _, c := range []struct {
		a, b Person
		same bool
	}{
		{Person{"", 1, -1}, Person{"", 1, 7}, true},
		{Person{"", 1, 1}, Person{"", 2, 2}, false},
		{Person{"", 1, -1}, Person{"", 2, -1}, false},
		{Person{"", 1, 1}, Person{"", 2, 1}, true}, // su from the first
		{Person{"", 1, 2}, Person{"", 2, -1}, true},
		{Person{"", 1, 9}, Person{"", 2, 9}, true}, // both from a third
		{Person{"", 1, 0}, Person{"", 2, 0}, true}, // both from root's console
	} {
		if got := c.a.Same(c.b); got != c.same || c.b.Same(c.a) != got {
			t.Errorf("%+v and %+v: %v", c.a, c.b, got)
		}
	}
}

// TestRelabelling: asked, approved, done; each step survives a restart.
func TestRelabelling(t *testing.T) {
	ask := Relabel{FID: folderID, Matter: "2026-0142", Path: "鉴定", From: "绝密", To: "机密", Person: qian, Reason: "已公开"}
	agree := ask
	agree.Person = wu
	s := newOffice(t).after(RelabelAsk, ask)
	if list := s.Relabels(); len(list) != 1 || list[0].Relabel != ask || list[0].Approved != nil || list[0].Generation != 1 {
		t.Errorf("asked: %+v", list)
	}
	s = newOffice(t).after(RelabelAsk, ask, RelabelApprove, agree)
	if list := s.Relabels(); len(list) != 1 || list[0].Approved == nil || *list[0].Approved != wu || list[0].Person != qian {
		t.Errorf("approved: %+v", list)
	}
	s = newOffice(t).after(RelabelAsk, ask, RelabelApprove, agree, RelabelDone, ask)
	if list := s.Labels(); len(s.Relabels()) != 0 || len(list) != 1 || list[0] != ask {
		t.Errorf("done: %+v %+v", s.Relabels(), list)
	}
	s = newOffice(t).after(RelabelAsk, ask, RelabelDrop, agree)
	if len(s.Relabels())+len(s.Labels()) != 0 {
		t.Errorf("dropped: %+v %+v", s.Relabels(), s.Labels())
	}
	// Asking anew for the same folder takes back what was agreed to.
	s = newOffice(t).after(RelabelAsk, ask, RelabelApprove, agree, RelabelAsk, ask)
	if list := s.Relabels(); len(list) != 1 || list[0].Approved != nil {
		t.Errorf("asked anew: %+v", list)
	}
}

// TestRefusedRecords: what nobody could have meant is not written, among it a word
// of who asked.
func TestRefusedRecords(t *testing.T) {
	o := newOffice(t)
	l, _ := o.mustOpen(nil)
	ask := Relabel{FID: folderID, Matter: "m", To: "机密", Person: qian}
	if _, err := l.Append(RelabelAsk, ask); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*Relabel)) Relabel {
		r := ask
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		kind    string
		payload any
	}{
		"a short hash":       {PolicyForce, Force{Hash: "a1"}},
		"a large hash":       {PolicyForce, Force{Hash: strings.ToUpper(hashA)}},
		"a long reason":      {PolicyForce, Force{Hash: hashA, Reason: strings.Repeat("x", 1001)}},
		"no hash":            {PolicyApprove, Approval{Old: hashA}},
		"a bad name":         {PolicyApprove, Approval{Old: hashA, New: hashB, Person: Person{By: strings.Repeat("x", 256)}}},
		"a bad login uid":    {PolicyVoid, Void{Hash: hashA, Person: Person{AUID: -2}}},
		"an unknown field":   {PolicyConfirm, map[string]any{"hash": hashA, "uid": 1, "auid": 1, "for": "ever"}},
		"another folder":     {RelabelApprove, with(func(r *Relabel) { r.FID, r.Person = strings.Repeat("ab", 16), wu })},
		"another level":      {RelabelApprove, with(func(r *Relabel) { r.To, r.Person = "秘密", wu })},
		"one's own word":     {RelabelApprove, ask},
		"one's own by su":    {RelabelApprove, with(func(r *Relabel) { r.Person = Person{"wu.di", 10043, 10042} })},
		"no folder":          {RelabelAsk, with(func(r *Relabel) { r.FID = "" })},
		"no level":           {RelabelDone, with(func(r *Relabel) { r.To = "" })},
		"a path with a NUL":  {RelabelAsk, with(func(r *Relabel) { r.Path = "a\x00" })},
		"an endless path":    {RelabelAsk, with(func(r *Relabel) { r.Path = strings.Repeat("x", 4097) })},
		"a path beyond text": {RelabelAsk, with(func(r *Relabel) { r.To = strings.Repeat("x", 256) })},
	} {
		_, err := l.Append(c.kind, c.payload)
		var newer *NewerError
		if !errors.As(err, &newer) || newer.Err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.Head().Generation != 1 {
		t.Error("something was written")
	}
}
