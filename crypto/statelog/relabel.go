package statelog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"matterfs/crypto"
)

// Kinds of records about the level sealed into a folder. Their payload is a
// [Relabel]; that of RelabelApprove and RelabelDrop names by whom.
const (
	RelabelAsk     = "relabel.ask"     // to lower it; waits
	RelabelApprove = "relabel.approve" // a second person agrees; now it may be done
	RelabelDrop    = "relabel.drop"    // it will not be done
	RelabelDone    = "relabel.done"    // the folder has the level
)

const maxPath = 4096

// Relabel is a change of the level sealed into one folder.
type Relabel struct {
	FID    string `json:"fid"` // of the folder: 32 hex digits
	Matter string `json:"matter"`
	Path   string `json:"path,omitempty"` // when it was asked for
	From   string `json:"from,omitempty"` // level that was sealed; empty: none
	To     string `json:"to"`
	Person
	Reason string `json:"reason,omitempty"`
}

func (r *Relabel) check() error {
	text := r.Matter + r.Path + r.From + r.To + r.Reason
	switch id, err := crypto.ParseID(r.FID); {
	case err != nil || id.String() != r.FID:
		return fmt.Errorf("bad folder %q", r.FID)
	case r.Matter == "" || r.To == "" || !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return errors.New("bad matter, path or level")
	case len(r.Matter) > maxName || len(r.From) > maxName || len(r.To) > maxName || len(r.Path) > maxPath || len(r.Reason) > maxReason:
		return errors.New("a field is too long")
	}
	return r.Person.check()
}

// Relabelling is a Relabel with its place and time, and who agreed.
type Relabelling struct {
	Generation uint64    `json:"generation"`
	Since      time.Time `json:"since"`
	Relabel
	Approved *Person `json:"approved,omitempty"`
}

// Relabels lists what was asked for and is not done, oldest first.
func (s *State) Relabels() []Relabelling {
	if s == nil {
		return nil
	}
	list := slices.Collect(maps.Values(s.relabels))
	slices.SortFunc(list, func(a, b Relabelling) int { return cmp.Compare(a.Generation, b.Generation) })
	return list
}

// Labels lists the last level that each folder got by a Relabel, by matter and
// path.
func (s *State) Labels() []Relabel {
	if s == nil {
		return nil
	}
	list := slices.Collect(maps.Values(s.labels))
	slices.SortFunc(list, func(a, b Relabel) int {
		return cmp.Or(cmp.Compare(a.Matter, b.Matter), cmp.Compare(a.Path, b.Path), cmp.Compare(a.FID, b.FID))
	})
	return list
}

// relabel makes a row for one kind.
func relabel(do func(*State, *Entry, Relabel) error) func(*State, *Entry) error {
	return func(s *State, e *Entry) error {
		var r Relabel
		if err := decode(e.Payload, &r); err != nil {
			return err
		}
		if err := r.check(); err != nil {
			return err
		}
		return do(s, e, r)
	}
}

// askRelabel replaces what was asked for the same folder before.
func askRelabel(s *State, e *Entry, r Relabel) error {
	s.relabels[r.FID] = Relabelling{Generation: e.Generation, Since: e.Time, Relabel: r}
	return nil
}

func approveRelabel(s *State, _ *Entry, r Relabel) error {
	asked, ok := s.relabels[r.FID]
	switch {
	case !ok || asked.To != r.To:
		return errors.New("nobody asked for it")
	case asked.Person.Same(r.Person):
		return errors.New("who asked may not approve")
	}
	by := r.Person
	asked.Approved = &by
	s.relabels[r.FID] = asked
	return nil
}

func dropRelabel(s *State, _ *Entry, r Relabel) error {
	delete(s.relabels, r.FID)
	return nil
}

func doneRelabel(s *State, _ *Entry, r Relabel) error {
	delete(s.relabels, r.FID)
	s.labels[r.FID] = r
	return nil
}
