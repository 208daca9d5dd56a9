//go:build !linux

package keystore

import "os"

// flock does nothing: elsewhere than on Linux only one process may write at a time.
func flock(*os.File) error { return nil }
