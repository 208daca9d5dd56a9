// Package as lets a test act as another user, for real.
//
// Changing the identity of a goroutine is not enough to test who may see what: the kernel hands the file system the
// fsuid of the calling thread, and page faults, descriptors and working directories belong to processes. So each
// [User] is a process of its own, started under a numeric uid and gid (no account is needed), that carries out one
// file operation at a time on request.
//
// A test binary becomes its own agent. Its TestMain calls [Main] first:
//
//	func TestMain(m *testing.M) {
//		as.Main()
//		os.Exit(m.Run())
//	}
//
// Then tests read as a story:
//
//	zhang := as.Start(t, 10021)          // the lead
//	chen := as.Start(t, 10031)           // screened by wall W-07
//	zhang.Writes(contract, "甲方……")
//	chen.IsDenied(contract, syscall.ENOENT)
//	f := zhang.Opens(contract, os.O_RDONLY, 0)
//	theirs, err := f.SendTo(chen)        // SCM_RIGHTS, straight from one process to the other
//	_, err = theirs.ReadAt(0, 10)        // errors.Is(err, syscall.EACCES)
//
// Methods named like verbs in the third person (Reads, Writes, Lists, IsDenied, Opens) fail the test when it goes
// otherwise; the plain ones (ReadFile, WriteFile, Open) return the error, which is a [syscall.Errno] whenever the
// kernel gave one. A User serves one request at a time; users are independent of each other.
//
// The test must run as root. The agent is a copy of the test binary in a directory that every uid can reach, because
// the checkout and t.TempDir may lie below a directory of mode 0700; [Dir] makes such a directory for a test's files.
// An agent ends with its test, or when the test process goes away.
//
// The wire between a test and its agent is gob over a Unix socket pair (descriptor 3); descriptors travel over a
// second pair (descriptor 4), so that no ancillary data is lost in gob's buffer.
package as
