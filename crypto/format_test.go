package crypto

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// FORMAT.md must say what the code does.
func TestFormatDocument(t *testing.T) {
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, size := range []int{0, 1, 4096, 4097, 10000, 1 << 20, 1 << 30} {
		full, rest := size/BlockSize, size%BlockSize
		blocks, disk := full, HeaderSize+full*BlockStride
		if rest > 0 {
			blocks, disk = blocks+1, disk+rest+LabelSize+PackageOverhead
		}
		mustSay(t, doc, fmt.Sprintf("| %s | %s | %s |", commas(size), commas(blocks), commas(disk)))
	}
	mustSay(t, doc, fmt.Sprintf("One package of %s bytes under the meta key; its payload of %s bytes", commas(SlotSize), commas(slotPayload)))
	mustSay(t, doc, fmt.Sprintf("A `.mfs.dir` has %s bytes: a prefix, at offset %d one package of %s bytes", commas(DirSize), PrefixSize, commas(dirPackage)))
	mustSay(t, doc, fmt.Sprintf("payload of %s bytes:", commas(dirPayload)))
	mustSay(t, doc, fmt.Sprintf("under the data key: %s bytes when full", commas(BlockStride)))
	mustSay(t, doc, fmt.Sprintf("A commit record's package has %d bytes under the meta key; its payload of %d bytes", CommitSize, commitPayload))
	mustSay(t, doc, fmt.Sprintf("A record of a full block has %s bytes, one of a block of b bytes b + %d.", commas(RecordIndex+BlockStride), RecordIndex+LabelSize+PackageOverhead))
	mustSay(t, doc, fmt.Sprintf("| 1 MiB, aligned, of full blocks | %s |", commas(256*(RecordIndex+BlockStride))))
	mustSay(t, doc, fmt.Sprintf("| %s + %d |", commas(1100+RecordIndex+LabelSize+PackageOverhead), RecordIndex+CommitSize))
	mustSay(t, doc, fmt.Sprintf("| 128 | %d | zeros |", slotPayload-slotEnd))
	mustSay(t, doc, fmt.Sprintf("| %d | %d | zeros |", offPrefixZeros, PrefixSize-offPrefixZeros))
	mustSay(t, doc, fmt.Sprintf("| 0x%04x | %d | prefix (4) |", 0, PrefixSize))
	mustSay(t, doc, fmt.Sprintf("| 0x%04X | %d | zeros |", PrefixSize+2*SlotSize, HeaderSize-PrefixSize-2*SlotSize))
}

func TestFormatDocumentNames(t *testing.T) {
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	n := newNames(t)
	for from := 1; from <= MaxName; from += namePad {
		to := min(from+namePad-1, MaxName)
		stored, long, err := n.Seal(ID{}, strings.Repeat("n", to))
		if err != nil {
			t.Fatal(err)
		}
		sealed := (to+namePad-1)/namePad*namePad + 16
		row := fmt.Sprintf("| %d to %d bytes | %d | %d characters | |", from, to, sealed, len(stored))
		if long != nil {
			row = fmt.Sprintf("| %d to %d bytes | %d | `.l.` + %d characters | %d bytes |", from, to, sealed, len(stored)-3, len(long))
		}
		mustSay(t, string(b), row)
	}
}

// The offsets of the document's tables of plaintext layouts follow each other:
// no byte is left out or told twice.
func TestFormatTablesAreWhole(t *testing.T) {
	b, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for section, size := range map[string]int{"\n## 4.": PrefixSize, "\n## 5.": slotPayload, "\n## 6.": dirFixed, "its payload of 64 bytes": commitPayload} {
		at := 0
		for offset, n := range tableRows(t, b, section) {
			if offset != at {
				t.Errorf("%q: a row at %d, the one before ends at %d", section, offset, at)
			}
			at = offset + n
		}
		if at != size {
			t.Errorf("%q: the table ends at %d, want %d", section, at, size)
		}
	}
}

// tableRows yields offset and size of the rows that begin with two numbers.
func tableRows(t *testing.T, doc []byte, section string) func(yield func(int, int) bool) {
	_, rest, found := bytes.Cut(doc, []byte(section))
	if !found {
		t.Fatalf("no section %q", section)
	}
	rest, _, _ = bytes.Cut(rest, []byte("\n## "))
	return func(yield func(int, int) bool) {
		for line := range strings.Lines(string(rest)) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 {
				continue
			}
			offset, err1 := strconv.Atoi(strings.TrimSpace(cells[1]))
			n, err2 := strconv.Atoi(strings.TrimSpace(cells[2]))
			if err1 == nil && err2 == nil && !yield(offset, n) {
				return
			}
		}
	}
}

func mustSay(t *testing.T, doc, want string) {
	t.Helper()
	if !strings.Contains(doc, want) {
		t.Errorf("FORMAT.md lacks %q", want)
	}
}

// commas writes 10000 as 10,000.
func commas(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
