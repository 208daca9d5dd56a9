package store_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/crypto"
	"matterfs/crypto/store"
	"matterfs/internal/crashdisk"
)

var makeSamples = flag.Bool("makesamples", false, "make the sample trees of a new format version; those of v1 are there and stay")

// TestMakeSamples makes the samples anew, under other keys, and wants that the
// same is in them as in the frozen ones. Only where there are none it may keep them.
func TestMakeSamples(t *testing.T) {
	_, err := os.Stat(filepath.Join(sampleDir, "expected.json"))
	keep := *makeSamples && err != nil
	m := &maker{t: t, disk: crashdisk.New(), rng: rand.New(rand.NewPCG(1, 9)), trees: map[string]image{}, paths: map[string]string{}}
	m.newKeys()
	m.older()
	m.good()
	m.journals()
	m.movingFolder()
	ex := map[string]*expectation{}
	for name, im := range m.trees {
		got, told, err := m.keys.read(t, im.clone())
		need(t, err)
		ex[name] = &expectation{Facts: got, Told: told}
		if keep {
			p, err := im.archive()
			need(t, err)
			need(t, os.WriteFile(filepath.Join(sampleDir, name+".tar.gz"), p, 0o644))
		}
	}
	if !keep {
		m.compare(ex)
		return
	}
	m.save("keys.json", m.keys)
	m.save("expected.json", ex)
	m.save("broken.json", m.rows(ex))
}

func (m *maker) compare(got map[string]*expectation) {
	_, want, _ := samples(m.t)
	for name, e := range want {
		if got[name] == nil {
			m.t.Fatalf("%s is not made any more", name)
		}
		for _, line := range diff(got[name].Facts, e.Facts) {
			m.t.Errorf("%s: %s", name, line)
		}
	}
}

// expectation is what is in a sample, and what recovery tells of it.
type expectation struct {
	Facts []fact
	Told  []string `json:",omitempty"`
}

type maker struct {
	t     *testing.T
	disk  *crashdisk.Disk
	rng   *rand.Rand
	keys  *sampleKeys
	s     *store.Store
	m1    *store.Object
	m2    *store.Object
	trees map[string]image
	paths map[string]string // plain path in m1 -> backing path
}

func (m *maker) save(name string, v any) {
	p, err := json.MarshalIndent(v, "", " ")
	need(m.t, err)
	need(m.t, os.WriteFile(filepath.Join(sampleDir, name), append(p, '\n'), 0o644))
}

func (m *maker) newKeys() {
	key := func() string { return hex.EncodeToString(crypto.NewKey()[:]) }
	m.keys = &sampleKeys{StoreID: crypto.NewID().String(), StoreKey: key(), Matters: []sampleMatter{
		{"2026-0142", crypto.NewID().String(), key()}, {"2026-0177", crypto.NewID().String(), key()}}}
}

func (m *maker) open() {
	var err error
	m.s, err = m.keys.open(m.disk, nil)
	need(m.t, err)
	for _, r := range m.s.Matters() {
		if r.Matter == "2026-0142" {
			m.m1 = r.Root
		} else {
			m.m2 = r.Root
		}
	}
}

// keep keeps the disk as it is, or as an image has it, as a sample.
func (m *maker) keep(name string, at *crashdisk.Image) {
	if at == nil {
		at = m.disk.Image()
	}
	root, err := at.Crash(crashdisk.Kill, m.rng).OpenRoot()
	need(m.t, err)
	im := image{}
	need(m.t, im.take(root, ""))
	m.trees[name] = im
}

func (m *maker) random(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(m.rng.Uint32())
	}
	return p
}

var sampleAttr = store.NewAttr{UID: 20021, GID: 100, Mode: 0o640}

// in walks to the folder of a path of m1 and remembers where it is stored.
func (m *maker) in(p string) (*store.Object, string) {
	parts := strings.Split(p, "/")
	d := m.m1
	for _, name := range parts[:len(parts)-1] {
		var err error
		d, err = d.Lookup(name)
		need(m.t, err)
	}
	name := parts[len(parts)-1]
	m.paths[p] = store.BackingPath(d, name)
	return d, name
}

// file returns an open file of m1, made if need be.
func (m *maker) file(p string) *store.Handle {
	d, name := m.in(p)
	o, h, _, err := d.Create(name, sampleAttr, false)
	need(m.t, err)
	o.Release()
	return h
}

func (m *maker) write(p string, content []byte, off int64) {
	h := m.file(p)
	_, err := h.WriteAt(content, off)
	need(m.t, errors.Join(err, h.Sync(), h.Close()))
}

func (m *maker) folder(p string, level string) {
	d, name := m.in(p)
	o, err := d.Mkdir(name, store.NewAttr{UID: 20021, GID: 100, Mode: 0o770})
	need(m.t, err)
	if level != "" {
		need(m.t, o.SetLevel(level))
	}
	o.Release()
}

// Names that are hard to keep: 255 bytes, another one as long, no UTF-8.
var (
	long1 = strings.Repeat("长", 84) + "abc"
	long2 = strings.Repeat("长", 84) + "xyz"
	odd   = "\xff\xfe 换行\n.txt"
)

