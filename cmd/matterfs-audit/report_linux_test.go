package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"matterfs/audit"
)

// clientLog is a sealed log of two clients, with the key that init would have printed.
func clientLog(t *testing.T) (dir, key string) {
	t.Helper()
	top := t.TempDir()
	o := audit.Options{Dir: filepath.Join(top, "log"), StateDir: filepath.Join(top, "state"), StoreID: storeA, Seal: true}
	if err := errors.Join(os.Mkdir(o.Dir, 0o700), os.Mkdir(o.StateDir, 0o700)); err != nil {
		t.Fatal(err)
	}
	key, err := audit.InitKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		r := audit.Record{Ev: "open", Res: "ok", User: "li.na", UID: 7, HasUID: true, AUID: -1, OUID: -1, Matter: "2026-0142", Client: "C0091",
			FID: fmt.Sprintf("%032d", i%3), Path: fmt.Sprintf("证据/%d.docx", i%3), H: uint64(i + 1), Rule: "member.user", Purpose: "庭审质证"}
		switch i % 4 {
		case 1:
			r.Matter, r.Client = "2026-0177", "C0117"
		case 2:
			r.Purpose = "与C0117比对"
		case 3:
			r.Res, r.Rule = "deny", "wall.W-07"
		}
		shut := r
		shut.Ev, shut.Flags = "close", "read=100,written=0"
		list := []*audit.Record{&r, &shut}
		if r.Res == "deny" {
			list = list[:1]
		}
		for _, r := range list {
			if _, err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return o.Dir, key
}

// A client checks with the verification key alone that what the report says of them stands in the log, and reads of nobody else.
func TestClientChecksTheReportWithTheKeyAlone(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, key := clientLog(t)
	out := t.TempDir()
	file, proof := filepath.Join(out, "C0091.csv"), filepath.Join(out, "C0091.proof")
	do(t, 0, "report", "client", "client=C0091", dir, "--out", file, "--proofs", proof, "--utc")
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil { // the client has no log
		t.Fatal(err)
	}
	table, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines, _ := do(t, 0, "prove", "--check", proof, "--key", key, "--json")
	if strings.Contains(string(table)+lines, "C0117") || strings.Contains(string(table)+lines, "2026-0177") || strings.Contains(lines, "wall.") {
		t.Errorf("another client is named:\n%s\n%s", table, lines)
	}
	proved, rows := 0, 0
	for row := range strings.SplitSeq(string(table), "\r\n") {
		cells := strings.Split(row, ",")
		if cells[0] != "accesses" {
			continue
		}
		rows++
		if cells[len(cells)-1] != "true" {
			continue
		}
		proved++
		for _, seq := range slices.Compact([]string{cells[1], cells[len(cells)-2]}) {
			if !strings.Contains(lines, `{"seq":`+seq+`,`) {
				t.Errorf("record %s of the row %q is not proved", seq, row)
			}
		}
	}
	if rows != 9 || proved != 3 {
		t.Errorf("%d rows, %d proved", rows, proved)
	}
	// The control: a record that is changed afterwards has no proof.
	b, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "extra ") + 40
	b[at] ^= 1
	if err := os.WriteFile(proof, b, 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, 10, "prove", "--check", proof, "--key", key)
}

func TestReportExitCodes(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir, _ := sealedLog(t, storeA)
	out, talk := do(t, 0, "report", "matter", "matter=2026-0142", dir)
	if !strings.Contains(out, "Register of matter 2026-0142") || !strings.Contains(talk, "not recorded") {
		t.Errorf("%q, %q", out, talk)
	}
	if _, talk = do(t, 1, "report", "matter", "matter=2026-0143", dir); !strings.Contains(talk, `did you mean "2026-0142"?`) {
		t.Errorf("%q", talk)
	}
	do(t, 2, "report", "matters", dir)
	do(t, 2, "report", "matter", dir)
	do(t, 2, "report")
	do(t, 1, "report", "denied", filepath.Join(dir, "none"))
	if _, talk = do(t, 1, "report", "client", "client=C1", dir, "--proofs", filepath.Join(t.TempDir(), "p")); !strings.Contains(talk, "neither in the log") {
		t.Errorf("%q", talk)
	}
}
