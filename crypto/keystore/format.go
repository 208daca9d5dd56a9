package keystore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"matterfs/crypto"
)

// Sizes of the sealed plaintexts, all fixed or padded: a file's length says nothing
// of the matter id in it. doc.go has the byte tables.
const (
	headerFormat = "matterfs-keystore-1"
	masterMagic  = "MFSKMST1"
	matterMagic  = "MFSKMAT1"
	listMagic    = "MFSKLST1"

	masterSize  = 64
	matterSize  = 384
	listStep    = 4096
	maxMatterID = 255
)

// header is keystore.json: what is known without a key.
type header struct {
	Format     string `json:"format"`
	Store      string `json:"store"`
	Generation uint64 `json:"generation"` // of the master key; 1 until it is rotated

	id crypto.ID
}

func newHeader(store crypto.ID) header {
	return header{Format: headerFormat, Store: store.String(), Generation: 1, id: store}
}

func (h header) marshal() []byte {
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	return append(b, '\n')
}

// parseHeader accepts exactly the bytes that marshal writes.
func parseHeader(b []byte) (header, error) {
	var h header
	if err := json.Unmarshal(b, &h); err != nil {
		return h, err
	}
	if h.Format != headerFormat {
		return h, fmt.Errorf("has format %q instead of %q", h.Format, headerFormat)
	}
	id, err := crypto.ParseID(h.Store)
	if err != nil {
		return h, err
	}
	if id.IsZero() || h.Generation == 0 {
		return h, errors.New("lacks the store id or the generation")
	}
	h.id = id
	if !bytes.Equal(b, h.marshal()) {
		return h, errors.New("is not written the way matterfs writes it")
	}
	return h, nil
}

// masterBlob is the plaintext of every envelope.
type masterBlob struct {
	store      crypto.ID
	generation uint64
	key        *crypto.Key
}

func (m masterBlob) marshal() []byte {
	b := append(make([]byte, 0, masterSize), masterMagic...)
	b = append(b, m.store[:]...)
	b = binary.LittleEndian.AppendUint64(b, m.generation)
	return append(b, m.key[:]...)
}

// parseMaster copies the key to where it is to live.
func parseMaster(b []byte, key *crypto.Key) (masterBlob, error) {
	c := cursor{b: b}
	c.magic(masterMagic)
	m := masterBlob{store: c.id(), generation: c.u64(), key: key}
	copy(key[:], c.take(keySize))
	return m, c.end()
}

// matterBlob is the plaintext of matters/KEYID.
type matterBlob struct {
	store, id crypto.ID
	matter    string
	version   uint32 // key version, from 1
	created   int64  // unix seconds
	key       *crypto.Key
}

func (m matterBlob) marshal() []byte {
	b := append(make([]byte, 0, matterSize), matterMagic...)
	b = append(b, m.store[:]...)
	b = append(b, m.id[:]...)
	b = append(b, m.key[:]...)
	b = binary.LittleEndian.AppendUint32(b, m.version)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.created))
	b = appendMatter(b, m.matter)
	return b[:matterSize]
}

// parseMatter copies the key to where it is to live.
func parseMatter(b []byte, key *crypto.Key) (matterBlob, error) {
	if len(b) != matterSize {
		return matterBlob{}, fmt.Errorf("has %d bytes instead of %d", len(b), matterSize)
	}
	c := cursor{b: b}
	c.magic(matterMagic)
	m := matterBlob{store: c.id(), id: c.id(), key: key}
	copy(key[:], c.take(keySize))
	m.version, m.created, m.matter = c.u32(), int64(c.u64()), c.matter()
	c.nonzero(m.version)
	c.padding()
	return m, c.end()
}

// list is the plaintext of the manifest: every key that was ever handed out.
type list struct {
	store      crypto.ID
	master     uint64 // generation of the master key
	generation uint64 // grows by one with each change
	envelopes  [len(envelopeFiles)][32]byte
	keys       []listed
}

// listed is one key of the list. A destroyed one stays for ever as a tombstone: its
// file is not taken back, its matter id not used again.
type listed struct {
	id        crypto.ID
	destroyed bool
	version   uint32
	time      int64 // unix seconds: created, or destroyed
	matter    string
}

func (l *list) marshal() []byte {
	b := append([]byte(nil), listMagic...)
	b = append(b, l.store[:]...)
	b = binary.LittleEndian.AppendUint64(b, l.master)
	b = binary.LittleEndian.AppendUint64(b, l.generation)
	for i := range l.envelopes {
		b = append(b, l.envelopes[i][:]...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(l.keys)))
	for _, k := range l.keys {
		b = k.appendTo(b)
	}
	return append(b, make([]byte, -len(b)&(listStep-1))...)
}

func (k listed) appendTo(b []byte) []byte {
	b = append(b, k.id[:]...)
	b = append(b, 0)
	if k.destroyed {
		b[len(b)-1] = 1
	}
	b = binary.LittleEndian.AppendUint32(b, k.version)
	b = binary.LittleEndian.AppendUint64(b, uint64(k.time))
	return appendMatter(b, k.matter)
}

// parseList accepts exactly what marshal writes, and no key id twice.
func parseList(b []byte) (*list, error) {
	c := cursor{b: b}
	c.magic(listMagic)
	l := &list{store: c.id(), master: c.u64(), generation: c.u64()}
	for i := range l.envelopes {
		copy(l.envelopes[i][:], c.take(32))
	}
	n := c.u32()
	seen := make(map[crypto.ID]bool)
	for ; n > 0 && c.err == nil; n-- {
		k := c.listed()
		if seen[k.id] {
			c.fail("lists a key id twice")
		}
		seen[k.id] = true
		l.keys = append(l.keys, k)
	}
	if len(c.b) >= listStep || len(b)%listStep != 0 {
		c.fail("is not padded the way matterfs pads it")
	}
	c.padding()
	return l, c.end()
}

func appendMatter(b []byte, matter string) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(matter)))
	return append(b, matter...)
}

// cursor reads fields off a plaintext; after the first error it yields zeros.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = errors.New(what)
	}
}

func (c *cursor) take(n int) []byte {
	if len(c.b) < n {
		c.fail("is too short")
		c.b = nil
		return make([]byte, n)
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) magic(m string) {
	if string(c.take(len(m))) != m {
		c.fail(fmt.Sprintf("does not begin with %q", m))
	}
}

func (c *cursor) id() crypto.ID { return crypto.ID(c.take(len(crypto.ID{}))) }

func (c *cursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

func (c *cursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *cursor) nonzero(v uint32) {
	if v == 0 {
		c.fail("has key version 0")
	}
}

func (c *cursor) matter() string {
	n := int(binary.LittleEndian.Uint16(c.take(2)))
	if n == 0 || n > maxMatterID {
		c.fail("has an impossible matter id")
		return ""
	}
	return string(c.take(n))
}

func (c *cursor) listed() listed {
	k := listed{id: c.id()}
	state := c.take(1)[0]
	if state > 1 {
		c.fail("lists a key in an unknown state")
	}
	k.destroyed = state == 1
	k.version, k.time, k.matter = c.u32(), int64(c.u64()), c.matter()
	c.nonzero(k.version)
	return k
}

// padding takes the rest, which must be zeros.
func (c *cursor) padding() {
	for _, v := range c.take(len(c.b)) {
		if v != 0 {
			c.fail("has padding that is not zero")
		}
	}
}

func (c *cursor) end() error {
	if c.err == nil && len(c.b) > 0 {
		c.fail("is too long")
	}
	return c.err
}
