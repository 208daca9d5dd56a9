package fs

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// Every method that changes something says so to the log, and no other does: the table and promise.go agree.
func TestChangesAreAnnounced(t *testing.T) {
	own := reflect.TypeFor[*front]()
	for m := mNone + 1; m < methods; m++ {
		method, ok := own.MethodByName(table[m].name)
		if !ok {
			t.Fatalf("no method %s", table[m].name)
		}
		pc := method.Func.Pointer()
		file, _ := runtime.FuncForPC(pc).FileLine(pc)
		if announced := strings.HasSuffix(file, "/promise.go"); announced != changes[m] {
			t.Errorf("%s: the table says %v, it is written in %s", table[m].name, changes[m], file)
		}
	}
}

// drained is a drive whose log is on a small disk of its own, with one document.
func drained(t *testing.T) (*drive, *as.User) {
	t.Helper()
	dir := t.TempDir()
	mountTmpfs(t, dir+"/log", "4m")
	d := setup{dir: dir, reserve: 512 << 10, each: true}.mount(t) // reads fill the disk
	lead := as.Start(t, zhang)
	lead.Writes(d.in("合同.txt"), "甲方:某某公司")
	return d, lead
}

// readUntilRefused uses up what is left of the log's disk.
func readUntilRefused(t *testing.T, u *as.User, f *as.File) {
	t.Helper()
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		_, err = f.ReadAt(0, 4)
	}
	u.Refused(err, syscall.EIO)
}

// When the log's disk is full nothing is disclosed, and work on open documents is saved; as soon as there is space all is served.
func TestFullLogDrains(t *testing.T) {
	d, lead := drained(t)
	f := lead.Opens(d.in("合同.txt"), syscall.O_RDWR, 0)
	empty := fillDisk(t, d.path("log"))
	readUntilRefused(t, lead, f)
	lead.IsDenied(d.in("合同.txt"), syscall.EIO)
	_, err := lead.ReadDir(d.in(""))
	lead.Refused(err, syscall.EIO)

	if n, err := f.WriteAt([]byte("乙"), 0); n != 3 || err != nil {
		t.Fatalf("a save while the log's disk is full: %d, %v", n, err)
	}
	lead.Does(f.Fsync())
	lead.Does(lead.Rename(d.in("合同.txt"), d.in("合同-终稿.txt")))
	lead.Does(f.Close())
	_, err = lead.Open(d.in("合同-终稿.txt"), syscall.O_RDONLY, 0)
	lead.Refused(err, syscall.EIO)
	for _, ev := range []string{"write", "rename", "close"} {
		d.logged("ev", ev, "user", "zhang.wei", "res", "ok")
	}
	empty()
	b := eventually(t, func() ([]byte, error) { return lead.ReadFile(d.in("合同-终稿.txt")) })
	if !bytes.HasPrefix(b, []byte("乙方")) {
		t.Errorf("the document says %q", b)
	}
	d.logged("ev", "audit.recover")
}

// With a reserve the first change whose record does not fit is not made.
func TestRefusedChangeIsNotMade(t *testing.T) {
	for what, change := range map[string]func(u *as.User, d *drive, i int) error{
		"mkdir":   unrecorded["mkdir"],
		"symlink": unrecorded["symlink"],
		"long symlink": func(u *as.User, d *drive, i int) error {
			return u.Symlink(strings.Repeat("长", 300), d.in(fmt.Sprint(i)))
		},
	} {
		t.Run(what, func(t *testing.T) {
			d, lead := drained(t)
			f := lead.Opens(d.in("合同.txt"), syscall.O_RDWR, 0)
			empty := fillDisk(t, d.path("log"))
			readUntilRefused(t, lead, f)
			made, err := 0, error(nil)
			for ; made < 10_000; made++ {
				if err = change(lead, d, made); err != nil {
					break
				}
			}
			lead.Refused(err, syscall.EIO)
			empty()
			names := eventually(t, func() ([]string, error) { return lead.ReadDir(d.in("")) })
			want := []string{"合同.txt"}
			for i := range made {
				want = append(want, fmt.Sprint(i))
			}
			slices.Sort(names)
			slices.Sort(want)
			if made == 0 || !slices.Equal(names, want) {
				t.Errorf("%d were made and answered, the folder has %d names", made, len(names)-1)
			}
			f.Close()
		})
	}
}

// The same for writes: the file has what was answered, and not a byte of what was refused.
func TestRefusedWriteIsNotMade(t *testing.T) {
	d, lead := drained(t)
	f := lead.Opens(d.in("合同.txt"), syscall.O_RDWR, 0)
	empty := fillDisk(t, d.path("log"))
	readUntilRefused(t, lead, f)
	written, err := 0, error(nil)
	for ; err == nil && written < 10_000; written++ {
		_, err = f.WriteAt([]byte{'x'}, int64(100+written))
	}
	lead.Refused(err, syscall.EIO)
	f.Close()
	empty()
	b := eventually(t, func() ([]byte, error) { return lead.ReadFile(d.in("合同.txt")) })
	if want := 100 + written - 1; len(b) != want || written < 2 {
		t.Errorf("%d writes were answered, the file has %d bytes, want %d", written-1, len(b), want)
	}
	if n := d.count("ev", "write", "len", 1); n != written-1 {
		t.Errorf("%d writes were answered, %d recorded", written-1, n)
	}
}
