//go:build !oldkernel

package fs

// oldKernel makes the mount behave as on a kernel before 6.16, which cannot void all names
// at once. Benchmarks are built with the tag oldkernel to measure that; nothing else is.
const oldKernel = false
