package fs

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"matterfs/internal/as"
)

// TestOpenFilesOfOneUser: without the limit a member can hold so many files open that nobody
// else is served. With it only they are refused, nothing is made, and what they close they may
// open again.
func TestOpenFilesOfOneUser(t *testing.T) {
	const limit = 5
	d := mountFirm(t)
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	files := d.srv.fs.handles
	open := func(i int) (*as.File, error) {
		return member.Open(d.in(fmt.Sprint("多", i)), os.O_RDWR|os.O_CREATE, 0o600)
	}
	var held []*as.File
	for i := range 2 * limit { // more than the limit to come
		f, err := open(i)
		member.Does(err)
		held = append(held, f)
	}
	files.mu.Lock()
	files.limit = limit
	files.mu.Unlock()
	_, err := open(99)
	member.Refused(err, syscall.EMFILE)
	_, err = member.Open(d.in("多0"), os.O_RDONLY, 0)
	member.Refused(err, syscall.EMFILE)
	_, err = lead.Stat(d.in("多99"))
	lead.Refused(err, syscall.ENOENT)
	lead.Writes(d.in("主办"), "1")
	lead.Reads(d.in("主办"), "1")

	for _, f := range held {
		member.Does(f.Close())
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the kernel tells of the close later
		f, err := open(99)
		if err == nil {
			member.Does(f.Close())
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestFileLimit(t *testing.T) {
	if n := fileLimit(); n < fewestFiles {
		t.Error(n)
	}
}
