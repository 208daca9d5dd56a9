//go:build apps

package apptest

import (
	"fmt"
	"strings"
	"testing"
)

// TestGit keeps a history in the matter: 200 documents, branches, a local clone that cannot use hard links, a repack
// and a full check.
func TestGit(t *testing.T) {
	s := open(t)
	git := func(dir string, argv ...string) string { return s.runs(s.li, dir, append([]string{"git"}, argv...)...) }
	for key, value := range map[string]string{"user.name": "李娜", "user.email": "li.na@example.com", "init.defaultBranch": "main",
		"core.quotePath": "false", "gc.auto": "0"} {
		git(s.dir, "config", "--global", key, value)
	}
	repo := s.path("卷宗")
	git(s.dir, "init", "-q", repo)
	for i := range 200 {
		s.li.Writes(fmt.Sprintf("%s/证据-%03d.txt", repo, i), strings.Repeat(fmt.Sprintf("第%d号证据\n", i), i+1))
	}
	git(repo, "add", ".")
	git(repo, "commit", "-q", "-m", "收录证据")
	git(repo, "checkout", "-q", "-b", "修订")
	s.li.Does(s.li.Append(repo+"/证据-000.txt", []byte("补正\n")))
	s.li.Does(s.li.Rename(repo+"/证据-001.txt", repo+"/证据-001-更名.txt"))
	git(repo, "add", "-A")
	git(repo, "commit", "-q", "-m", "补正")
	git(repo, "checkout", "-q", "main")
	git(repo, "merge", "-q", "--no-ff", "-m", "合并", "修订")

	s.cloneAndCheck(git, repo)
}

// cloneAndCheck clones beside the repository and lets git check both to the last byte.
func (s *site) cloneAndCheck(git func(string, ...string) string, repo string) {
	copyDir := s.path("副本")
	git(s.dir, "clone", "-q", repo, copyDir)
	git(repo, "gc", "-q", "--aggressive", "--prune=now")
	for _, dir := range []string{repo, copyDir} {
		git(dir, "fsck", "--full", "--strict", "--no-dangling")
		if dirty := git(dir, "status", "--porcelain"); dirty != "" {
			s.t.Errorf("%s is not clean:\n%s", dir, dirty)
		}
		if n := strings.Count(git(dir, "ls-files"), "\n"); n != 200 {
			s.t.Errorf("%s has %d files, want 200", dir, n)
		}
	}
	if a, b := git(repo, "rev-parse", "HEAD"), git(copyDir, "rev-parse", "HEAD"); a != b {
		s.t.Errorf("the clone is at %s, want %s", b, a)
	}
	s.li.Reads(copyDir+"/证据-000.txt", "第0号证据\n补正\n")
}
