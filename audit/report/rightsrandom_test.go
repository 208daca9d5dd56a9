package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// TestEveryOpenHasItsRight: of random rights and opens each open is counted under the one right that stood, at the deepest folder with
// rights of its own, or is a stray; nothing is counted twice or lost, whatever folders are plain.
func TestEveryOpenHasItsRight(t *testing.T) {
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		f, begin := randomFacts(r), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		in := &Input{Facts: f, From: begin.AddDate(0, 0, 5), Until: begin.AddDate(0, 0, 25), Zone: time.UTC}
		h := newHeld(in)
		strays := 0
		for n := range 200 {
			p := &audit.Parsed{Record: audit.Record{Ev: "open", Res: "ok", Matter: pick(r, "m0", "m1"), Path: pick(r, "x", "a/x", "a/b/x", "ab/x", "c/x"), FID: fmt.Sprint(n)},
				Time: begin.Add(time.Duration(5*24+r.IntN(20*24)) * time.Hour)}
			who := pick(r, "u0", "u1")
			want := slowRight(f, who, p)
			ok := h.take(p, who)
			if ok != (want != "") {
				t.Fatalf("seed %d: %s opens %s/%s at %v: known %v, want %q", seed, who, p.Matter, p.Path, p.Time, ok, want)
			}
			if !ok {
				strays++
				continue
			}
			i, _ := h.at(rightKey{who, p.Matter, h.place(p.Matter, p.Path)}, p.Time)
			if got := strings.Join(h.right(i).Rights, "|") + " " + h.right(i).Rule; got != want {
				t.Fatalf("seed %d: %s opens %s/%s at %v: by %q, want %q", seed, who, p.Matter, p.Path, p.Time, got, want)
			}
		}
		sum := int64(0)
		for _, n := range h.did {
			sum += n.opens
		}
		for _, n := range h.strays {
			strays -= int(n.opens)
		}
		if total := sum; strays != 0 || total > 200 {
			t.Fatalf("seed %d: %d opens by a right, %d strays too many", seed, total, strays)
		}
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// randomFacts gives two people spans of rights that do not overlap; some folders are like the matter.
func randomFacts(r *rand.Rand) *Facts {
	f := &Facts{Matters: map[string]Matter{}, People: map[string]Person{}}
	for _, id := range []string{"m0", "m1"} {
		var m Matter
		for _, path := range []string{"a", "a/b", "c"} {
			if r.IntN(2) == 0 {
				m.Folders = append(m.Folders, path)
			}
		}
		f.Matters[id] = m
		root := randomRights(r, id, "")
		f.Rights = append(f.Rights, root...)
		for _, path := range m.Folders {
			if r.IntN(2) == 0 {
				f.Rights = append(f.Rights, randomRights(r, id, path)...)
				continue
			}
			for _, one := range root {
				one.Path = path
				f.Rights = append(f.Rights, one)
			}
		}
	}
	return f
}

func randomRights(r *rand.Rand, id, path string) (list []Right) {
	for _, user := range []string{"u0", "u1"} {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range r.IntN(5) {
			from := at.Add(time.Duration(r.IntN(200)) * time.Hour)
			at = from.Add(time.Duration(1+r.IntN(200)) * time.Hour)
			list = append(list, Right{User: user, Matter: id, Path: path, Rights: pick(r, []string{"read"}, []string{"read", "write"}), Rule: pick(r, "a", "b"), From: from, To: at})
		}
	}
	return list
}

// slowRight looks at every right for the deepest folder above the path.
func slowRight(f *Facts, who string, p *audit.Parsed) string {
	place := ""
	for _, folder := range f.Matters[p.Matter].Folders {
		if strings.HasPrefix(p.Path, folder+"/") && len(folder) > len(place) {
			place = folder
		}
	}
	for _, r := range f.Rights {
		if r.User == who && r.Matter == p.Matter && r.Path == place && !p.Time.Before(r.From) && p.Time.Before(r.To) {
			return strings.Join(r.Rights, "|") + " " + r.Rule
		}
	}
	return ""
}
