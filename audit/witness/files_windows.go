package witness

import (
	"os"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: NTFS keeps names in its journal, and directories cannot be flushed.
func syncDir(string) error { return nil }

// lockFile takes the lock that keeps two witnesses from working with one directory. It ends with the file, or the process.
func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
}
