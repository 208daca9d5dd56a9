package cover

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A set of ranges is the set of bytes that were added, whatever their order.
func TestRangesAreTheBytesAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var set ranges
		var bytes [200]bool
		for range 1 + r.IntN(30) {
			from := r.IntN(len(bytes))
			to := min(len(bytes), from+r.IntN(30))
			set.add(int64(from), int64(to))
			for i := from; i < to; i++ {
				bytes[i] = true
			}
			from, to = r.IntN(len(bytes)), 0
			to = from + 1 + r.IntN(len(bytes)-from)
			if want := !slices.Contains(bytes[from:to], false); set.has(int64(from), int64(to)) != want {
				t.Fatalf("has %d to %d is %v in %v", from, to, !want, set.list)
			}
		}
		if want := rangesOf(bytes[:]); !slices.Equal(set.list, want) {
			t.Fatalf("got %v, want %v", set.list, want)
		}
	}
}

func rangesOf(bytes []bool) (list []Range) {
	for i := 0; i < len(bytes); i++ {
		if !bytes[i] {
			continue
		}
		from := i
		for i < len(bytes) && bytes[i] {
			i++
		}
		list = append(list, Range{From: int64(from), To: int64(i)})
	}
	return list
}

// Totals with too many ranges hold all bytes that were added, and only what is marked holds others.
func TestTotalsAreExactOrMarked(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	loose := 0
	for range 300 {
		var h Handle
		bytes := make([]bool, 4000)
		for range 1 + r.IntN(200) {
			from := r.IntN(len(bytes) - 20)
			n := r.IntN(20)
			h.Took(7, int64(from), int64(n))
			for i := from; i < from+n; i++ {
				bytes[i] = true
			}
		}
		got := h.Totals(7)[0].Took
		if len(got) > MostRanges {
			t.Fatalf("%d ranges", len(got))
		}
		loose += checkTotals(t, got, bytes)
	}
	if loose < 300 {
		t.Errorf("only %d ranges were loose: the test tests little", loose)
	}
}

// checkTotals compares ranges with the bytes that they stand for, and counts the loose ones.
func checkTotals(t *testing.T, got []Range, bytes []bool) (loose int) {
	t.Helper()
	left := slices.Clone(bytes)
	for _, r := range got {
		if !r.Loose && slices.Contains(bytes[r.From:r.To], false) {
			t.Fatalf("%v is not marked and holds bytes that were not read", r)
		}
		if !bytes[r.From] || !bytes[r.To-1] {
			t.Fatalf("%v is wider than what was read", r)
		}
		if r.Loose {
			loose++
		}
		clear(left[r.From:r.To])
	}
	if slices.Contains(left, true) {
		t.Fatalf("bytes were read that are not in %v", got)
	}
	return loose
}

// What fills the gaps of a loose range makes it exact.
func TestLooseRangesBecomeExact(t *testing.T) {
	var r ranges
	r.add(0, 1)
	r.add(10, 11)
	r.limit(1)
	if want := []Range{{0, 11, true}}; !slices.Equal(r.list, want) {
		t.Fatalf("got %v, want %v", r.list, want)
	}
	r.add(5, 20)
	if want := []Range{{0, 20, true}}; !slices.Equal(r.list, want) {
		t.Errorf("half filled: got %v, want %v", r.list, want)
	}
	r.add(0, 20)
	if want := []Range{{0, 20, false}}; !slices.Equal(r.list, want) {
		t.Errorf("filled: got %v, want %v", r.list, want)
	}
}

func TestRangesAsText(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Range // nil: refused
	}{
		{"0-1", []Range{{0, 1, false}}},
		{"0-131072,~200000-204096,300000-300001", []Range{{0, 131072, false}, {200000, 204096, true}, {300000, 300001, false}}},
		{"0-9223372036854775807", []Range{{0, 1<<63 - 1, false}}},
		{"1-1", nil}, {"2-1", nil}, {"0-1,1-2", nil}, {"5-6,0-1", nil}, {"0-1,", nil}, {",", nil}, {"-1-2", nil}, {"+1-2", nil},
		{"01-2", nil}, {"0-9223372036854775808", nil}, {"0", nil}, {"~~0-1", nil}, {" 0-1", nil}, {"0-1-2", nil},
	} {
		got, err := ParseRanges(c.text)
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
		if err == nil && FormatRanges(got) != c.text {
			t.Errorf("%q is written as %q", c.text, FormatRanges(got))
		}
	}
	if got, err := ParseRanges(""); got != nil || err != nil {
		t.Errorf("nothing: %v, %v", got, err)
	}
}
