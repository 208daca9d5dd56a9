package keystore

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"matterfs/crypto"
)

func fill(n int, v byte) []byte { return bytes.Repeat([]byte{v}, n) }

func sampleList() *list {
	l := &list{store: crypto.ID(fill(16, 0x11)), master: 1, generation: 7}
	l.envelopes[0] = [32]byte(fill(32, 0xaa))
	l.keys = []listed{
		{id: crypto.ID(fill(16, 0x22)), version: 3, time: 0x0102, matter: "甲"},
		{id: crypto.ID(fill(16, 0x33)), destroyed: true, version: 1, time: -1, matter: "2026-0142"},
	}
	return l
}

func sampleMatter() matterBlob {
	return matterBlob{store: crypto.ID(fill(16, 0x11)), id: crypto.ID(fill(16, 0x22)), matter: "2026-0142",
		version: 1, created: 1_780_000_000, key: (*crypto.Key)(fill(32, 0x44))}
}

func sampleMaster() masterBlob {
	return masterBlob{store: crypto.ID(fill(16, 0x11)), generation: 1, key: (*crypto.Key)(fill(32, 0x55))}
}

// These bytes are the format of doc.go, written by hand: they may never change.
func TestFormatVectors(t *testing.T) {
	master := "MFSKMST1" + string(fill(16, 0x11)) + "\x01" + string(fill(7, 0)) + string(fill(32, 0x55))
	if got := sampleMaster().marshal(); string(got) != master {
		t.Errorf("master blob is %x", got)
	}
	matter := "MFSKMAT1" + string(fill(16, 0x11)) + string(fill(16, 0x22)) + string(fill(32, 0x44)) +
		"\x01\x00\x00\x00" + "\x00\xa5\x18\x6a\x00\x00\x00\x00" + "\x09\x00" + "2026-0142"
	matter += string(fill(384-len(matter), 0))
	if got := sampleMatter().marshal(); string(got) != matter {
		t.Errorf("matter blob is\n%s", hex.Dump(got))
	}
	lst := "MFSKLST1" + string(fill(16, 0x11)) + "\x01" + string(fill(7, 0)) + "\x07" + string(fill(7, 0)) +
		string(fill(32, 0xaa)) + string(fill(64, 0)) + "\x02\x00\x00\x00" +
		string(fill(16, 0x22)) + "\x00" + "\x03\x00\x00\x00" + "\x02\x01\x00\x00\x00\x00\x00\x00" + "\x03\x00甲" +
		string(fill(16, 0x33)) + "\x01" + "\x01\x00\x00\x00" + string(fill(8, 0xff)) + "\x09\x002026-0142"
	lst += string(fill(4096-len(lst), 0))
	if got := sampleList().marshal(); string(got) != lst {
		t.Errorf("list is\n%s", hex.Dump(got))
	}
	head := "{\n  \"format\": \"matterfs-keystore-1\",\n  \"store\": \"11111111111111111111111111111111\",\n  \"generation\": 1\n}\n"
	if got := newHeader(crypto.ID(fill(16, 0x11))).marshal(); string(got) != head {
		t.Errorf("header is %s", got)
	}
}

func TestParsersReverse(t *testing.T) {
	var key crypto.Key
	m, err := parseMatter(sampleMatter().marshal(), &key)
	must(t, err)
	if key != *sampleMatter().key || m.matter != "2026-0142" || m.created != 1_780_000_000 {
		t.Errorf("matter blob came back as %q", m.matter)
	}
	l, err := parseList(sampleList().marshal())
	must(t, err)
	if fmt.Sprint(l) != fmt.Sprint(sampleList()) {
		t.Errorf("list came back as %v", l)
	}
}

// Each entry breaks one rule of a format.
func TestParsersRefuse(t *testing.T) {
	lists := map[string]func(l *list){
		"no matter":    func(l *list) { l.keys[0].matter = "" },
		"long matter":  func(l *list) { l.keys[0].matter = strings.Repeat("x", 256) },
		"version 0":    func(l *list) { l.keys[0].version = 0 },
		"a key twice":  func(l *list) { l.keys[1].id = l.keys[0].id },
		"empty id too": func(l *list) { l.keys = append(l.keys, l.keys...) },
	}
	for name, change := range lists {
		l := sampleList()
		change(l)
		if _, err := parseList(l.marshal()); err == nil {
			t.Errorf("list with %s is accepted", name)
		}
	}
	whole := sampleList().marshal()
	state := bytes.Clone(whole)
	state[140+16] = 2
	count := bytes.Clone(whole)
	count[136]++
	for name, b := range map[string][]byte{
		"state 2": state, "wrong count": count, "nothing": nil, "magic only": whole[:8],
		"dirty padding": append(bytes.Clone(whole[:4095]), 1), "no padding": whole[:4095],
		"more padding": append(bytes.Clone(whole), fill(4096, 0)...),
	} {
		if _, err := parseList(b); err == nil {
			t.Errorf("list with %s is accepted", name)
		}
	}
	for _, b := range []string{"", "{}", "null", "[]", strings.ToUpper(string(newHeader(crypto.NewID()).marshal())),
		strings.Replace(string(newHeader(crypto.NewID()).marshal()), ": 1", ": 0", 1),
		strings.Replace(string(newHeader(crypto.NewID()).marshal()), ": 1", ": -1", 1),
		strings.Replace(string(newHeader(crypto.NewID()).marshal()), "-1", "-2", 1),
		string(newHeader(crypto.ID{}).marshal()), string(newHeader(crypto.NewID()).marshal()) + "\n"} {
		if _, err := parseHeader([]byte(b)); err == nil {
			t.Errorf("header %q is accepted", b)
		}
	}
}

func TestHeadAsText(t *testing.T) {
	h := Head{Generation: 7, Hash: [32]byte(fill(32, 0xab))}
	text := "7:" + strings.Repeat("ab", 32)
	if got, err := ParseHead(text); err != nil || got != h || h.String() != text {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "7", ":", "7:ab", "07:" + text[2:], "-" + text, text + " ", strings.ToUpper(text), "18446744073709551616:" + text[2:]} {
		if _, err := ParseHead(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
