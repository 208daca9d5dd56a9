package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/audit"
)

const storeA = "00112233445566778899aabbccddeeff"

// sealedLog is a small log with seals, and the key that init would have printed.
func sealedLog(t *testing.T, id string) (dir, key string) {
	t.Helper()
	top := t.TempDir()
	o := audit.Options{Dir: filepath.Join(top, "log"), StateDir: filepath.Join(top, "state"), StoreID: id, Seal: true}
	for _, d := range []string{o.Dir, o.StateDir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	key, err := audit.InitKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"zhang.wei", "li.na", "zhang.wei"} {
		if _, err := l.Append(&audit.Record{Ev: "open", Res: "ok", User: user, Matter: "2026-0142", Path: "=合同.docx", AUID: -1, OUID: -1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return o.Dir, key
}

// do runs a command and returns what it printed, in English.
func do(t *testing.T, code int, args ...string) (out, talk string) {
	t.Helper()
	var o, e bytes.Buffer
	if got := run(args, &o, &e, func(string) string { return "" }); got != code {
		t.Errorf("%q: code %d, want %d: %s%s", args, got, code, &o, &e)
	}
	return o.String(), e.String()
}

// A bundle is checked where there is nothing but itself and the key.
func TestBundleIsCheckedWithTheKeyAlone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	log, key := sealedLog(t, storeA)
	_, otherKey := sealedLog(t, storeA)
	zip := filepath.Join(t.TempDir(), "evidence.zip")
	do(t, 0, "bundle", "user=zhang.wei", log, "--out", zip)
	do(t, 1, "bundle", "user=zhang.wei", log, "--out", zip) // never over another
	if err := os.RemoveAll(log); err != nil {
		t.Fatal(err)
	}
	out, talk := do(t, 0, "bundle", "--check", zip, "--key", key)
	if strings.Count(out, "zhang.wei") != 2 || strings.Contains(out, "li.na") || !strings.Contains(talk, "proof ok: 2 records") {
		t.Errorf("%s%s", out, talk)
	}
	do(t, 10, "bundle", "--check", zip, "--key", otherKey)
	do(t, 2, "bundle", "--check", zip)
}

// A proof from one log is none for another.
func TestProofOfAnotherStore(t *testing.T) {
	log, key := sealedLog(t, storeA)
	other, _ := sealedLog(t, "ffeeddccbbaa99887766554433221100")
	proof := filepath.Join(t.TempDir(), "proof")
	do(t, 0, "prove", "2", "--dir", log, "--file", proof)
	do(t, 0, "prove", "--check", proof, "--key", key)
	do(t, 0, "prove", "2", "--dir", other, "--file", proof)
	do(t, 10, "prove", "--check", proof, "--key", key)
	out, _ := do(t, 0, "verify", log, "--key", key)
	if !strings.Contains(out, "log ok: ") {
		t.Errorf("%s", out)
	}
}
