//go:build apps

package apptest

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree writes 2,000 files in 40 folders to a plain directory: Chinese names of up to 255 bytes, sizes around the block
// size, executables, old times, symbolic links, an empty folder.
func tree(t *testing.T, root string) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 200, 4095, 4096, 4097, 9000, 20000}
	for i := range 2000 {
		dir := filepath.Join(root, fmt.Sprintf("案卷%02d", i%40))
		if i%40 == 39 {
			dir = filepath.Join(dir, strings.Repeat("深", 1+i%20), "下级")
		}
		must(t, os.MkdirAll(dir, 0o755))
		path := filepath.Join(dir, nameOf(i))
		content := make([]byte, sizes[i%len(sizes)])
		for k := range content {
			content[k] = byte(rnd.Uint32())
		}
		must(t, os.WriteFile(path, content, 0o644), os.Chmod(path, os.FileMode(0o600|i%8*0o011)))
		when := time.Unix(1_600_000_000+int64(i)*86_400, int64(i)*1_000_003%1_000_000_000)
		must(t, os.Chtimes(path, when, when))
	}
	must(t, os.Mkdir(filepath.Join(root, "空"), 0o755))
	must(t, os.Symlink("案卷00/"+nameOf(0), filepath.Join(root, "链接")), os.Symlink(strings.Repeat("远/", 300)+"处", filepath.Join(root, "断链")))
}

// nameOf is a name of 4 to 255 bytes, mostly Chinese.
func nameOf(i int) string {
	number := fmt.Sprint(i)
	fill := i % 85
	for len(number)+3*fill > 255 {
		fill--
	}
	name := number + strings.Repeat("证", fill)
	if i%85 == 84 {
		name += strings.Repeat("x", 255-len(name))
	}
	return name
}

// manifest describes a tree: one line for each entry with what must survive a round trip.
func manifest(t *testing.T, root string) map[string]string {
	t.Helper()
	list := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		line, err := describe(path)
		list[strings.TrimPrefix(path, root)] = line
		return err
	}))
	return list
}

func describe(path string) (string, error) {
	st, err := os.Lstat(path)
	switch {
	case err != nil:
		return "", err
	case st.IsDir():
		return "dir " + st.Mode().String(), nil
	case st.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return "link " + to, err
	}
	content, err := os.ReadFile(path)
	return fmt.Sprintf("%s %d %x %s", st.Mode(), st.Size(), sha256.Sum256(content), st.ModTime().UTC()), err
}

// same compares what came back with what was sent.
func same(t *testing.T, sent, back string) {
	t.Helper()
	want, got := manifest(t, sent), manifest(t, back)
	if len(want) < 2000 {
		t.Fatalf("only %d entries were sent", len(want))
	}
	bad := 0
	for path, line := range want {
		if got[path] != line && path != "" {
			if bad++; bad <= 5 {
				t.Errorf("%q came back as %q, want %q", path, got[path], line)
			}
		}
	}
	if bad > 0 || len(got) != len(want) {
		t.Errorf("%d entries differ; %d came back, want %d", bad, len(got), len(want))
	}
}

// sent makes the tree and an empty directory for what comes back, both the user's own.
func (s *site) sent() (src, back string) {
	src, back = filepath.Join(s.shared(), "src"), filepath.Join(s.shared(), "back")
	must(s.t, os.Mkdir(src, 0o755), os.Mkdir(back, 0o755), os.Chown(back, member, member))
	tree(s.t, src)
	s.command("chown", "-Rh", fmt.Sprintf("%d:%d", member, member), src)
	return src, back
}

func TestRsync(t *testing.T) {
	s := open(t)
	src, back := s.sent()
	there := s.path("收到")
	s.runs(s.li, "/", "rsync", "-a", src+"/", there+"/")
	if diff := s.runs(s.li, "/", "rsync", "-anci", "--delete", src+"/", there+"/"); diff != "" {
		t.Errorf("rsync itself sees differences:\n%s", diff)
	}
	s.runs(s.li, "/", "rsync", "-a", there+"/", back+"/")
	same(t, src, back)

	// A second run over changed and removed files replaces and deletes.
	s.li.Does(s.li.WriteFile(filepath.Join(src, "链接"), []byte("改过")))
	s.li.Does(s.li.Remove(filepath.Join(src, "断链")))
	s.runs(s.li, "/", "rsync", "-a", "--delete", src+"/", there+"/")
	s.runs(s.li, "/", "rsync", "-a", "--delete", there+"/", back+"/")
	same(t, src, back)
}

func TestTar(t *testing.T) {
	s := open(t)
	src, back := s.sent()
	there, file := s.path("解开"), s.path("全部.tar")
	s.li.Does(s.li.Mkdir(there))
	s.runs(s.li, src, "tar", "--format=posix", "-cf", file, ".")
	s.runs(s.li, there, "tar", "-xpf", file)
	s.runs(s.li, there, "tar", "-df", file)
	s.runs(s.li, there, "sh", "-c", "tar --format=posix -cf - . | tar -xpf - -C "+back)
	same(t, src, back)
	s.runs(s.li, s.dir, "rm", "-rf", there)
	s.li.Lists(s.dir, "全部.tar")
}
