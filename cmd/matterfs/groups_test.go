package main

import (
	"errors"
	"testing"
	"time"
)

// TestGroupsFlush: after somebody asked for a newer answer the old one counts
// for a moment only, and no second question makes that longer.
func TestGroupsFlush(t *testing.T) {
	d := &directory{of: map[string][]string{"li.na": {"7"}}, ids: map[string]string{"lit-team": "7"}}
	g := groupsOf(d, "lit-team")
	g.refresh()
	g.soon()
	first := g.owed.Load()
	if first == 0 || time.Until(time.Unix(0, first)) > groupsFlush {
		t.Errorf("owed at %v", time.Unix(0, first))
	}
	g.soon()
	if g.owed.Load() != first {
		t.Error("a second question gives the old answer more time")
	}
	g.owed.Store(time.Now().Add(time.Hour).UnixNano()) // the moment, however slow the machine
	g.says(t, "lit-team", "li.na", "yes")
	g.owed.Store(time.Now().Add(-time.Second).UnixNano()) // no answer came in time
	g.says(t, "lit-team", "li.na", "unknown")
	if g.silent() == 0 {
		t.Error("nobody is told that no answer came")
	}
	if !g.refresh() {
		t.Error("the answer after all is no difference")
	}
	g.says(t, "lit-team", "li.na", "yes")
	if g.silent() != 0 {
		t.Error("silent after an answer")
	}
}

// TestGroupsFlushNeedsANewerAnswer: an answer that was under way when somebody
// asked may still say what was before.
func TestGroupsFlushNeedsANewerAnswer(t *testing.T) {
	d := &directory{of: map[string][]string{"li.na": {"7"}}, ids: map[string]string{"lit-team": "7"}}
	g := groupsOf(d, "lit-team")
	gids := g.gids
	g.gids = func(user string) ([]string, error) {
		g.soon() // in the middle of the question
		return gids(user)
	}
	g.refresh()
	if g.owed.Load() == 0 {
		t.Error("an answer that began before the question settles it")
	}
	g.gids = gids
	g.refresh()
	if g.owed.Load() != 0 {
		t.Error("an answer that began after the question does not settle it")
	}
}

func TestGroupsSilent(t *testing.T) {
	d := &directory{}
	if g := groupsOf(d); g.silent() != 0 {
		t.Error("silent about groups that no policy names")
	}
	if g := groupsOf(d, "lit-team"); g.silent() == 0 {
		t.Error("not silent before the first answer")
	}
}

func TestAnswered(t *testing.T) {
	if got, err := answered(func() (int, error) { return 7, nil }); got != 7 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	bad := errors.New("no such group")
	if _, err := answered(func() (int, error) { return 0, bad }); !errors.Is(err, bad) {
		t.Errorf("%v", err)
	}
	never := make(chan struct{})
	defer close(never)
	if _, err := answered(func() (int, error) { <-never; return 1, nil }); !errors.Is(err, errNoAnswer) {
		t.Errorf("%v", err)
	}
}
