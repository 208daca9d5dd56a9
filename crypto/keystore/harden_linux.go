package keystore

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// HardenProcess makes this process undumpable: no core file, no ptrace and no
// /proc/PID/mem by processes of the same user (prctl(2) PR_SET_DUMPABLE, setrlimit(2)
// RLIMIT_CORE). It is for the daemon, before the keystore is opened; root is not
// kept out. The limit also holds for child processes, the flag until the next exec.
func HardenProcess() error {
	var errs []error
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("make process undumpable: %w", err))
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("forbid core dumps: %w", err))
	}
	return errors.Join(errs...)
}
