package statelog

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"matterfs/crypto"
)

// office is a store's state log and what its daemon remembers of it.
type office struct {
	t    testing.TB
	path string
	id   crypto.ID
	key  *crypto.Key
	now  time.Time
}

func newOffice(t testing.TB) *office {
	t.Helper()
	return &office{t: t, path: filepath.Join(t.TempDir(), "state.log"), id: crypto.NewID(), key: crypto.NewKey(),
		now: time.Date(2026, 11, 22, 9, 31, 4, 123456000, time.UTC)}
}

func (o *office) options(anchor *Head) Options {
	opts := Options{StoreID: o.id, Key: o.key, Now: func() time.Time { return o.now }}
	if anchor != nil {
		opts.Anchors = []Head{*anchor}
	}
	return opts
}

func (o *office) open(anchor *Head) (*Log, *Recovery, error) { return Open(o.path, o.options(anchor)) }

func (o *office) mustOpen(anchor *Head) (*Log, *Recovery) {
	o.t.Helper()
	l, r, err := o.open(anchor)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { l.Close() })
	return l, r
}

// written makes a log with the changes and returns the head after each, the
// empty log's first.
func (o *office) written(changes ...step) (heads []Head) {
	o.t.Helper()
	l, r, err := o.open(nil)
	if err != nil || !r.Created {
		o.t.Fatalf("%+v, %v", r, err)
	}
	heads = append(heads, l.Head())
	for _, c := range changes {
		h, err := l.Append(c.kind, Change{Name: c.name, By: "qian.li", UID: 10031, Reason: "失窃"})
		if err != nil {
			o.t.Fatal(err)
		}
		heads = append(heads, h)
	}
	if err := l.Close(); err != nil {
		o.t.Fatal(err)
	}
	return heads
}

type step struct{ kind, name string }

// story is what most tests write.
var story = []step{
	{UserDisable, "wang.qiang"}, {MatterFreeze, "2026-0142"}, {UserDisable, "li.na"}, {UserEnable, "wang.qiang"},
}

func (o *office) bytes() []byte {
	o.t.Helper()
	b, err := os.ReadFile(o.path)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

func (o *office) put(b []byte) {
	o.t.Helper()
	if err := os.WriteFile(o.path, b, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// frames splits a log into its frames.
func frames(t testing.TB, b []byte) (list [][]byte) {
	t.Helper()
	for rest := b[headSize:]; len(rest) > 0; {
		f, why := cutFrame(rest)
		if why != "" {
			t.Fatal(why)
		}
		list, rest = append(list, f), rest[len(f):]
	}
	return list
}

// joined is a log of the head of b and other frames.
func joined(b []byte, frames ...[]byte) []byte {
	out := append([]byte(nil), b[:headSize]...)
	for _, f := range frames {
		out = append(out, f...)
	}
	return out
}

// forged appends a record as only the holder of the key can.
func (o *office) forged(kind, payload string) Head {
	o.t.Helper()
	k, err := newKeys(o.id, o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	found, err := scan(o.path, o.bytes(), k)
	if err != nil {
		o.t.Fatal(err)
	}
	h := found.head()
	f := k.seal(&Entry{Generation: h.Generation + 1, Time: o.now, Kind: kind, Payload: json.RawMessage(payload)}, h.Hash)
	o.put(append(o.bytes(), f...))
	return Head{h.Generation + 1, sum(f)}
}
