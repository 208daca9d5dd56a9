//go:build race

package store_test

// slowdown is by how much less the simulator does under the race detector, which
// makes everything so much slower.
const slowdown = 5
