package cli

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// The drawing is the code: each character stands for two of its modules, with
// the quiet zone around it.
func TestQRTextIsTheCode(t *testing.T) {
	text := "matterfs-audit/00112233445566778899aabbccddeeff+01234567+ARq8mZ"
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := QRText(text)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]rune
	for line := range strings.Lines(drawn) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[38;5;16;48;5;231m"), "\x1b[0m\n")
		rows = append(rows, []rune(line))
	}
	if want := (code.Size + 9) / 2; len(rows) != want || len(rows[0]) != code.Size+8 {
		t.Fatalf("%d rows of %d, want %d of %d", len(rows), len(rows[0]), want, code.Size+8)
	}
	for y := range code.Size + 8 {
		for x := range code.Size + 8 {
			half := "▀█"
			if y%2 == 1 {
				half = "▄█"
			}
			if dark := strings.ContainsRune(half, rows[y/2][x]); dark != code.Black(x-4, y-4) {
				t.Fatalf("module %d,%d is drawn dark: %v", x-4, y-4, dark)
			}
		}
	}
	if _, err := QRText(strings.Repeat("x", 4000)); err == nil {
		t.Error("a text that no code can hold is drawn")
	}
}
