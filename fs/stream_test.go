package fs

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// dirent is one record of getdents64(2).
type dirent struct {
	ino  uint64
	off  int64 // where the stream goes on behind it
	name string
}

// dirents reads one buffer of a directory stream, . and .. included; none at its end.
func dirents(fd int) ([]dirent, error) {
	buf := make([]byte, 16<<10)
	n, err := unix.Getdents(fd, buf)
	if err != nil {
		return nil, err
	}
	var list []dirent
	for b := buf[:n]; len(b) > 0; {
		size := binary.NativeEndian.Uint16(b[16:])
		name, _, _ := strings.Cut(string(b[19:size]), "\x00")
		list = append(list, dirent{binary.NativeEndian.Uint64(b), int64(binary.NativeEndian.Uint64(b[8:])), name})
		b = b[size:]
	}
	return list, nil
}

// stream reads a directory to its end.
func stream(fd int) (list []dirent, err error) {
	for {
		some, err := dirents(fd)
		if err != nil || len(some) == 0 {
			return list, err
		}
		list = append(list, some...)
	}
}

func openDir(path string) (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY, 0) }

// printOffsets is a program: the names of a directory with their offsets in its stream.
func printOffsets(args []string) error {
	fd, err := openDir(args[0])
	if err != nil {
		return err
	}
	list, err := stream(fd)
	for _, e := range list {
		fmt.Println(e.name, e.off)
	}
	return err
}

// A listing has no gaps where names are that its reader may not see: neither their number
// nor their place can be told from the offsets.
func TestOffsetsCountNothingHidden(t *testing.T) {
	few := mountFirm(t)
	files := firm()
	for i := range 7 {
		id := fmt.Sprintf("2025-000%d", i)
		files["matters/"+id+".yaml"] = []byte(strings.NewReplacer(matter2, id, "C0092", "C0093").Replace(matter2YAML))
	}
	many := mountAt(t, t.TempDir(), files)
	fewLead, manyLead := as.Start(t, zhang), as.Start(t, zhang)
	fewLead.Writes(few.in("合同.txt"), "1")
	manyLead.Does(manyLead.Mkdir(many.in("鉴定")))
	manyLead.Writes(many.in("合同.txt"), "1")
	member := as.Start(t, lina)
	for _, dir := range []string{"", matter1} {
		a := runs(t, member, "offsets", filepath.Join(few.mnt, dir))
		b := runs(t, member, "offsets", filepath.Join(many.mnt, dir))
		if a != b || len(lines(a)) != 3 {
			t.Errorf("the member sees the same one name in %q, but its stream differs:\n%s---\n%s", dir, a, b)
		}
	}
	if a, b := runs(t, manyLead, "offsets", many.mnt), runs(t, member, "offsets", many.mnt); a == b {
		t.Errorf("the lead and the member see the same: %s", a)
	}
}

// printInodes is a program: the names of a directory with d_ino and st_ino.
func printInodes(args []string) error {
	fd, err := openDir(args[0])
	if err != nil {
		return err
	}
	list, err := stream(fd)
	for _, e := range list {
		if e.name == "." || e.name == ".." {
			continue
		}
		var st unix.Stat_t
		err := unix.Fstatat(fd, e.name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.EACCES { // listed, but closed to the lead alone
			continue
		}
		if err != nil {
			return err
		}
		fmt.Println(e.name, e.ino, st.Ino)
	}
	return err
}

// What a listing says of an inode number is what stat says, for files that nobody has
// touched too: programs that skip doubles by number would lose documents otherwise.
func TestListingTellsTrueInodes(t *testing.T) {
	d := mountFirm(t)
	lead := as.Start(t, zhang)
	for _, dir := range []string{"卷", "鉴定"} {
		lead.Does(lead.Mkdir(d.in(dir)))
		lead.Writes(d.in(dir+"/文件"), "1")
		lead.Does(lead.Symlink("文件", d.in(dir+"/链接")))
		lead.Does(lead.Mkdir(d.in(dir + "/夹")))
	}
	runs(t, lead, "make", d.in("卷"), "300") // more than one answer: the kernel asks for the rest otherwise
	for _, dir := range []string{d.mnt, d.in(""), d.in("卷"), d.in("鉴定")} {
		forgetAll(t, d, 0)
		for _, l := range lines(runs(t, lead, "inodes", dir)) {
			var name string
			var listed, stat uint64
			if _, err := fmt.Sscan(l, &name, &listed, &stat); err != nil || listed != stat {
				t.Errorf("in %s: name, d_ino, st_ino: %s (%v)", filepath.Base(dir), l, err)
			}
		}
	}
}

// makeMany is a program: n empty files named stay-N in a directory.
func makeMany(args []string) error {
	for i := range number(args[1]) {
		if err := os.WriteFile(fmt.Sprintf("%s/stay-%05d", args[0], i), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// comeAndGo is a program: n files made, renamed and removed again in a directory.
func comeAndGo(args []string) error {
	for i := range number(args[1]) {
		p := fmt.Sprintf("%s/flux-%d", args[0], i%50)
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			return err
		}
		if err := os.Rename(p, p+"r"); err != nil {
			return err
		}
		if err := os.Remove(p + "r"); err != nil {
			return err
		}
	}
	return nil
}

// walkStream is a program: it lists a directory of n stay-files several times, and seeks to
// places where it was before.
func walkStream(args []string) error {
	for range number(args[2]) {
		fd, err := openDir(args[0])
		if err != nil {
			return err
		}
		list, err := stream(fd)
		if err != nil {
			return err
		}
		if err := stayOnce(list, number(args[1])); err != nil {
			return err
		}
		for i := 0; i+1 < len(list); i += 777 {
			if err := seekTo(fd, list[i].off, list[i+1].name); err != nil {
				return err
			}
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// stayOnce checks that each of the n stay-files is listed exactly once.
func stayOnce(list []dirent, n int) error {
	var stay []string
	for _, e := range list {
		if strings.HasPrefix(e.name, "stay-") {
			stay = append(stay, e.name)
		}
	}
	slices.Sort(stay)
	if once := slices.Compact(slices.Clone(stay)); len(stay) != n || len(once) != n {
		return fmt.Errorf("%d names listed, %d different, want %d", len(stay), len(once), n)
	}
	return nil
}

// seekTo checks that the stream goes on at a name where it did before.
func seekTo(fd int, off int64, want string) error {
	if _, err := unix.Seek(fd, off, unix.SEEK_SET); err != nil {
		return err
	}
	list, err := dirents(fd)
	if err != nil {
		return err
	}
	if len(list) == 0 || list[0].name != want {
		return fmt.Errorf("at offset %d the stream has %v, want %s first", off, list[:min(1, len(list))], want)
	}
	return nil
}

// Names that stay are listed exactly once while others come and go, and a stream goes on
// where it was.
func TestListingWhileNamesChange(t *testing.T) {
	d := mountFirm(t)
	const names = 4000
	lead, member := as.Start(t, zhang), as.Start(t, lina)
	dir := d.in("卷宗")
	lead.Does(lead.Mkdir(dir))
	runs(t, lead, "make", dir, fmt.Sprint(names))
	var wg sync.WaitGroup
	wg.Go(func() { runs(t, member, "come-and-go", dir, "300") })
	runs(t, lead, "walk-stream", dir, fmt.Sprint(names), "4")
	wg.Wait()
}
