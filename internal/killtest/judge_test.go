//go:build kills

package killtest

import "testing"

// TestTheJudge: the model accepts what a kill may leave, and nothing else.
func TestTheJudge(t *testing.T) {
	two := append(content(1, blockSize), content(2, blockSize)...)
	before := model{files: map[string][]byte{"a": two, "b": []byte("b")}, dir: "d"}
	over := &op{Kind: write, Name: "a", Off: 0, Len: 3 * blockSize, Seed: 7}
	whole := before.clone()
	whole.apply(*over)
	with := func(a []byte) model {
		m := before.clone()
		m.files["a"] = a
		return m
	}
	next := whole.files["a"]
	renamed := model{files: map[string][]byte{"b": two}, dir: "d"}
	gone := model{files: map[string][]byte{"b": []byte("b")}, dir: "d"}
	move := &op{Kind: rename, Name: "a", To: "b"}
	for name, c := range map[string]struct {
		found   model
		pending *op
		ok      bool
	}{
		"nothing pending, nothing changed": {before, nil, true},
		"nothing pending, a byte changed":  {with(append(content(1, blockSize), content(3, blockSize)...)), nil, false},
		"a write done":                     {whole, over, true},
		"a write not done":                 {before, over, true},
		"one block written":                {with(append(next[:blockSize:blockSize], two[blockSize:]...)), over, true},
		"grown by a block":                 {with(next[:3*blockSize-1]), over, true},
		"half a block written":             {with(append(next[:100:100], two[100:]...)), over, false},
		"the file shrank":                  {with(two[:blockSize]), over, false},
		"another file changed":             {model{files: map[string][]byte{"a": next, "b": []byte("c")}, dir: "d"}, over, false},
		"renamed":                          {renamed, move, true},
		"not renamed":                      {before, move, true},
		"renamed away":                     {gone, move, false},
		"a file lost":                      {gone, over, false},
		"a folder renamed":                 {model{files: before.files, dir: "g"}, &op{Kind: renameDir, Name: "d", To: "g"}, true},
	} {
		if why := before.explains(c.found, c.pending); (why == "") != c.ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}
