package fs

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"matterfs/internal/as"
)

// unrecorded are changes that are made again and again until the log is full. Each knows the
// names that it may leave behind.
var unrecorded = map[string]func(u *as.User, d *drive, i int) error{
	"rename": func(u *as.User, d *drive, i int) error {
		if i%2 == 0 {
			return u.Rename(d.in("甲"), d.in("乙"))
		}
		return u.Rename(d.in("乙"), d.in("甲"))
	},
	"mkdir":   func(u *as.User, d *drive, i int) error { return u.Mkdir(d.in(fmt.Sprint(i))) },
	"symlink": func(u *as.User, d *drive, i int) error { return u.Symlink("甲", d.in(fmt.Sprint(i))) },
	"create": func(u *as.User, d *drive, i int) error {
		return u.WriteFile(d.in(fmt.Sprint(i)), nil)
	},
	"unlink": func(u *as.User, d *drive, i int) error { return u.Remove(d.in(fmt.Sprintf("旧%d", i))) },
}

// The record of a change may fail to be written after the change was done. The caller is
// told an error; what the kernel believes of names afterwards is the truth all the same.
func TestUnrecordedChangeLeavesNamesTrue(t *testing.T) {
	for what, change := range unrecorded {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			mountTmpfs(t, dir+"/log", "64k")
			d := mountAt(t, dir, firm())
			lead := as.Start(t, zhang)
			lead.Writes(d.in("甲"), "1")
			names := []string{"甲", "乙"}
			for i := range 30 {
				names = append(names, fmt.Sprint(i), fmt.Sprintf("旧%d", i))
				if what == "unlink" {
					lead.Does(lead.Symlink("甲", d.in(fmt.Sprintf("旧%d", i))))
				}
			}
			look(lead, d, names)
			empty := fillDisk(t, dir+"/log")
			var err error
			for i := 0; err == nil && i < 30; i++ {
				err = change(lead, d, i)
			}
			lead.Refused(err, syscall.EIO)
			empty()
			eventually(t, func() (struct{}, error) { return struct{}{}, namesTrue(lead, d, names) })
		})
	}
}

// look makes the kernel know which of the names are there, and returns these.
func look(u *as.User, d *drive, names []string) []string {
	var there []string
	for _, n := range names {
		if _, err := u.Lstat(d.in(n)); err == nil {
			there = append(there, n)
		}
	}
	slices.Sort(there)
	return there
}

// namesTrue compares what the kernel believes of names with what the drive lists.
func namesTrue(u *as.User, d *drive, names []string) error {
	listed, err := u.ReadDir(d.in(""))
	if err != nil {
		return err
	}
	slices.Sort(listed)
	if there := look(u, d, names); !slices.Equal(there, listed) {
		return fmt.Errorf("the kernel believes in %q, the drive lists %q", there, listed)
	}
	return nil
}

// The same for what a truncate did: size and content agree.
func TestUnrecordedTruncateLeavesSizeTrue(t *testing.T) {
	dir := t.TempDir()
	mountTmpfs(t, dir+"/log", "64k")
	d := mountAt(t, dir, firm())
	lead := as.Start(t, zhang)
	lead.Writes(d.in("甲"), "1")
	empty := fillDisk(t, dir+"/log")
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = lead.Truncate(d.in("甲"), int64(100+i))
	}
	lead.Refused(err, syscall.EIO)
	empty()
	eventually(t, func() (struct{}, error) {
		b, err := lead.ReadFile(d.in("甲"))
		if err != nil {
			return struct{}{}, err
		}
		if st, err := lead.Stat(d.in("甲")); err != nil || st.Size != int64(len(b)) {
			return struct{}{}, fmt.Errorf("stat says %d bytes, %v, the file has %d", st.Size, err, len(b))
		}
		return struct{}{}, nil
	})
}
