package store_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"matterfs/crypto"
	"matterfs/crypto/store"
)

// The frozen sample trees of format v1 in testdata/v1, for ever: whatever this
// package becomes, it reads these as expected.json says and refuses what is
// broken in them. They are tar archives of a data directory, since not every
// file system and version control keeps names and attributes as they are.

const sampleDir = "testdata/v1"

// backing is one file or directory of a data directory.
type backing struct {
	dir    bool
	data   []byte
	xattrs map[string][]byte
}

// image is a data directory: path -> what is there.
type image map[string]*backing

func (im image) clone() image {
	c := image{}
	for p, b := range im {
		c[p] = &backing{b.dir, bytes.Clone(b.data), maps.Clone(b.xattrs)}
	}
	return c
}

// paxXattr is how tar calls an extended attribute.
const paxXattr = "SCHILY.xattr."

func (im image) archive() ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	for _, p := range slices.Sorted(maps.Keys(im)) {
		b := im[p]
		h := &tar.Header{Typeflag: tar.TypeReg, Name: p, Mode: 0o600, Size: int64(len(b.data)), Format: tar.FormatPAX, PAXRecords: map[string]string{}}
		if b.dir {
			h.Typeflag, h.Mode = tar.TypeDir, 0o700
		}
		for name, v := range b.xattrs {
			h.PAXRecords[paxXattr+name] = hex.EncodeToString(v)
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(b.data); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), z.Close())
	return out.Bytes(), err
}

func loadImage(t testing.TB, name string) image {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(sampleDir, name+".tar.gz"))
	need(t, err)
	z, err := gzip.NewReader(bytes.NewReader(p))
	need(t, err)
	im := image{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return im
		}
		need(t, err)
		b := &backing{dir: h.Typeflag == tar.TypeDir, xattrs: map[string][]byte{}}
		b.data, err = io.ReadAll(r)
		need(t, err)
		for name, v := range h.PAXRecords {
			if name, ok := strings.CutPrefix(name, paxXattr); ok {
				b.xattrs[name], err = hex.DecodeString(v)
				need(t, err)
			}
		}
		im[strings.TrimSuffix(h.Name, "/")] = b
	}
}

func need(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes an empty disk that data directory.
func (im image) put(t testing.TB, d store.Disk) {
	t.Helper()
	root, err := d.OpenRoot()
	need(t, err)
	dirs := map[string]store.Dir{".": root}
	for _, p := range slices.Sorted(maps.Keys(im)) {
		b, in, name := im[p], dirs[path.Dir(p)], path.Base(p)
		if in == nil {
			t.Fatalf("%s has no folder", p)
		}
		var n store.Node
		if b.dir {
			need(t, in.Mkdir(name))
			dirs[p], err = in.OpenDir(name)
			need(t, err)
			n = dirs[p]
		} else {
			f, err := in.CreateFile(name)
			need(t, err)
			_, err = f.WriteAt(b.data, 0)
			need(t, err)
			defer f.Close()
			n = f
		}
		for name, v := range b.xattrs {
			need(t, n.SetXattr(name, v, 0))
		}
	}
	for _, d := range dirs {
		need(t, d.Close())
	}
}

// take reads a data directory.
func (im image) take(d store.Dir, at string) error {
	list, err := d.List()
	if err != nil {
		return err
	}
	for _, e := range list {
		b := &backing{dir: e.Type == store.TypeDir, xattrs: map[string][]byte{}}
		im[path.Join(at, e.Name)] = b
		if err := im.takeOne(d, e, b, path.Join(at, e.Name)); err != nil {
			return err
		}
	}
	return d.Close()
}

func (im image) takeOne(d store.Dir, e store.DirEntry, b *backing, at string) (err error) {
	var n store.Node
	if b.dir {
		sub, oerr := d.OpenDir(e.Name)
		if oerr != nil {
			return oerr
		}
		defer func() { err = errors.Join(err, im.take(sub, at)) }()
		n = sub
	} else {
		f, oerr := d.OpenFile(e.Name)
		if oerr != nil {
			return oerr
		}
		defer f.Close()
		st, serr := f.Stat()
		b.data = make([]byte, st.Size)
		_, rerr := f.ReadAt(b.data, 0)
		if err := errors.Join(serr, rerr); err != nil {
			return err
		}
		n = f
	}
	names, err := n.ListXattr()
	for _, name := range names {
		if err == nil {
			b.xattrs[name], err = n.GetXattr(name)
		}
	}
	return err
}

// sampleKeys are the keys of the samples, in hex. They protect nothing.
type sampleKeys struct {
	StoreID, StoreKey string
	Matters           []sampleMatter
}

type sampleMatter struct{ Matter, KeyID, Key string }

func loadKeys(t testing.TB) *sampleKeys {
	t.Helper()
	k := &sampleKeys{}
	loadJSON(t, "keys.json", k)
	return k
}

func loadJSON(t testing.TB, name string, v any) {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(sampleDir, name))
	need(t, err)
	need(t, json.Unmarshal(p, v))
}

func hexKey(s string) *crypto.Key {
	var k crypto.Key
	if n, err := hex.Decode(k[:], []byte(s)); err != nil || n != len(k) {
		panic("no key: " + s)
	}
	return &k
}

func hexID(s string) crypto.ID {
	id, err := crypto.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// Key implements store.Keys.
func (k *sampleKeys) Key(id crypto.ID) (*crypto.Key, string, uint32, error) {
	for _, m := range k.Matters {
		if m.KeyID == id.String() {
			return hexKey(m.Key), m.Matter, 1, nil
		}
	}
	return nil, "", 0, errors.New("no such key")
}

// sampleTime is when everything in the samples was made.
var sampleTime = time.Unix(1_800_000_000, 123456789)

// open opens a store with these keys and tells what recovery did.
func (k *sampleKeys) open(d store.Disk, told *[]store.Recovery) (*store.Store, error) {
	o := store.Options{JournalAge: -1, Now: func() time.Time { return sampleTime.Add(time.Hour) }}
	if told != nil {
		o.Recovered = func(r store.Recovery) { *told = append(*told, r) }
	}
	return store.Open(d, hexID(k.StoreID), hexKey(k.StoreKey), k, o)
}
