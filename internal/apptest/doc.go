// Package apptest runs real programs on a real mount: vim, git, sqlite3, rsync, tar, LibreOffice, smbd with SMB clients,
// and shared mappings, as users under their own uids who have no accounts. It has tests only, behind the build tag
// apps, because they need these programs installed:
//
//	make test-apps
//
// Each test makes a firm of its own with the program named by MATTERFS_BIN, mounts it, works in its one matter, and at
// the end unmounts it and asks `matterfs audit verify` whether the log is whole.
//
// One test has no mount: it sends a log to a real rsyslog while that, and the exporter, are killed.
//
// MATTERFS_APPTEST=plain runs the same tests on a plain directory that the users share. What fails there as well is
// the test's own fault.
package apptest
