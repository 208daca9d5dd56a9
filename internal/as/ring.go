package as

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations, flags and registrations of io_uring (include/uapi/linux/io_uring.h) that tests use.
const (
	RingReadFixed   = 4
	RingOpenat      = 18
	RingStatx       = 21
	RingRead        = 22
	RingWrite       = 23
	RingSplice      = 30
	RingFixedFile   = 1 << 0 // SQE flag: FD is an index of the registered files
	RingAsync       = 1 << 4 // SQE flag: always by a worker thread
	RingPoll        = 1 << 1 // setup flag: a kernel thread submits (SQPOLL)
	RingBuffers     = 0      // registration: buffers
	RingFiles       = 2      // registration: files
	RingPersonality = 9      // registration: the caller's credentials
)

// SQE is one submission, laid out as the kernel reads it.
type SQE struct {
	Opcode, Flags uint8
	Prio          uint16
	FD            int32
	Off           uint64 // or a second address
	Addr          uint64
	Len           uint32
	OpFlags       uint32
	UserData      uint64
	BufIndex      uint16
	Personality   uint16
	SpliceFD      int32
	_             [2]uint64
}

type cqe struct {
	UserData uint64
	Res      int32
	Flags    uint32
}

type sqOffsets struct {
	Head, Tail, Mask, Entries, Flags, Dropped, Array, _ uint32
	_                                                   uint64
}

type cqOffsets struct {
	Head, Tail, Mask, Entries, Overflow, CQEs, Flags, _ uint32
	_                                                   uint64
}

type ringParams struct {
	SQEntries, CQEntries, Flags, PollCPU, PollIdle, Features, WQ uint32
	_                                                            [3]uint32
	SQ                                                           sqOffsets
	CQ                                                           cqOffsets
}

// Ring is a small io_uring(7) for programs under test: one submission at a time.
type Ring struct {
	FD     int
	params ringParams
	rings  []byte // both rings share one mapping (IORING_FEAT_SINGLE_MMAP)
	sqes   []byte
}

// OpenRing sets a ring of four entries up. The error is the errno of io_uring_setup(2): ENOSYS or EPERM where the
// machine does not offer io_uring.
func OpenRing(flags uint32) (*Ring, error) {
	r := &Ring{params: ringParams{Flags: flags, PollIdle: 1000}}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&r.params)), 0)
	if errno != 0 {
		return nil, errno
	}
	r.FD = int(fd)
	p := &r.params
	size := max(int(p.SQ.Array+4*p.SQEntries), int(p.CQ.CQEs)+int(p.CQEntries)*int(unsafe.Sizeof(cqe{})))
	var err, err2 error
	r.rings, err = unix.Mmap(r.FD, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	r.sqes, err2 = unix.Mmap(r.FD, 0x10000000, int(p.SQEntries)*int(unsafe.Sizeof(SQE{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	return r, errors.Join(err, err2)
}

func (r *Ring) word(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[off])) }

// Do submits one operation and waits for its result, which is negative for an errno: then that is the error.
func (r *Ring) Do(s SQE) (int, error) {
	p := &r.params
	tail := atomic.LoadUint32(r.word(p.SQ.Tail))
	i := tail & *r.word(p.SQ.Mask)
	*(*SQE)(unsafe.Pointer(&r.sqes[int(i)*int(unsafe.Sizeof(s))])) = s
	*r.word(p.SQ.Array + 4*i) = i
	atomic.StoreUint32(r.word(p.SQ.Tail), tail+1)
	const getEvents, wakeUp = 1, 2
	submit, flags := uintptr(1), uintptr(getEvents)
	if p.Flags&RingPoll != 0 {
		submit, flags = 0, getEvents|wakeUp
	}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.FD), submit, 1, flags, 0, 0)
		if errno == 0 {
			break
		}
		if errno != unix.EINTR {
			return 0, fmt.Errorf("io_uring_enter: %w", errno)
		}
		submit = 0
	}
	head := atomic.LoadUint32(r.word(p.CQ.Head))
	if head == atomic.LoadUint32(r.word(p.CQ.Tail)) {
		return 0, errors.New("io_uring: no completion")
	}
	at := int(p.CQ.CQEs) + int(head&*r.word(p.CQ.Mask))*int(unsafe.Sizeof(cqe{}))
	res := (*cqe)(unsafe.Pointer(&r.rings[at])).Res
	atomic.StoreUint32(r.word(p.CQ.Head), head+1)
	if res < 0 {
		return 0, unix.Errno(-res)
	}
	return int(res), nil
}

// Register registers n things that what points to; the result is the id of a personality.
func (r *Ring) Register(op int, what unsafe.Pointer, n int) (int, error) {
	id, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.FD), uintptr(op), uintptr(what), uintptr(n), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}
