package audit

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

const testStore = "00112233445566778899aabbccddeeff"

// sample is a record as a read makes it, like the one in FORMAT.md.
func sample(i int) *Record {
	return &Record{Ev: "read", Res: "ok", User: "zhang.wei", UID: 10021, HasUID: true, AUID: 10021, OUID: -1, PID: 48213,
		Exe: "/usr/lib/libreoffice/program/soffice.bin", Comm: "soffice.bin", Matter: "2026-0142", Client: "C0091", Level: "机密",
		Path: fmt.Sprintf("证据/合同-%04d.docx", i), FID: "9c1e0000000000000000000000000000", H: 71233,
		Off: 0, Len: 131072, Req: 131072, HasRange: true, Rule: "member.lead", Pol: "9f2c1a7be0d4", Purpose: "庭审质证"}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// splitLines gives the lines of a log, LF included.
func splitLines(b []byte) [][]byte {
	l := bytes.SplitAfter(b, []byte("\n"))
	return l[:len(l)-1]
}

// wantProblem fails unless there is a problem of that kind at that line of the live file.
func wantProblem(t testing.TB, rep *Report, code int, kind string, line int) {
	t.Helper()
	if rep.Code() != code {
		t.Errorf("code %d, want %d: %v", rep.Code(), code, rep.Problems)
	}
	for _, p := range rep.Problems {
		if p.Kind == kind && p.Line == line {
			return
		}
	}
	t.Errorf("no problem %q at line %d: %v", kind, line, rep.Problems)
}