// older is the tree before some of it was changed.
func (m *maker) older() {
	need(m.t, store.Create(m.disk, hexID(m.keys.StoreID), hexKey(m.keys.StoreKey)))
	m.open()
	for i, name := range []string{"甲公司", "乙公司"} {
		k := m.keys.Matters[i]
		_, err := m.s.CreateMatter(k.Matter, hexID(k.KeyID), name, store.NewAttr{UID: 20021, Mode: 0o770})
		need(m.t, err)
	}
	need(m.t, m.s.Close())
	m.open()
	m.folder("公开", "")
	m.folder("绝密", "绝密")
	m.folder("绝密/"+long1, "")
	for _, p := range []string{"合同.docx", "副本.docx", "缩短.txt", "重写.txt"} {
		m.write(p, m.random(2*4096+1000), 0)
	}
	m.write("绝密/"+long1+"/"+long2, m.random(300), 0)
	m.write("绝密/底价", []byte("三百万"), 0)
	m.write("公开/新闻", []byte("一"), 0)
	m.write(odd, m.random(4096), 0)
	m.write("空", nil, 0)
	m.write("稀疏", m.random(5000), 0)
	need(m.t, m.truncate("稀疏", 1<<40))
	o, err := m.m1.Symlink("链接", "绝密/底价", sampleAttr)
	need(m.t, err)
	o.Release()
	o, err = m.m1.Symlink("长链接", strings.Repeat("很长/", 500), sampleAttr)
	need(m.t, err)
	o.Release()
	_, _ = m.in("链接")
	for _, p := range []string{"合同.docx", "副本.docx", "绝密"} {
		d, base := m.in(p)
		o, err := d.Lookup(base)
		need(m.t, err)
		need(m.t, errors.Join(o.SetXattr("user.标签", []byte("值 of "+p), 0), o.SetXattr("user.b", m.random(100), 0)))
		o.Release()
	}
	o, h, _, err := m.m2.Create("合同.docx", sampleAttr, true)
	need(m.t, err)
	_, err = h.WriteAt(m.random(2*4096+1000), 0)
	need(m.t, errors.Join(err, h.Close()))
	o.Release()
	m.paths["m2"] = store.BackingPath(m.m2, "合同.docx")
	need(m.t, m.s.Close())
	m.keep("older", nil)
}

func (m *maker) truncate(p string, size uint64) error {
	h := m.file(p)
	return errors.Join(h.Truncate(size), h.Close())
}

// good is the tree as a daemon leaves it that was stopped.
func (m *maker) good() {
	m.open()
	m.write("重写.txt", m.random(4096), 4096)
	need(m.t, m.truncate("缩短.txt", 4196))
	mode := uint32(0o600)
	o, err := m.m1.Lookup("空")
	need(m.t, err)
	_, err = o.SetAttr(store.SetAttr{Mode: &mode})
	need(m.t, err)
	o.Release()
	pub, err := m.m1.Lookup("公开")
	need(m.t, err)
	need(m.t, pub.SetLevel("机密"))
	pub.Release()
	need(m.t, m.s.Close())
	m.keep("good", nil)
}

// journals are trees that a kill left, with files in every state of a journal.
func (m *maker) journals() {
	m.open()
	a, b, c, d, e := m.file("合同.docx"), m.file("副本.docx"), m.file("缩短.txt"), m.file("重写.txt"), m.file("公开/新闻")
	put := func(h *store.Handle, n int, off int64) {
		_, err := h.WriteAt(m.random(n), off)
		need(m.t, err)
	}
	put(a, 4096, 0) // overwritten, twice
	need(m.t, a.Sync())
	m.keep("journal-older", nil)
	put(a, 4096, 4096)
	put(a, 4096, 0)
	need(m.t, a.Sync())
	put(b, 100, 4000) // overwritten and grown, with a commit record, then more
	put(b, 3*4096, 9000)
	need(m.t, b.Sync())
	put(b, 5000, 9000+3*4096)
	need(m.t, c.Truncate(100)) // cut inside a block
	put(d, 3*4096, 2*4096)     // grown and not synced
	put(e, 10, 1)
	need(m.t, e.Close())
	m.disk.SetHook(m.keepAfter("公开/新闻", "journal"))
	pub, err := m.m1.Lookup("公开")
	need(m.t, err)
	need(m.t, pub.Rename("新闻", m.m1, "旧闻", true)) // and on its way
	m.disk.SetHook(nil)
	pub.Release()
	m.in("旧闻")
	need(m.t, errors.Join(a.Close(), b.Close(), c.Close(), d.Close(), m.s.Close()))
}

// keepAfter keeps the disk as it is before the first call that follows the rename
// of what is at p.
func (m *maker) keepAfter(p, name string) crashdisk.Hook {
	moved := false
	return func(s crashdisk.Step) crashdisk.Fault {
		if m.trees[name] == nil && moved {
			m.keep(name, s.Image())
		}
		moved = moved || s.Op == crashdisk.Rename && s.Name == path.Base(m.paths[p])
		return crashdisk.Fault{}
	}
}

// movingFolder is a tree in which a folder has arrived and does not know it yet.
func (m *maker) movingFolder() {
	m.open()
	defer func() { need(m.t, m.s.Close()) }()
	m.disk.SetHook(m.keepAfter("公开", "moving"))
	defer m.disk.SetHook(nil)
	sec, err := m.m1.Lookup("绝密")
	need(m.t, err)
	defer sec.Release()
	m.paths["绝密/公开"] = store.BackingPath(sec, "公开")
	need(m.t, m.m1.Rename("公开", sec, "公开", true))
}
