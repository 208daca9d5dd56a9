package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "audit.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := note.NewEd25519VerifierKey("matterfs-audit/00112233445566778899aabbccddeeff", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	ahead := filepath.Join(t.TempDir(), "cursor")
	cursor := `{"target":"file:` + filepath.Join(filepath.Dir(dir), "out") + `","seq":7,"hash":"` + strings.Repeat("00", 32) + `"}`
	if err := os.WriteFile(ahead, []byte(cursor), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code       int
		args, says string
	}{
		{2, "nonsense", "unknown command"},
		{2, "query usr=a " + dir, `did you mean "user"`},
		{2, "verify " + dir, "--store-id"},
		{1, "query ok " + filepath.Join(dir, "none"), "no such file"},
		{0, "query ok --count --no-index " + dir, "副本"},
		{1, "prove 1 --dir " + dir, "record 1: is not in the log"},
		{2, "prove --check " + text, "--key"},
		{2, "prove --check " + text + " --key a+b", "--key: verification key"},
		{10, "prove --check " + text + " --key " + key, "is no proof"},
		{0, "verify --store-id 00112233445566778899aabbccddeeff " + dir, ""},
		{1, "checkpoint " + dir, "no seal yet"},
		{2, "export " + dir, "--to"},
		{2, "export --to syslog+tcp://10.0.0.1:601 " + dir, "in clear only"},
		{0, "export --to file:" + filepath.Join(dir, "..", "out") + " --cursor " + filepath.Join(dir, "cursor", "x") + " " + dir, "副本"},
		{12, "export --to file:" + filepath.Join(dir, "..", "out") + " --cursor " + ahead + " " + dir, "was sent, and the log ends with record 0"},
	} {
		var out, talk bytes.Buffer
		env := func(name string) string { return map[string]string{"LANG": "zh_CN.UTF-8"}[name] }
		if code := run(strings.Fields(c.args), &out, &talk, env); code != c.code || !strings.Contains(talk.String(), c.says) {
			t.Errorf("%s: code %d, %q, %q", c.args, code, &out, &talk)
		}
	}
}
