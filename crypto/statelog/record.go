package statelog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"matterfs/crypto"
)

const (
	magic      = "MTRFSTL1"
	headSize   = 40
	lengthSize = 4
	entryHead  = 49 // of a sealed record, before its kind
	maxPackage = crypto.MaxPayload + crypto.PackageOverhead
	maxFrame   = lengthSize + maxPackage
	// MaxPayload is the greatest length of a record's JSON, in bytes.
	MaxPayload = 32 << 10
	beginKind  = "begin"
)

// Head names the end of a log: generation and hash of its last record.
type Head struct {
	Generation uint64
	Hash       [32]byte
}

// String is GENERATION:HASH, the hash as 64 hex digits; [ParseHead] reads it.
func (h Head) String() string {
	return strconv.FormatUint(h.Generation, 10) + ":" + hex.EncodeToString(h.Hash[:])
}

// ParseHead reads what [Head.String] wrote, and nothing else.
func ParseHead(s string) (Head, error) {
	var h Head
	gen, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(gen, 10, 64)
	b, err2 := hex.DecodeString(hash)
	if !ok || err != nil || err2 != nil || len(b) != len(h.Hash) {
		return Head{}, fmt.Errorf("statelog: bad head %q", s)
	}
	h.Generation = n
	copy(h.Hash[:], b)
	if h.String() != s {
		return Head{}, fmt.Errorf("statelog: bad head %q", s)
	}
	return h, nil
}

// Entry is one record.
type Entry struct {
	Generation uint64
	Time       time.Time // UTC, microseconds
	Kind       string
	Payload    json.RawMessage
}

// keys are what a log is sealed with.
type keys struct {
	records *crypto.Sealer
	head    [headSize]byte // of the file
}

func newKeys(id crypto.ID, key *crypto.Key) (*keys, error) {
	commit := crypto.DeriveKey(key, "statelog/commit")
	records := crypto.DeriveKey(key, "statelog/records")
	defer commit.Wipe()
	defer records.Wipe()
	s, err := crypto.NewSealer(records)
	if err != nil {
		return nil, err
	}
	k := &keys{records: s}
	copy(k.head[:], magic)
	copy(k.head[8:], id[:])
	copy(k.head[24:], commit[:16])
	return k, nil
}

// start is the hash that frame 0 follows.
func (k *keys) start() [32]byte { return sha256.Sum256(k.head[:]) }

// seal makes the frame of an entry that follows the frame with the hash prev.
func (k *keys) seal(e *Entry, prev [32]byte) []byte {
	p := binary.LittleEndian.AppendUint64(nil, e.Generation)
	p = append(p, prev[:]...)
	p = binary.LittleEndian.AppendUint64(p, uint64(e.Time.UnixMicro()))
	p = append(append(p, byte(len(e.Kind))), e.Kind...)
	p = append(p, e.Payload...)
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(p)+crypto.PackageOverhead))
	return k.records.Seal(frame, p)
}

var errShort = errors.New("a sealed record is too short")

// open reverses seal.
func (k *keys) open(frame []byte) (e Entry, prev [32]byte, err error) {
	p, err := k.records.Open(nil, frame[lengthSize:])
	if err != nil {
		return e, prev, err
	}
	if len(p) < entryHead || len(p) < entryHead+int(p[48]) {
		return e, prev, errShort
	}
	e.Generation = binary.LittleEndian.Uint64(p)
	copy(prev[:], p[8:])
	e.Time = time.UnixMicro(int64(binary.LittleEndian.Uint64(p[40:]))).UTC()
	n := entryHead + int(p[48])
	e.Kind, e.Payload = string(p[entryHead:n]), json.RawMessage(p[n:])
	return e, prev, nil
}
