package statelog

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"matterfs/crypto"
)

// FuzzScan: bytes are taken only where they are frames that were written, in
// their order; all others are refused without a panic.
func FuzzScan(f *testing.F) {
	o := newOffice(f)
	o.written(story...)
	good := o.bytes()
	list := frames(f, good)
	k, err := newKeys(o.id, o.key)
	if err != nil {
		f.Fatal(err)
	}
	// Pieces are named by numbers, so that the corpus does not depend on keys.
	f.Add([]byte{0, 1, 2, 3, 4}, []byte(nil), 0)
	f.Add([]byte{0, 1, 2}, []byte{1, 2, 3}, 3)
	f.Add([]byte{0, 2, 1}, []byte(nil), 4)
	f.Add([]byte{0}, make([]byte, 300), 0)
	f.Add([]byte(nil), []byte("x"), 1)
	f.Fuzz(func(t *testing.T, order, tail []byte, anchor int) {
		b := slices.Clone(good[:headSize])
		want := 0
		for i, n := range order {
			b = append(b, list[int(n)%len(list)]...)
			if want == i && int(n)%len(list) == i {
				want++
			}
		}
		b = append(b, tail...)
		s, err := scan("state.log", b, k)
		if err == nil {
			if len(s.entries) != want || want != len(order) {
				t.Fatalf("%v: %d records taken, want %d", order, len(s.entries), want)
			}
			if int(s.good)+len(s.tail) != len(b) {
				t.Fatalf("%d bytes and a tail of %d make %d", s.good, len(s.tail), len(b))
			}
			return
		}
		if !refused(err) || want == len(order) && want > 0 && len(tail) == 0 {
			t.Fatalf("%v: %v", order, err)
		}
	})
}

// FuzzOpenFrame: arbitrary bytes are no frame.
func FuzzOpenFrame(f *testing.F) {
	k, err := newKeys(crypto.ID{1}, new(crypto.Key))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.seal(&Entry{Kind: beginKind, Payload: json.RawMessage("{}")}, k.start()))
	f.Add([]byte{33, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, why := cutFrame(b)
		if (frame == nil) != (why != "") {
			t.Fatalf("%d bytes, %q", len(frame), why)
		}
		if frame == nil {
			return
		}
		e, prev, err := k.open(frame)
		if err != nil {
			return
		}
		again, prev2, err := k.open(k.seal(&e, prev))
		if err != nil || prev2 != prev || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v sealed again gives %+v, %v", e, again, err)
		}
	})
}

// FuzzPayload: a payload that is taken means the same when it is written again.
func FuzzPayload(f *testing.F) {
	f.Add(UserDisable, []byte(`{"name":"li.na","by":"qian.li","uid":10031,"reason":"失窃"}`))
	f.Add(MatterFreeze, []byte(`{"name":"2026-0142","uid":0}`))
	f.Add(UserEnable, []byte(`{"name":"x"} `))
	f.Add("grant.give", []byte(`{}`))
	f.Add(PolicyForce, []byte(`{"hash":"`+hashA+`","two":true,"uid":0,"auid":-1,"emergency":true,"confirm":[]}`))
	f.Add(PolicyApprove, []byte(`{"old":"`+hashA+`","new":"`+hashB+`","uid":1,"auid":1}`))
	f.Add(RelabelAsk, []byte(`{"fid":"`+folderID+`","matter":"m","to":"机密","uid":1,"auid":-1}`))
	f.Add(beginKind, []byte(`{}`))
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		s := newState()
		err := s.apply(&Entry{Generation: 1, Kind: kind, Payload: payload})
		var newer *NewerError
		if err != nil {
			if !errors.As(err, &newer) {
				t.Fatal(err)
			}
			return
		}
		if l := s.Relabels(); len(l) > 0 {
			again(t, s, kind, l[0].Relabel)
		}
		if l := s.Labels(); len(l) > 0 {
			again(t, s, kind, l[0])
		}
		if f, ok := s.InForce(); ok {
			again(t, s, kind, f.Force)
		}
		for _, a := range s.Approved() {
			again(t, s, kind, a.Approval)
		}
		for _, m := range append(s.DisabledUsers(), s.FrozenMatters()...) {
			again(t, s, kind, m.Change)
		}
	})
}

// again holds a state against that of its one record written anew.
func again(t *testing.T, s *State, kind string, payload any) {
	t.Helper()
	b, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	second := newState()
	if err := second.apply(&Entry{Generation: 1, Kind: kind, Payload: b}); err != nil || !reflect.DeepEqual(second, s) {
		t.Fatalf("written again as %s: %v", b, err)
	}
}
