package as

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openRing returns nil where the machine offers no io_uring; then setup must say so with one of two errors.
func openRing(t *testing.T, flags uint32) *Ring {
	t.Helper()
	r, err := OpenRing(flags)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Logf("THIS MACHINE OFFERS NO io_uring (%v): the ring itself is untested here", err)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(r.FD) })
	return r
}

// TestRing: each way of reading that the ring offers gives the file's bytes.
func TestRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("内容"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, setup := range []uint32{0, RingPoll} {
		r := openRing(t, setup)
		if r == nil {
			return
		}
		buf := make([]byte, 100)
		addr := uint64(uintptr(unsafe.Pointer(&buf[0])))
		fd := int32(f.Fd())
		iov := unix.Iovec{Base: &buf[0], Len: 100}
		if _, err := r.Register(RingBuffers, unsafe.Pointer(&iov), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Register(RingFiles, unsafe.Pointer(&fd), 1); err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]SQE{
			"read":       {Opcode: RingRead, FD: fd, Addr: addr, Len: 100},
			"by worker":  {Opcode: RingRead, FD: fd, Addr: addr, Len: 100, Flags: RingAsync},
			"buffer":     {Opcode: RingReadFixed, FD: fd, Addr: addr, Len: 100},
			"fixed file": {Opcode: RingRead, FD: 0, Addr: addr, Len: 100, Flags: RingFixedFile},
		} {
			clear(buf)
			if n, err := r.Do(s); err != nil || string(buf[:n]) != "内容" {
				t.Errorf("setup %d, %s: %d bytes %q, %v", setup, name, n, strings.TrimRight(string(buf), "\x00"), err)
			}
		}
		if _, err := r.Do(SQE{Opcode: RingRead, FD: -1, Addr: addr, Len: 1}); !errors.Is(err, unix.EBADF) {
			t.Errorf("setup %d: a read of no file: %v", setup, err)
		}
		if id, err := r.Register(RingPersonality, nil, 0); err != nil || id < 1 {
			t.Errorf("setup %d: personality %d, %v", setup, id, err)
		}
		runtime.KeepAlive(buf)
	}
}
