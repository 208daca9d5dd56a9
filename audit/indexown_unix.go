//go:build unix

package audit

import (
	"io/fs"
	"os"
	"syscall"
)

// foreignFile says that somebody else but root has written a file, or could have.
func foreignFile(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() || fi.Mode().Perm()&0o022 != 0
}
