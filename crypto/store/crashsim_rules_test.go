package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

// ruleRow says how a rule of the crash safety is shown to be needed: with it
// broken, kinds of crashes find a violation within limit, or if there are none
// the attack succeeds.
type ruleRow struct {
	rule   string
	kinds  []crashdisk.Kind
	limit  int
	attack func(tune func(*store.Options)) error
}

func ruleRows() []ruleRow {
	return []ruleRow{
		{rule: "inPlace", kinds: killed, limit: 1000},
		{rule: "noMark", kinds: killed, limit: 1000},
		{rule: "noDirSync", kinds: cut, limit: 4000},
		{rule: "noFileSync", kinds: cut, limit: 4000},
		{rule: "noCommit", attack: tailCutOff},
		{rule: "noJournalSync", kinds: cut, limit: 4000},
		{rule: "copyUnsynced", kinds: cut, limit: 4000},
		{rule: "slotFirst", kinds: cut, limit: 4000},
		{rule: "dropFirst", kinds: cut, limit: 4000},
		{rule: "oldRecords", kinds: killed, limit: 2000},
		{rule: "oldTail", kinds: killed, limit: 2000},
		{rule: "noRise", attack: recordAgain},
		{rule: "applyAll", attack: journalOfBefore},
		{rule: "noRaise", kinds: killed, limit: 2000},
		{rule: "anySlot", attack: damagedSlot},
		{rule: "dropUnsynced", kinds: cut, limit: 4000},
		{rule: "cutFirst", kinds: killed, limit: 2000},
		{rule: "renameLive", kinds: killed, limit: 2000},
		{rule: "keepName", attack: journalsAtTheEnd},
		{rule: "oneParent", kinds: killed, limit: 2000},
		{rule: "metaInPlace", kinds: cut, limit: 4000},
		{rule: "noLost", attack: headersNeverWritten},
		{rule: "hideErrors", attack: fullJournal},
		{rule: "syncAgain", attack: believed},
	}
}

// TestEveryRuleIsNeeded breaks each rule in turn. What is found then is not
// found with all rules in force: TestCrashSim runs the same workloads.
func TestEveryRuleIsNeeded(t *testing.T) {
	var have []string
	for _, r := range ruleRows() {
		have = append(have, r.rule)
		t.Run(r.rule, func(t *testing.T) {
			t.Parallel()
			if r.attack != nil {
				r.checkAttack(t)
				return
			}
			sum, err := find(r.rule, r.kinds, r.limit)
			if err == nil {
				t.Fatalf("not found by %d crashes", sum.crashes)
			}
			what, _, _ := strings.Cut(err.Error(), "\n")
			t.Logf("found by crash %d: %s", sum.crashes, what)
		})
	}
	if want := store.RuleNames(); !slices.Equal(slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the table has the rules %q, the store %q", have, want)
	}
}

func (r *ruleRow) checkAttack(t *testing.T) {
	if err := r.attack(nil); err != nil {
		t.Errorf("with the rule in force: %v", err)
	}
	err := r.attack(func(o *store.Options) { store.BreakRule(o, r.rule) })
	var v *violation
	if !errors.As(err, &v) {
		t.Fatalf("the attack does not succeed without the rule: %v", err)
	}
	t.Logf("%v", v)
}

// stage is a store with one file "f" for an attack.
type stage struct {
	*sim
	f *opened
}

// newStage makes a durable file of some blocks of one byte each.
func newStage(content string, tune func(*store.Options)) (*stage, error) {
	s, err := newSim(1, simPlan(nil), tune)
	if err != nil {
		return nil, err
	}
	s.journal = 8 << 20
	o, h, _, err := s.root.Create("f", simAttr, true)
	if err != nil {
		return nil, err
	}
	o.Release()
	g := &stage{s, &opened{h: h}}
	if err := g.put(content, 0); err != nil {
		return nil, err
	}
	return g, errors.Join(h.Sync(), h.Close(), g.openAgain())
}

func (g *stage) openAgain() error {
	o, err := g.root.Lookup("f")
	if err != nil {
		return err
	}
	defer o.Release()
	g.f.h, err = o.Open(true)
	return err
}

// put writes one block of each byte of p from block i on.
func (g *stage) put(p string, i int) error {
	_, err := g.f.h.WriteAt(letters(p), int64(i*block))
	return err
}

func letters(p string) (b []byte) {
	for i := range len(p) {
		for range block {
			b = append(b, p[i])
		}
	}
	return b
}

// after returns what is in f on the disk that a kill leaves, as letters, "?" if
// it is refused.
func (g *stage) after(d *crashdisk.Disk, mode uint32) (string, error) {
	st, err := g.openStore(d)
	if err != nil {
		return "", err
	}
	defer st.Close()
	o, err := st.Matters()[0].Root.Lookup("f")
	if err != nil {
		return "?", nil
	}
	defer o.Release()
	f, err := readObject(o, 0)
	if err != nil {
		return "?", nil
	}
	if mode != 0 && f.mode != mode {
		return fmt.Sprintf("mode %o", f.mode), nil
	}
	var s []byte
	for i := 0; i < len(f.content); i += block {
		s = append(s, f.content[i])
	}
	return string(s), nil
}

func (g *stage) want(d *crashdisk.Disk, mode uint32, allowed ...string) error {
	got, err := g.after(d, mode)
	if err != nil {
		return err
	}
	if !slices.Contains(allowed, got) {
		return broken("content", "found %q, want one of %q", got, allowed)
	}
	return nil
}
