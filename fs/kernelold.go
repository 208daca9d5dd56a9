//go:build oldkernel

package fs

const oldKernel = true
