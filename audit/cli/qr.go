package cli

import (
	"strings"

	"rsc.io/qr"
)

// QRText draws a QR code with block characters, two rows of the code a line,
// dark on light whatever the terminal's colours are.
func QRText(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const margin = 4 // the quiet zone that scanners need (ISO 18004)
	blocks := [...]string{" ", "▀", "▄", "█"}
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		b.WriteString("\x1b[38;5;16;48;5;231m")
		for x := -margin; x < code.Size+margin; x++ {
			i := 0
			if code.Black(x, y) {
				i = 1
			}
			if code.Black(x, y+1) {
				i += 2
			}
			b.WriteString(blocks[i])
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}
