// Package killtest ends the daemon with SIGKILL while several people work on the drive, starts it again, and compares
// what it holds with what those people were told. It has tests only, behind the build tag kills, because one run
// takes minutes:
//
//	make test-kills
//
// Each person is a process under their own uid with a folder of their own. It says before each operation what it is
// about to do and afterwards that it was done; the test, which outlives the daemon, applies what was done to a model.
// After the restart every folder must be what the model says, with one freedom: the one operation that had not been
// answered may have happened, may not have happened, or, if it wrote, may have happened block by block.
//
// That is more than the daemon promises. It promises what was fsynced; but a SIGKILL leaves the page cache of the
// kernel alone, so whatever was answered must be there too, synced or not. Power cuts are the business of the crash
// simulator in crypto/store.
//
// Kills land under load, while the daemon recovers from the kill before, while it loads a policy and while it
// unmounts. After each, the audit log must be whole, and cover every byte that anybody was given.
//
// A second test has eight people read, in rows and here and there and through mappings, and kills the daemon a hundred
// times: what each of them was given through each handle is covered by records of that handle.
//
// KILLTEST_PEER=gocryptfs runs the same on another encrypted drive, for comparison; it has no log to check.
// KILLTEST_KILLS=N asks for another number of kills of the first test, KILLTEST_READS=N of the second, KILLTEST_SEED=N for another run of dice.
package killtest
