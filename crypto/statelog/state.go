package statelog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kinds of records of the emergency list. Their payload is a [Change].
const (
	UserDisable    = "user.disable"
	UserEnable     = "user.enable"
	MatterFreeze   = "matter.freeze"
	MatterUnfreeze = "matter.unfreeze"
)

// kinds says what each kind does to the state; a kind without a row is refused.
var kinds = map[string]func(*State, *Entry) error{
	beginKind:      begin,
	UserDisable:    change(func(s *State) map[string]Mark { return s.disabled }, true),
	UserEnable:     change(func(s *State) map[string]Mark { return s.disabled }, false),
	MatterFreeze:   change(func(s *State) map[string]Mark { return s.frozen }, true),
	MatterUnfreeze: change(func(s *State) map[string]Mark { return s.frozen }, false),

	PolicyForce:   force,
	PolicyApprove: approve,
	PolicyVoid:    about(voidApprovals),
	PolicyConfirm: about(confirm),

	KeysHead: keysHead,

	RelabelAsk:     relabel(askRelabel),
	RelabelApprove: relabel(approveRelabel),
	RelabelDrop:    relabel(dropRelabel),
	RelabelDone:    relabel(doneRelabel),
}

const (
	maxName   = 255
	maxReason = 1000
)

// Change is the payload of the emergency list's records.
type Change struct {
	Name   string `json:"name"`             // policy user or matter id, at most 255 bytes
	By     string `json:"by,omitempty"`     // policy user who asked; empty when the uid is nobody's
	UID    uint32 `json:"uid"`              // of who asked
	Reason string `json:"reason,omitempty"` // in words, at most 1000 bytes
}

// check refuses what nobody could have meant.
func (c *Change) check() error {
	switch {
	case c.Name == "" || len(c.Name) > maxName || strings.ContainsRune(c.Name, 0):
		return fmt.Errorf("bad name %q", c.Name)
	case len(c.Reason) > maxReason:
		return fmt.Errorf("a reason of %d bytes, at most %d", len(c.Reason), maxReason)
	case !utf8.ValidString(c.Name + c.By + c.Reason):
		return errors.New("text that is not UTF-8")
	}
	return nil
}

// Mark says since when, by whom and why something is in force.
type Mark struct {
	Generation uint64    `json:"generation"` // of the record
	Since      time.Time `json:"since"`
	Change
}

// State is what the records add up to. It does not change; a nil State is empty.
type State struct {
	disabled, frozen map[string]Mark
	policy           policyState            // its slice is never written to
	relabels         map[string]Relabelling // by folder
	labels           map[string]Relabel     // by folder
	keys             string
}

func newState() *State {
	return &State{disabled: map[string]Mark{}, frozen: map[string]Mark{}, relabels: map[string]Relabelling{}, labels: map[string]Relabel{}}
}

func (s *State) clone() *State {
	return &State{disabled: maps.Clone(s.disabled), frozen: maps.Clone(s.frozen), policy: s.policy,
		relabels: maps.Clone(s.relabels), labels: maps.Clone(s.labels), keys: s.keys}
}

// Disabled tells whether a user is on the emergency list. It does not allocate.
func (s *State) Disabled(user string) (Mark, bool) {
	if s == nil {
		return Mark{}, false
	}
	m, ok := s.disabled[user]
	return m, ok
}

// Frozen tells whether a matter is frozen. It does not allocate.
func (s *State) Frozen(matter string) (Mark, bool) {
	if s == nil {
		return Mark{}, false
	}
	m, ok := s.frozen[matter]
	return m, ok
}

// DisabledUsers lists the emergency list by name.
func (s *State) DisabledUsers() []Mark {
	if s == nil {
		return nil
	}
	return sorted(s.disabled)
}

// FrozenMatters lists the frozen matters by id.
func (s *State) FrozenMatters() []Mark {
	if s == nil {
		return nil
	}
	return sorted(s.frozen)
}

func sorted(marks map[string]Mark) []Mark {
	list := slices.Collect(maps.Values(marks))
	slices.SortFunc(list, func(a, b Mark) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// With is the state after one more change, as if it had been recorded: for a
// change that must act although it cannot be written.
func (s *State) With(kind string, c Change, at time.Time) (*State, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	next := newState()
	if s != nil {
		next = s.clone()
	}
	return next, next.apply(&Entry{Time: at, Kind: kind, Payload: payload})
}

// apply changes s by one record.
func (s *State) apply(e *Entry) error {
	do, ok := kinds[e.Kind]
	if !ok {
		return &NewerError{Generation: e.Generation, Kind: e.Kind}
	}
	if err := do(s, e); err != nil {
		return &NewerError{Generation: e.Generation, Kind: e.Kind, Err: err}
	}
	return nil
}

// decode is strict: a field that is passed over may be the one that matters.
func decode(payload []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func begin(_ *State, e *Entry) error { return decode(e.Payload, &struct{}{}) }

// change puts a name on a list or takes it off. What is there already stays as
// it is; what is not there is taken off as well.
func change(list func(*State) map[string]Mark, on bool) func(*State, *Entry) error {
	return func(s *State, e *Entry) error {
		var c Change
		if err := decode(e.Payload, &c); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return err
		}
		if !on {
			delete(list(s), c.Name)
		} else if _, ok := list(s)[c.Name]; !ok {
			list(s)[c.Name] = Mark{e.Generation, e.Time, c}
		}
		return nil
	}
}
