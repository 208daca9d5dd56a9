//go:build apps

package apptest

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestSharedMappings: what one member writes through a mapping, the other reads through a mapping and through read(2),
// and it is there after everything was closed.
func TestSharedMappings(t *testing.T) {
	s := open(t)
	const size = 1 << 20
	path := s.path("映射.bin")
	s.zhang.Writes(path, strings.Repeat("-", size))
	mine, err := s.zhang.Opens(path, os.O_RDWR, 0).Map(0, size, true)
	must(t, err)
	theirs, err := s.li.Opens(path, os.O_RDONLY, 0).Map(0, size, false)
	must(t, err)
	file := s.li.Opens(path, os.O_RDONLY, 0)
	mark := []byte("共享内存中的一行")
	for _, off := range []int64{0, 4090, 500_000, size - int64(len(mark))} {
		s.zhang.Does(mine.Write(mark, off))
		if got, err := theirs.Read(off, len(mark)); err != nil || !bytes.Equal(got, mark) {
			t.Errorf("mapped at %d: %q, %v", off, got, err)
		}
		s.zhang.Does(mine.Sync())
		if got, err := file.ReadAt(off, len(mark)); err != nil || !bytes.Equal(got, mark) {
			t.Errorf("read at %d: %q, %v", off, got, err)
		}
	}
	s.zhang.Does(mine.Unmap())
	s.li.Does(theirs.Unmap())
	content, err := s.li.ReadFile(path)
	if err != nil || len(content) != size || bytes.Count(content, mark) != 4 {
		t.Errorf("%d bytes with %d marks, %v", len(content), bytes.Count(content, mark), err)
	}
}

// TestProgramsRunFromTheDrive: exec maps the program; the executable bit was kept.
func TestProgramsRunFromTheDrive(t *testing.T) {
	s := open(t)
	s.runs(s.zhang, s.dir, "cp", "/bin/true", "工具")
	s.runs(s.li, s.dir, "./工具")
	s.zhang.Writes(s.path("脚本.sh"), "#!/bin/sh\necho 已运行\n")
	s.zhang.Does(s.zhang.Chmod(s.path("脚本.sh"), 0o755))
	if got := s.runs(s.zhang, s.dir, "./脚本.sh"); got != "已运行\n" {
		t.Errorf("the script says %q", got)
	}
}
