package keystore

import "golang.org/x/sys/unix"

// reserve maps size bytes that nothing may touch yet, private to this process,
// never dumped and empty in a forked child.
func reserve(size int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	for _, advice := range []int{unix.MADV_DONTDUMP, unix.MADV_WIPEONFORK} {
		if err := unix.Madvise(b, advice); err != nil {
			_ = unix.Munmap(b)
			return nil, err
		}
	}
	return b, nil
}

func unreserve(b []byte) { _ = unix.Munmap(b) }

func openPages(b []byte) error { return unix.Mprotect(b, unix.PROT_READ|unix.PROT_WRITE) }

func pinPages(b []byte) error { return unix.Mlock(b) }

// closePages gives the memory back and leaves the addresses unusable.
func closePages(b []byte) error {
	_ = unix.Munlock(b) // fails where locking failed; the pages go either way
	if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
		return err
	}
	return unix.Mprotect(b, unix.PROT_NONE)
}
