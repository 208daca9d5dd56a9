package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"matterfs/internal/as"
)

// namesOnly is a file system of one folder "d" in its root that answers one uid's lookups as
// a test says, so that the tests below can tell what the kernel makes of an answer.
type namesOnly struct {
	fuse.RawFileSystem
	mu      sync.Mutex
	answers []fuse.Status // to the prober's next lookups; the last one stays
	asked   int           // lookups of the prober
}

func (n *namesOnly) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if in.Uid == other {
		if s := n.next(); s != fuse.OK {
			return s
		}
		return fuse.OK // node 0: there is no such name
	}
	if name != "d" {
		return fuse.ENOENT
	}
	out.NodeId, out.Generation = 2, 1
	out.Attr = fuse.Attr{Ino: 2, Mode: syscall.S_IFDIR | 0o755, Nlink: 1}
	return fuse.OK
}

func (n *namesOnly) next() fuse.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	s := n.answers[0]
	if len(n.answers) > 1 {
		n.answers = n.answers[1:]
	}
	return s
}

// say sets the answers and counts from zero.
func (n *namesOnly) say(answers ...fuse.Status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers, n.asked = answers, 0
}

func (n *namesOnly) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *namesOnly) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.Attr = fuse.Attr{Ino: in.NodeId, Mode: syscall.S_IFDIR | 0o755, Nlink: 1}
	return fuse.OK
}

func (n *namesOnly) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.OK }

// mountNames mounts a namesOnly; it is unmounted with the test.
func mountNames(t *testing.T) (*namesOnly, string) {
	t.Helper()
	n := &namesOnly{RawFileSystem: fuse.NewDefaultRawFileSystem()}
	mnt := filepath.Join(as.Dir(t), "mnt")
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := direct{}.Mount(mnt, "names")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := fuse.NewServer(n, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{Name: "names", AllowOther: true})
	if err != nil {
		t.Fatal(err, Unmount(mnt, true))
	}
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve() }()
	t.Cleanup(func() {
		if err := Unmount(mnt, true); err != nil {
			t.Error(err)
		}
		<-done
	})
	return n, mnt
}

// A name cannot be refused with ENOENT, nor with any other errno but ENOMEM and EINTR, without
// taking it from those who work there: the kernel has one entry for all users and drops what
// was refused to one of them. This is why a guesser is answered ENOMEM.
func TestKernelDropsRefusedNames(t *testing.T) {
	n, mnt := mountNames(t)
	member, prober := as.Start(t, lina), as.Start(t, other)
	dir := filepath.Join(mnt, "d")
	for _, c := range []struct {
		name  string
		say   fuse.Status
		keeps bool
	}{
		{"node 0", fuse.OK, false},
		{"ENOENT", fuse.ENOENT, false},
		{"EACCES", fuse.EACCES, false},
		{"ESTALE", fuse.Status(syscall.ESTALE), false},
		{"EIO", fuse.EIO, false},
		{"ENOMEM", fuse.Status(syscall.ENOMEM), true},
		{"EINTR", fuse.EINTR, true},
	} {
		member.Does(member.Chdir(dir))
		if cwd, err := member.Getcwd(); err != nil || cwd != dir {
			t.Fatalf("getcwd before: %q, %v", cwd, err)
		}
		n.say(c.say)
		if _, err := prober.Stat(dir); err == nil {
			t.Errorf("%s: the prober sees the name", c.name)
		}
		asked, want := n.count(), 2 // once for the entry, which is dropped, and once again without
		if c.keeps {
			want = 1
		}
		if c.name == "ESTALE" {
			want = 3 // the walk begins again
		}
		if asked != want {
			t.Errorf("%s: %d lookups, want %d", c.name, asked, want)
		}
		if cwd, err := member.Getcwd(); (err == nil) != c.keeps {
			t.Errorf("%s: getcwd of who works there: %q, %v", c.name, cwd, err)
		}
		if _, err := member.Stat(dir); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if cwd, err := member.Getcwd(); err != nil || cwd != dir {
			t.Errorf("%s: getcwd after a walk of their own: %q, %v", c.name, cwd, err)
		}
	}
}

// A name that is in use makes the kernel ask its prober twice, an absent one once. Whoever
// counts misses must know which it is.
func TestKernelAsksTwiceForNamesInUse(t *testing.T) {
	n, mnt := mountNames(t)
	member, prober := as.Start(t, lina), as.Start(t, other)
	used, absent := filepath.Join(mnt, "d"), filepath.Join(mnt, "e")
	for name, call := range map[string]func(string) error{
		"stat":    func(p string) error { _, err := prober.Stat(p); return err },
		"open":    func(p string) error { _, err := prober.Open(p, os.O_RDONLY, 0); return err },
		"O_PATH":  func(p string) error { _, err := prober.Open(p, 0o10000000, 0); return err },
		"below":   func(p string) error { _, err := prober.Stat(p + "/x"); return err },
		"chdir":   prober.Chdir,
		"rmdir":   prober.Rmdir,
		"mkdir":   prober.Mkdir,
		"symlink": func(p string) error { return prober.Symlink("x", p) },
	} {
		n.say(fuse.ENOENT)
		for path, want := range map[string]int{used: 2, absent: 1} {
			member.Does(member.Chdir(used)) // the kernel knows the name
			n.say(fuse.ENOENT)
			if call(path) == nil {
				t.Errorf("%s: the prober sees %s", name, path)
			}
			if got := n.count(); got != want {
				t.Errorf("%s %s: %d lookups, want %d", name, filepath.Base(path), got, want)
			}
		}
	}
}
