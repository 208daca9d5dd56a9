package audit

import (
	"encoding/hex"
	"os"
	"strings"
)

// bootID names the running boot (random(4)): within one boot the page cache keeps what was written, whatever happens to the
// process. All zero when it cannot be read.
func bootID() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return id
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", ""))
	if err != nil || len(raw) != len(id) {
		return id
	}
	return [16]byte(raw)
}
