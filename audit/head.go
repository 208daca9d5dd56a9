package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// HeadName is the file in the state directory that remembers the end of the log.
const HeadName = "audit.head"

const (
	headSize  = 8192 // two slots, each at the beginning of a page of its own: a torn page leaves the other
	slotSize  = 128
	slotSpace = 4096
	headMagic = "MFAUDIT1"
	flagClean = 1
)

// headState is what one slot holds; FORMAT.md gives the bytes.
type headState struct {
	gen    uint64   // higher wins
	seq    uint64   // last record written
	synced uint64   // last record known to be on the medium
	size   uint64   // length of the live file after record seq
	hash   [32]byte // of record seq, of the store id when seq is 0
	boot   [16]byte // boot in which it was written
	store  [16]byte // first half of the hash of the store id
	clean  bool     // written by Close: nothing comes after record seq
	stamp  int64    // Unix time in microseconds at which seq was the last record; 0: not stated
	repair uint64   // first record that a repair not yet recorded is about; 0: none
}

// headStatus says what was found in place of a head.
type headStatus int

const (
	headOK      headStatus = iota
	headAbsent             // no file, or one that was never written
	headDamaged            // neither slot has a good checksum
)

func (h *headState) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, headMagic...)
	for _, v := range [...]uint64{h.gen, h.seq, h.synced, h.size} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(b, h.hash[:]...)
	b = append(b, h.boot[:]...)
	b = append(b, h.store[:]...)
	var flags uint32
	if h.clean {
		flags |= flagClean
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.stamp))
	b = binary.LittleEndian.AppendUint64(b, h.repair)
	b = append(b, make([]byte, slotSize-4-(len(b)-start))...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli()))
}

// castagnoli is the table of CRC-32C; the library makes it once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func parseSlot(b []byte) (h headState, ok bool) {
	if len(b) < slotSize || string(b[:8]) != headMagic {
		return h, false
	}
	le := binary.LittleEndian
	if le.Uint32(b[slotSize-4:]) != crc32.Checksum(b[:slotSize-4], castagnoli()) {
		return h, false
	}
	h.gen, h.seq, h.synced, h.size = le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	copy(h.hash[:], b[40:])
	copy(h.boot[:], b[72:])
	copy(h.store[:], b[88:])
	h.clean = le.Uint32(b[104:])&flagClean != 0
	h.stamp, h.repair = int64(le.Uint64(b[108:])), le.Uint64(b[116:])
	return h, true
}

// parseHead picks the newer good slot. whole says that no slot was bad; a reader of a live head reads again until it is.
func parseHead(b []byte) (h headState, st headStatus, whole bool) {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return h, headAbsent, true
	}
	if len(b) < headSize {
		return h, headDamaged, true
	}
	a, okA := parseSlot(b)
	c, okC := parseSlot(b[slotSpace:])
	switch {
	case okA && (!okC || a.gen > c.gen):
		return a, headOK, okC
	case okC:
		return c, headOK, okA
	}
	return h, headDamaged, false
}

// headLag is how far in time the log on the medium can be ahead of the head on the medium. The daemon brings the head there
// every headBeat even when nothing happens; the rest is for a medium that is slow.
const (
	headLag  = 2 * time.Minute
	headBeat = 30 * time.Second
)

// late says that no power cut explains a record of time t after the last one this head knows: the head would know it.
func (h *headState) late(t time.Time) bool {
	return h.stamp != 0 && t.After(time.UnixMicro(h.stamp).Add(headLag))
}

func (h *headState) lateMsg(from, to uint64, t time.Time) string {
	return fmt.Sprintf("records %d to %d are unknown to the head and reach to %s, but a head that was alive at %s is never more than %s behind "+
		"the log, whatever a power cut takes", from, to, t.Format(timeLayout), time.UnixMicro(h.stamp).UTC().Format(timeLayout), headLag)
}

// spare says how many records may follow the last one this head knows, and whether there is such a limit.
func (h *headState) spare(boot [16]byte) (uint64, bool) {
	switch {
	case h.clean:
		return 0, true
	case h.boot == boot && boot != [16]byte{}:
		return 1, true
	}
	return 0, false // after a power cut the head on the disk may be older than the log: late decides
}

// readHead reads the head while the daemon may be writing it. A slot caught in the middle of being written has a bad checksum
// then, and the other may be older than the last record by more than one: so it is read again a few times.
func readHead(stateDir string) (h headState, st headStatus, err error) {
	path := filepath.Join(stateDir, HeadName)
	for range 50 {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return h, headAbsent, nil
		}
		if err != nil {
			return h, headAbsent, fmt.Errorf("reading the head of the log: %w", err)
		}
		var whole bool
		if h, st, whole = parseHead(b); whole {
			break
		}
	}
	return h, st, nil
}
