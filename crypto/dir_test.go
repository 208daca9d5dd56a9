package crypto

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func fullDir() *DirMeta {
	return &DirMeta{
		Object: NewID(), Parent: NewID(), Name: "证据", Level: "绝密", Matter: "2026-0142", KeyID: NewID(), KeyVersion: 4,
		UID: 1, GID: 2, Mode: 0o770, Birth: -5, Flags: 6,
	}
}

func sealFullDir(t testing.TB) (content *Key, d *DirMeta, b []byte) {
	t.Helper()
	content, d = NewKey(), fullDir()
	b, err := SealDir(content, d)
	if err != nil {
		t.Fatal(err)
	}
	return content, d, b
}

func TestDirRoundTrip(t *testing.T) {
	long := strings.Repeat("汉", 85)
	for _, d := range []*DirMeta{fullDir(), {Name: "a"}, {Name: long, Level: long, Matter: long}} {
		content := NewKey()
		b, err := SealDir(content, d)
		if err != nil || len(b) != DirSize {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		kept := bytes.Clone(b)
		got, keys, err := OpenDir(content, b)
		if err != nil || *got != *d || keys == nil {
			t.Errorf("%+v, %v", got, err)
		}
		if !bytes.Equal(kept, b) {
			t.Error("OpenDir changed its input")
		}
	}
}

// The store finds the matter key of a folder before it has any key.
func TestDirKeyIDInClear(t *testing.T) {
	_, d, b := sealFullDir(t)
	p, err := ParsePrefix(b)
	if err != nil || p.KeyID != d.KeyID || p.KeyVersion != 4 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestDirHidesNames(t *testing.T) {
	_, d, b := sealFullDir(t)
	for _, s := range []string{d.Name, d.Level, d.Matter, string(d.Object[:]), string(d.Parent[:])} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("%q stands in clear", s)
		}
	}
}

// Extended attributes of a directory survive a change of its metadata.
func TestResealKeepsKeys(t *testing.T) {
	content, d, b := sealFullDir(t)
	_, keys, err := OpenDir(content, b)
	if err != nil {
		t.Fatal(err)
	}
	d.Level, d.Parent = "机密", NewID()
	again, err := ResealDir(content, b, d)
	if err != nil {
		t.Fatal(err)
	}
	got, newKeys, err := OpenDir(content, again)
	if err != nil || *got != *d {
		t.Fatalf("%+v, %v", got, err)
	}
	sameKeys(t, keys, newKeys)
}

func TestResealRefuses(t *testing.T) {
	content, d, b := sealFullDir(t)
	_, err := ResealDir(NewKey(), b, d)
	mustFail(t, "other key", err, "wrong key")
	_, err = ResealDir(content, b[:100], d)
	mustFail(t, "short", err, "format")
	d.KeyVersion++
	_, err = ResealDir(content, b, d)
	mustFail(t, "other key version", err, "format")
	d.KeyVersion, d.KeyID = d.KeyVersion-1, NewID()
	_, err = ResealDir(content, b, d)
	mustFail(t, "other key id", err, "format")
}

func TestSealDirRefuses(t *testing.T) {
	long := strings.Repeat("x", 256)
	for what, change := range map[string]func(*DirMeta){
		"no name":     func(d *DirMeta) { d.Name = "" },
		"dot dot":     func(d *DirMeta) { d.Name = ".." },
		"slash":       func(d *DirMeta) { d.Name = "a/b" },
		"long name":   func(d *DirMeta) { d.Name = long },
		"long level":  func(d *DirMeta) { d.Level = long },
		"long matter": func(d *DirMeta) { d.Matter = long },
	} {
		d := fullDir()
		change(d)
		_, err := SealDir(NewKey(), d)
		mustFail(t, what, err, "format")
	}
}

func TestEveryBitOfADirCounts(t *testing.T) {
	content, _, b := sealFullDir(t)
	everyBit(t, b, func(b []byte) error { _, _, err := OpenDir(content, b); return err })
}

func TestEveryByteOfADirPayload(t *testing.T) {
	content, d, b := sealFullDir(t)
	_, keys, err := OpenDir(content, b)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := keys.Meta.Open(nil, b[PrefixSize:])
	end := dirFixed + len(d.Name) + len(d.Level) + len(d.Matter)
	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 0x01
		got, _, err := OpenDir(content, keys.Meta.Seal(bytes.Clone(b[:PrefixSize]), changed))
		switch {
		case i < 8:
			mustFail(t, "label", err, "label")
		case i < 16 || i >= 78 && i < dirFixed || i >= end:
			mustFail(t, "layout or reserved byte", err, "format")
		case err == nil && *got == *d:
			t.Errorf("byte %d is ignored", i)
		}
	}
}

func TestDirStringLengths(t *testing.T) {
	content, _, b := sealFullDir(t)
	_, keys, err := OpenDir(content, b)
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := keys.Meta.Open(nil, b[PrefixSize:])
	for _, n := range []uint16{0, 256, 1919, 1920, 1921, 0xffff} {
		for field := range 3 {
			changed := bytes.Clone(payload)
			binary.LittleEndian.PutUint16(changed[72+2*field:], n)
			_, _, err := OpenDir(content, keys.Meta.Seal(bytes.Clone(b[:PrefixSize]), changed))
			mustFail(t, "string length", err, "format")
		}
	}
}

// A directory's metadata under the prefix of another one of the same matter: a
// folder put in another one's place.
func TestDirUnderOtherPrefix(t *testing.T) {
	content, d, b := sealFullDir(t)
	other, err := SealDir(content, d)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = OpenDir(content, append(bytes.Clone(other[:PrefixSize]), b[PrefixSize:]...))
	mustFail(t, "mixed", err, "auth")
	_, _, err = OpenDir(NewKey(), b)
	mustFail(t, "other matter", err, "wrong key")
}

func TestFileIsNoDir(t *testing.T) {
	content, p, keys := newFile(t)
	s := fullSlot()
	file := append(p.AppendTo(nil), s.Seal(keys.Meta)...)
	_, _, err := OpenDir(content, append(file, s.Seal(keys.Meta)...))
	mustFail(t, "header of a file", err, "format")
	_, _, err = OpenDir(content, append(file, s.Seal(keys.Meta)...)[:DirSize])
	mustFail(t, "header of a file, cut", err, "format")
	payload := make([]byte, dirPayload)
	putLabel(payload, SlotLabel, 1)
	_, _, err = OpenDir(content, keys.Meta.Seal(p.AppendTo(nil), payload))
	mustFail(t, "slot label", err, "label")
}
