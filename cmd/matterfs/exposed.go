package main

import "os"

// exposed tells whether people without any right on the store can look into
// its policy. They see the titles and clients of every matter then, which the
// drive takes care to hide. The directory decides: behind one that is closed
// the modes of files do not count, and editors make those as they please.
func exposed(policyDir string) bool {
	st, err := os.Stat(policyDir)
	return err == nil && st.Mode().Perm()&0o005 != 0
}
