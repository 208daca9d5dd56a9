//go:build !linux

package keystore

import "errors"

// The daemon runs on Linux only; elsewhere (an auditor's machine) keys lie on the
// heap and Locked says so.

func reserve(size int) ([]byte, error) { return make([]byte, size), nil }

func unreserve([]byte) {}

func openPages([]byte) error { return nil }

func pinPages([]byte) error { return errors.ErrUnsupported }

func closePages([]byte) error { return nil }
