package main

import (
	"strings"
	"testing"
	"time"

	"matterfs/fs"
)

func TestSyncSetting(t *testing.T) {
	for text, want := range map[string]struct {
		interval time.Duration
		opens    bool
	}{
		syncDefault: {200 * time.Millisecond, false}, "1ms": {time.Millisecond, false}, "1m": {time.Minute, false}, "1.5s": {1500 * time.Millisecond, false},
		syncGroup: {200 * time.Millisecond, true},
		"999us":   {}, "61s": {}, "0": {}, "-1s": {}, "200": {}, "": {}, "always": {}, "Group": {},
	} {
		s := settings{Config: "matterfs.yaml", Sync: text}
		interval, opens, err := s.syncing()
		if want.interval == 0 {
			if !asErr[*usageError](err) || !strings.Contains(err.Error(), "matterfs.yaml: "+syncKey) || !strings.Contains(err.Error(), "1ms to 1m") {
				t.Errorf("%q: %v, %v", text, interval, err)
			}
		} else if interval != want.interval || opens != want.opens || err != nil {
			t.Errorf("%q: %v, %v, %v", text, interval, opens, err)
		}
	}
}

func TestBudgetSetting(t *testing.T) {
	for text, want := range map[string]int{
		budgetDefault: 1000, "50": 50, "1000000": 1_000_000, budgetOff: 0,
		"49": -1, "1000001": -1, "0": -1, "-1": -1, "": -1, "1000/s": -1, "never": -1,
	} {
		s := settings{Config: "matterfs.yaml", Budget: text}
		got, err := s.budget()
		if want < 0 {
			if !asErr[*usageError](err) || !strings.Contains(err.Error(), "matterfs.yaml: "+budgetKey) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		} else if got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestFloodWarnings(t *testing.T) {
	since := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	list := floodWarnings([]fs.Flood{{UID: 20021, User: "zhang.wei", Since: since, Waited: 7}, {UID: 20099, Since: since}})
	if len(list) != 2 {
		t.Fatal(list)
	}
	for i, who := range []string{"zhang.wei", "uid 20099"} {
		w := list[i]
		if w.bad || w.Code != "log.flood" || !strings.Contains(w.text(en), who) || !strings.Contains(w.text(zh), who) || !strings.Contains(w.text(zh), "2026-11-29T10:00:00Z") {
			t.Errorf("%+v: %s, %s", w, w.text(en), w.text(zh))
		}
	}
}
