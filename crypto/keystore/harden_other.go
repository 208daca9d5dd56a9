//go:build !linux

package keystore

import "errors"

// HardenProcess is for Linux only; elsewhere it returns errors.ErrUnsupported.
func HardenProcess() error { return errors.ErrUnsupported }
