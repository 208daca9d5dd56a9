package statelog

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"matterfs/crypto"
)

// TestReplay: what was acknowledged is there after a restart, with who and why.
func TestReplay(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	l, r := o.mustOpen(&heads[4])
	if r.Created || r.TornLen != 0 || len(r.Ahead) != 0 {
		t.Errorf("recovery %+v", r)
	}
	if l.Head() != heads[4] {
		t.Errorf("head %v, want %v", l.Head(), heads[4])
	}
	s := l.State()
	if _, ok := s.Disabled("wang.qiang"); ok {
		t.Error("wang.qiang was enabled again")
	}
	m, ok := s.Disabled("li.na")
	if !ok || m.Generation != 3 || !m.Since.Equal(o.now) || m.By != "qian.li" || m.UID != 10031 || m.Reason != "失窃" {
		t.Errorf("li.na: %v %+v", ok, m)
	}
	if _, ok := s.Frozen("2026-0142"); !ok || len(s.FrozenMatters()) != 1 || len(s.DisabledUsers()) != 1 {
		t.Errorf("frozen %v, disabled %v", s.FrozenMatters(), s.DisabledUsers())
	}
}

// TestNothingInClear: names and reasons do not stand in the file.
func TestNothingInClear(t *testing.T) {
	o := newOffice(t)
	o.written(story...)
	for _, word := range []string{"wang", "2026-0142", "失窃", "user.", "begin"} {
		if bytes.Contains(o.bytes(), []byte(word)) {
			t.Errorf("%q stands in the file", word)
		}
	}
	st, err := os.Stat(o.path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// TestSnapshotsDoNotChange: who holds a state may read it without a lock.
func TestSnapshotsDoNotChange(t *testing.T) {
	o := newOffice(t)
	l, _ := o.mustOpen(nil)
	before := l.State()
	if _, err := l.Append(UserDisable, Change{Name: "li.na"}); err != nil {
		t.Fatal(err)
	}
	if _, ok := before.Disabled("li.na"); ok {
		t.Error("an older snapshot changed")
	}
	if _, ok := l.State().Disabled("li.na"); !ok {
		t.Error("the new state lacks the change")
	}
}

// TestBadChangesAreNotWritten: what replay would refuse is refused first.
func TestBadChangesAreNotWritten(t *testing.T) {
	o := newOffice(t)
	l, _ := o.mustOpen(nil)
	size := len(o.bytes())
	for name, c := range map[string]struct {
		kind    string
		payload any
	}{
		"unknown kind":   {"grant.give", Change{Name: "x"}},
		"begin again":    {beginKind, struct{}{}},
		"no name":        {UserDisable, Change{}},
		"long name":      {UserDisable, Change{Name: strings.Repeat("x", 256)}},
		"NUL":            {UserDisable, Change{Name: "a\x00b"}},
		"long reason":    {UserDisable, Change{Name: "x", Reason: strings.Repeat("x", 1001)}},
		"unknown field":  {UserDisable, map[string]any{"name": "x", "until": "2027-01-01"}},
		"other type":     {UserDisable, []string{"x"}},
		"no JSON":        {UserDisable, func() {}},
		"a huge payload": {UserDisable, Change{Name: strings.Repeat("x", MaxPayload)}},
	} {
		if h, err := l.Append(c.kind, c.payload); err == nil || h != (Head{}) {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
	if len(o.bytes()) != size || l.Head().Generation != 0 {
		t.Error("something was written")
	}
	if _, err := l.Append(UserDisable, Change{Name: "x"}); err != nil {
		t.Errorf("after refusals: %v", err)
	}
}

// TestNewerVersions: what is not understood is not passed over.
func TestNewerVersions(t *testing.T) {
	for name, c := range map[string]struct{ kind, payload string }{
		"kind":       {"grant.give", `{"name":"x"}`},
		"field":      {UserDisable, `{"name":"x","uid":0,"until":"2027-01-01"}`},
		"two values": {UserEnable, `{"name":"x","uid":0}{"name":"y","uid":0}`},
		"no payload": {UserDisable, ``},
	} {
		o := newOffice(t)
		o.written(story...)
		h := o.forged(c.kind, c.payload)
		_, _, err := o.open(&h)
		var newer *NewerError
		if !errors.As(err, &newer) || newer.Generation != 5 || newer.Kind != c.kind || (newer.Unwrap() == nil) != (name == "kind") {
			t.Errorf("%s: %v", name, err)
		}
		if kept, err := Accept(o.path, o.options(&h)); kept != "" || err != nil {
			t.Errorf("%s: accept: %q, %v", name, kept, err)
		}
		if got, err := os.ReadDir(strings.TrimSuffix(o.path, "/state.log")); err != nil || len(got) != 1 {
			t.Errorf("%s: accept changed files: %v, %v", name, got, err)
		}
	}
}

// TestWith: a change that cannot be written acts all the same.
func TestWith(t *testing.T) {
	var none *State
	s, err := none.With(UserDisable, Change{Name: "li.na"}, newOffice(t).now)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Disabled("li.na"); !ok || len(none.DisabledUsers()) != 0 || len(none.FrozenMatters()) != 0 {
		t.Error("li.na is not disabled")
	}
	if _, ok := none.Frozen("x"); ok {
		t.Error("an empty state freezes")
	}
	if _, err := s.With("x", Change{Name: "li.na"}, s.disabled["li.na"].Since); err == nil {
		t.Error("an unknown kind was applied")
	}
}

// TestTwiceIsOnce: disabling again keeps since when and why.
func TestTwiceIsOnce(t *testing.T) {
	o := newOffice(t)
	heads := o.written(step{UserDisable, "li.na"}, step{UserDisable, "li.na"}, step{UserEnable, "nobody"})
	l, _ := o.mustOpen(&heads[3])
	if m, _ := l.State().Disabled("li.na"); m.Generation != 1 {
		t.Errorf("generation %d, want 1", m.Generation)
	}
}

// TestOneWriter: a second opener is refused while the first one has it.
func TestOneWriter(t *testing.T) {
	o := newOffice(t)
	l, _ := o.mustOpen(nil)
	h := l.Head()
	if _, _, err := o.open(&h); !errors.Is(err, ErrInUse) {
		t.Errorf("second: %v", err)
	}
	if _, err := Accept(o.path, o.options(&h)); !errors.Is(err, ErrInUse) {
		t.Errorf("accept beside: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(UserDisable, Change{Name: "x"}); !errors.Is(err, ErrBroken) {
		t.Errorf("append after close: %v", err)
	}
	o.mustOpen(&h)
}

// TestReplacedWhileOpen: a record that a restart would not find is not acknowledged.
func TestReplacedWhileOpen(t *testing.T) {
	for name, do := range map[string]func(o *office, b []byte) error{
		"deleted":  func(o *office, b []byte) error { return os.Remove(o.path) },
		"replaced": func(o *office, b []byte) error { os.Remove(o.path); return os.WriteFile(o.path, b, 0o600) },
		"cut":      func(o *office, b []byte) error { return os.Truncate(o.path, int64(len(b)-1)) },
	} {
		o := newOffice(t)
		l, _ := o.mustOpen(nil)
		if err := do(o, o.bytes()); err != nil {
			t.Fatal(err)
		}
		_, err := l.Append(UserDisable, Change{Name: "x"})
		var changed *ReplacedError
		if !errors.As(err, &changed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := l.State().Disabled("x"); ok {
			t.Errorf("%s: the change was applied", name)
		}
	}
}

// TestFailingDisk: a change that did not reach the medium is not acknowledged,
// and what was acknowledged stays.
func TestFailingDisk(t *testing.T) {
	for _, c := range []struct {
		fails  string // calls that fail
		broken bool
	}{{"write", false}, {"write truncate", true}, {"write sync", true}, {"sync", true}} {
		o := newOffice(t)
		bad := ""
		opts := o.options(nil)
		opts.step = func(call string) error {
			if strings.Contains(bad, call) {
				return syscall.ENOSPC
			}
			return nil
		}
		l, _, err := Open(o.path, opts)
		if err != nil {
			t.Fatal(err)
		}
		h, err := l.Append(UserDisable, Change{Name: "li.na"})
		if err != nil {
			t.Fatal(err)
		}
		bad = c.fails
		if _, err := l.Append(UserEnable, Change{Name: "li.na"}); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v", c.fails, err)
		}
		if _, ok := l.State().Disabled("li.na"); !ok || l.Head() != h {
			t.Errorf("%s: the failed change was applied", c.fails)
		}
		bad = ""
		_, err = l.Append(MatterFreeze, Change{Name: "x"})
		if errors.Is(err, ErrBroken) != c.broken || (err == nil) == c.broken {
			t.Errorf("%s: later: %v", c.fails, err)
		}
		end := l.Head()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		again, _ := o.mustOpen(&end)
		if _, ok := again.State().Frozen("x"); ok == c.broken {
			t.Errorf("%s: after a restart: frozen %v", c.fails, ok)
		}
	}
}

// TestFailingStart: no half a log is left under its name.
func TestFailingStart(t *testing.T) {
	o := newOffice(t)
	for _, call := range []string{"create", "rename"} {
		opts := o.options(nil)
		opts.step = func(c string) error {
			if c == call {
				return syscall.EIO
			}
			return nil
		}
		if _, _, err := Open(o.path, opts); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", call, err)
		}
		if _, err := os.Stat(o.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", call, err)
		}
	}
	if _, r := o.mustOpen(nil); !r.Created {
		t.Error("a log was there")
	}
}

func TestHeadText(t *testing.T) {
	h := Head{18446744073709551615, [32]byte{1, 31: 0xff}}
	got, err := ParseHead(h.String())
	if err != nil || got != h {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "1", ":", "1:", "01" + h.String()[20:], "-1" + h.String()[20:], strings.ToUpper(h.String()), h.String() + "0", h.String() + " "} {
		if got, err := ParseHead(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

// TestQueriesDoNotAllocate: they are asked for every request to the drive.
func TestQueriesDoNotAllocate(t *testing.T) {
	o := newOffice(t)
	heads := o.written(story...)
	l, _ := o.mustOpen(&heads[4])
	if n := testing.AllocsPerRun(100, func() {
		l.State().Disabled("li.na")
		l.State().Frozen("2026-0142")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestErrorsNameTheirFile(t *testing.T) {
	id := crypto.NewID()
	for _, err := range []error{
		&RolledBackError{Path: "state.log", Missing: true, Want: Head{Generation: 7}},
		&RolledBackError{Path: "state.log", Have: Head{Generation: 6}, Want: Head{Generation: 7}},
		&RolledBackError{Path: "state.log", Have: Head{Generation: 9}, Want: Head{Generation: 7}},
		&DamagedError{"state.log", 7, "x"}, &ForeignError{"state.log", id, crypto.ID{}}, &ReplacedError{"state.log", "deleted 7"},
	} {
		if s := err.Error(); !strings.Contains(s, "state.log") || !strings.Contains(s, "7") && !strings.Contains(s, id.String()) {
			t.Errorf("%T: %s", err, s)
		}
	}
}
