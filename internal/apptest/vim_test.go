//go:build apps

package apptest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"matterfs/internal/as"
)

// vim edits a file by ex commands, without any configuration but that given.
func (s *site) vim(u *as.User, file string, commands ...string) {
	s.t.Helper()
	argv := []string{"vim", "-es", "-N", "-u", "NONE", "-i", "NONE"}
	for _, c := range commands {
		argv = append(argv, "-c", c)
	}
	s.runs(u, s.dir, append(argv, "--", file)...)
}

// TestVimSaves: each way in which vim can replace a file keeps content, mode and backup right, and leaves no swap.
func TestVimSaves(t *testing.T) {
	s := open(t)
	for _, way := range []string{"yes", "no", "auto", "auto,breakhardlink"} {
		for _, backup := range []string{"backup", "nobackup writebackup", "nobackup nowritebackup"} {
			name := fmt.Sprintf("%s-%s.txt", way, strings.ReplaceAll(backup, " ", "-"))
			s.zhang.Writes(s.path(name), "第一行\n")
			s.zhang.Does(s.zhang.Chmod(s.path(name), 0o750))
			s.vim(s.zhang, name, "set backupdir=. backupskip= directory=. fileencoding=utf-8", "set backupcopy="+way, "set "+backup,
				"normal o第二行", "wq")
			s.zhang.Reads(s.path(name), "第一行\n第二行\n")
			if st, err := s.zhang.Stat(s.path(name)); err != nil || st.Perm() != 0o750 || st.UID != lead {
				t.Errorf("%s: %+v, %v, want mode 0750 of uid %d", name, st, err, lead)
			}
			if backup == "backup" {
				s.zhang.Reads(s.path(name+"~"), "第一行\n")
			}
		}
	}
	s.noSwap()
}

// noSwap fails the test when a swap file is left.
func (s *site) noSwap() {
	s.t.Helper()
	names, err := s.zhang.ReadDir(s.dir)
	must(s.t, err)
	for _, n := range names {
		if strings.Contains(n, ".sw") {
			s.t.Errorf("swap file %q is left", n)
		}
	}
}

// TestVimLongNames: 240 bytes leave room for vim's own prefix and suffixes.
func TestVimLongNames(t *testing.T) {
	s := open(t)
	for _, name := range []string{strings.Repeat("案", 80), strings.Repeat("卷", 78) + "ab.txt", strings.Repeat("x", 240)} {
		said := filepath.Join(s.shared(), "swap")
		s.vim(s.zhang, name, "set directory=. backup backupdir=. backupskip=", "normal i甲方", "write", "normal o乙方", "preserve",
			fmt.Sprintf("call writefile([swapname('%%'), filereadable(swapname('%%'))], '%s')", said), "wq")
		s.zhang.Reads(s.path(name), "甲方\n乙方\n")
		s.zhang.Reads(s.path(name+"~"), "甲方\n")
		s.zhang.Reads(said, s.path("."+name+".swp")+"\n1\n")
	}
	s.noSwap()
}

// TestVimSavesFilesOfOthers: a member edits the lead's file, whose mode bits would forbid it on an ordinary disk.
func TestVimSavesFilesOfOthers(t *testing.T) {
	s := open(t)
	s.zhang.Writes(s.path("合同.txt"), "甲\n")
	s.zhang.Does(s.zhang.Chmod(s.path("合同.txt"), 0o666))
	s.vim(s.li, "合同.txt", "set directory=. backup backupdir=. backupskip=", "normal o乙", "wq!")
	s.zhang.Reads(s.path("合同.txt"), "甲\n乙\n")
	s.zhang.Reads(s.path("合同.txt~"), "甲\n")
}

// TestVimOnATerminal types into a real vim: its swap file is there while it runs and gone after.
func TestVimOnATerminal(t *testing.T) {
	s := open(t)
	sock := filepath.Join(s.home(lead), "tmux")
	tmux := func(argv ...string) {
		s.runs(s.zhang, s.dir, append([]string{"tmux", "-S", sock, "-f", "/dev/null"}, argv...)...)
	}
	tmux("new-session", "-d", "-x", "80", "-y", "24", "vim -N -u NONE -i NONE -c 'set directory=. updatecount=1' 笔录.txt")
	eventually(t, "vim has its swap file", func() bool {
		_, err := s.zhang.Stat(s.path(".笔录.txt.swp"))
		return err == nil
	})
	tmux("send-keys", "i问:货物何时交付?", "Enter", "答:六月底。", "Escape", ":w", "Enter")
	eventually(t, "vim has saved", func() bool {
		b, err := s.zhang.ReadFile(s.path("笔录.txt"))
		return err == nil && string(b) == "问:货物何时交付?\n答:六月底。\n"
	})
	tmux("send-keys", ":q", "Enter")
	eventually(t, "vim has ended", func() bool { return s.tries(s.zhang, s.dir, "tmux", "-S", sock, "has-session").Code != 0 })
	s.noSwap()
}
