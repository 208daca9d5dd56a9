package policy

import (
	"fmt"
	"slices"
)

// didYouMean finds the known word nearest to a misspelt one and phrases the
// hint; "" when nothing is near enough to be meant.
func didYouMean(word string, known []string) string {
	best, bestDist := "", maxDistance(word)+1
	sorted := slices.Sorted(slices.Values(known))
	for _, k := range sorted {
		if d := distance(word, k, bestDist); d < bestDist {
			best, bestDist = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// maxDistance allows one slip in a short word and a third of a long one.
func maxDistance(word string) int { return max(1, len([]rune(word))/3) }

// distance is the Damerau-Levenshtein distance (neighbours exchanged count
// once) between a and b in characters, or limit when it is at least that.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if diff := len(x) - len(y); diff >= limit || -diff >= limit {
		return limit
	}
	var before []int
	prev := make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur := make([]int, len(y)+1)
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return min(prev[len(y)], limit)
}
