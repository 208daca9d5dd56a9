//go:build kills

package killtest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// blockSize is what the drive seals at once: a torn write tears between blocks, never inside one.
const blockSize = 4096

// kind is what a worker does in one step. Each is one system call that can be answered or not; opening and closing
// come along as they are needed.
type kind string

const (
	write     kind = "write"
	fsync     kind = "fsync"
	truncate  kind = "truncate"
	create    kind = "create"
	unlink    kind = "unlink"
	rename    kind = "rename"
	renameDir kind = "rename of a folder"
	closing   kind = "close"
	read      kind = "read"
)

// op is one step. Content is not sent: it follows from the seed.
type op struct {
	Kind kind
	Name string // path in the worker's folder
	To   string // of a rename
	Off  int64
	Len  int64 // of a write or read, the new size of a truncate
	Seed uint64
}

func (o op) String() string {
	return fmt.Sprintf("%s %s %s off %d len %d", o.Kind, o.Name, o.To, o.Off, o.Len)
}

// line is what a worker says: an operation that it begins, or that the last one was done. Got is how many bytes a read
// returned.
type line struct {
	Begin *op    `json:",omitempty"`
	Done  bool   `json:",omitempty"`
	Got   int64  `json:",omitempty"`
	Wrong string `json:",omitempty"` // the drive answered something false, and the worker stopped
	Ended string `json:",omitempty"` // the drive went away, and with what error
}

// content is what a write of this seed writes.
func content(seed uint64, n int64) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}
