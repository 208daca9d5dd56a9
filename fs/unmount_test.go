package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// fuseDescriptors counts this process's descriptors of /dev/fuse.
func fuseDescriptors(t *testing.T) int {
	t.Helper()
	list, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range list {
		if to, _ := os.Readlink(l); to == "/dev/fuse" {
			n++
		}
	}
	return n
}

// A lazy unmount takes the drive from the tree at once; whoever has a file open finishes,
// and then nothing of the drive is left.
func TestLazyUnmount(t *testing.T) {
	before := fuseDescriptors(t)
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方")
	f := lead.Opens(d.in("合同.txt"), os.O_RDWR, 0)
	m, err := f.Map(0, 6, true)
	if err != nil {
		t.Fatal(err)
	}
	lead.Does(d.srv.Unmount(true))
	if _, err := os.Stat(d.in("")); !os.IsNotExist(err) {
		t.Errorf("the drive is still in the tree: %v", err)
	}
	lead.Does(m.Write([]byte("乙"), 0))
	if b, err := f.ReadAt(0, 6); err != nil || string(b) != "乙方" {
		t.Errorf("after the lazy unmount: %q, %v", b, err)
	}
	lead.Does(m.Unmap())
	lead.Does(f.Close())
	<-d.done
	if s := d.srv.Stats(); s.Handles != 0 || s.Nodes != 0 {
		t.Errorf("after the last close: %+v", s)
	}
	eventually(t, func() (int, error) {
		after := fuseDescriptors(t)
		if after > before {
			return after, fmt.Errorf("%d descriptors of /dev/fuse, %d before the mount", after, before)
		}
		return after, nil
	})
}

// channelFD is the descriptor that notifications are sent over, -1 when there is none.
func channelFD(d *drive) int {
	d.srv.kernel.mu.RLock()
	defer d.srv.kernel.mu.RUnlock()
	return d.srv.kernel.fd
}

// After the drive is gone a late change of policy reaches nobody: the number of its
// descriptor may be someone else's file.
func TestNoNotificationAfterUnmount(t *testing.T) {
	d := mountFirm(t)
	number := channelFD(d)
	d.unmount()
	victim, err := os.Create(t.TempDir() + "/document")
	if err != nil {
		t.Fatal(err)
	}
	defer victim.Close()
	again, err := unix.FcntlInt(victim.Fd(), unix.F_DUPFD_CLOEXEC, number)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(again)
	if channelFD(d) == number {
		t.Errorf("the channel still has descriptor %d", number)
	}
	d.srv.SetPolicy(parse(t, firm()))
	d.srv.voidNames()
	for _, err := range []error{d.srv.kernel.incEpoch(), d.srv.kernel.expireEntry(1, matter1)} {
		if err != unix.EBADF {
			t.Errorf("a notification after the unmount: %v, want EBADF", err)
		}
	}
	if st, err := victim.Stat(); err != nil || st.Size() != 0 {
		t.Errorf("a stranger's file got %d bytes, %v", st.Size(), err)
	}
}
