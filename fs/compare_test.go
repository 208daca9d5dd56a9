package fs

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// The rest of the program compare: content, mappings and folders.

func compareHoles() {
	put("sparse", "")
	fd := open("sparse", unix.O_RDWR)
	say("far write").is(unix.Pwrite(fd, []byte("end"), 100_000))
	say("between").is(at(fd, 5, 50_000), at(fd, 5, 99_998), fstat(fd).Size)
	say("grow").is(unix.Ftruncate(fd, 200_000))
	for _, s := range [][2]int{{0, unix.SEEK_END}, {-5, unix.SEEK_END}, {200_000, unix.SEEK_HOLE}, {200_000, unix.SEEK_DATA}, {300_000, unix.SEEK_DATA}, {-1, unix.SEEK_SET}} {
		say(fmt.Sprint("seek ", s)).is(unix.Seek(fd, int64(s[0]), s[1]))
	}
}

func compareAllocate() {
	const keep, punch, zero = unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE
	put("space", strings.Repeat("x", 10_000))
	fd := open("space", unix.O_RDWR)
	for _, c := range []struct {
		mode   uint32
		off, n int64
	}{{0, 0, 20_000}, {keep, 0, 50_000}, {keep | punch, 4000, 2000}, {punch, 0, 100}, {zero, 9000, 20_000}, {zero | keep, 0, 10}, {0, -1, 5}, {0, 5, 0}, {keep | punch, 1 << 40, 10}} {
		b, err := os.ReadFile("space")
		say(fmt.Sprint("allocate ", c)).is(unix.Fallocate(fd, c.mode, c.off, c.n), fstat(fd).Size, strings.Count(string(b), "x"), err)
	}
	say("read-only").is(unix.Fallocate(open("space", unix.O_RDONLY), 0, 0, 10))
}

// copyBetween is copy_file_range(2) between two places.
func copyBetween(from int, off int64, to int, at int64, n int) (int, error) {
	return unix.CopyFileRange(from, &off, to, &at, n, 0)
}

func compareCopy() {
	put("c", strings.Repeat("abcdefghij", 1000))
	put("c2", "")
	fd, to := open("c", unix.O_RDWR), open("c2", unix.O_RDWR)
	say("within").is(copyBetween(fd, 0, fd, 20_000, 5000))
	say("overlapping").is(copyBetween(fd, 0, fd, 100, 5000))
	say("nothing").is(copyBetween(fd, 0, fd, 5, 0))
	say("behind the end").is(copyBetween(fd, 1e9, fd, 5, 10))
	say("other file").is(copyBetween(fd, 3, to, 7, 4))
	say("all").is(copyBetween(fd, 24_000, to, 11, 1<<30))
	say("appender").is(copyBetween(fd, 0, open("c2", unix.O_RDWR|unix.O_APPEND), 0, 10))
	say("to read-only").is(copyBetween(fd, 0, open("c2", unix.O_RDONLY), 0, 10))
	say("from write-only").is(copyBetween(open("c", unix.O_WRONLY), 0, fd, 0, 10))
	say("folder").is(copyBetween(open("umd", unix.O_RDONLY), 0, fd, 0, 10))
	say("result").is(at(fd, 12, 19_995), fstat(fd).Size)
	get("c2")
}

// mapFile maps the first n bytes, shared.
func mapFile(fd, n, prot int) []byte {
	m, err := unix.Mmap(fd, 0, n, prot, unix.MAP_SHARED)
	say("map").is(err)
	return m
}

func compareMaps() {
	put("m", strings.Repeat("m", 100))
	put("m2", "")
	fd, to := open("m", unix.O_RDWR), open("m2", unix.O_RDWR)
	m := mapFile(fd, 4096, unix.PROT_READ|unix.PROT_WRITE)
	copy(m[50:], "NEW")
	say("copy sees it").is(copyBetween(fd, 0, to, 0, 100))
	get("m2")
	say("read sees it").is(at(fd, 6, 48))
	copy(m, "ABC")
	say("sync").is(unix.Msync(m, unix.MS_SYNC))
	get("m")
	say("write").is(unix.Pwrite(fd, []byte("via write"), 10))
	say("map sees it").is(m[8:21])
	say("shorten, grow").is(unix.Truncate("m", 50), unix.Ftruncate(fd, 100))
	say("zeros").is(m[45:60])
	copy(m[60:], "xyz")
	say("sync").is(unix.Msync(m, unix.MS_SYNC))
	get("m")
	say("unlink").is(unix.Unlink("m"))
	copy(m, "UU")
	say("sync").is(unix.Msync(m, unix.MS_SYNC), at(fd, 4, 0), fstat(fd).Nlink)
	say("unmap").is(unix.Munmap(m), unix.Close(fd))
	_, err := unix.Mmap(open("um", unix.O_RDONLY), 0, 10, unix.PROT_WRITE, unix.MAP_SHARED)
	say("map read-only for writing").is(err)
}

func compareTwoMaps() {
	put("mm", strings.Repeat(".", 8192))
	a, b := open("mm", unix.O_RDWR), open("mm", unix.O_RDWR)
	ma, mb := mapFile(a, 8192, unix.PROT_READ|unix.PROT_WRITE), mapFile(b, 8192, unix.PROT_READ|unix.PROT_WRITE)
	ma[0], mb[1], ma[4096] = 'A', 'B', 'C'
	say("pwrite").is(unix.Pwrite(b, []byte("Z"), 2))
	say("sync").is(unix.Msync(ma, unix.MS_SYNC), unix.Msync(mb, unix.MS_SYNC), mb[:5], ma[:5])
	say("close one").is(unix.Munmap(ma), unix.Close(a))
	mb[3] = 'D'
	say("close the other").is(unix.Close(b), unix.Munmap(mb))
	get("mm")
	p, err := unix.Mmap(open("mm", unix.O_RDONLY), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	say("private").is(err)
	p[0] = 'P'
	get("mm")
}

func compareRename() {
	put("r1", "1")
	put("r2", "2")
	fd := open("r2", unix.O_RDWR)
	say("no replace").is(unix.Renameat2(unix.AT_FDCWD, "r1", unix.AT_FDCWD, "r2", unix.RENAME_NOREPLACE))
	say("free name").is(unix.Renameat2(unix.AT_FDCWD, "r1", unix.AT_FDCWD, "r3", unix.RENAME_NOREPLACE))
	get("r1")
	say("over an open file").is(unix.Rename("r3", "r2"), at(fd, 5, 0), fstat(fd).Nlink)
	say("still written").is(unix.Pwrite(fd, []byte("still"), 0))
	say("still synced").is(unix.Fsync(fd), at(fd, 9, 0))
	get("r2")
	say("itself").is(unix.Rename("r2", "r2"))
	say("file over folder").is(unix.Rename("r2", "umd"))
	say("folder over file").is(unix.Rename("umd", "r2"))
	say("folder into itself").is(unix.Rename("umd", "umd/x/y"), unix.Rename("umd", "umd/x"))
	say("not there").is(unix.Rename("no", "r2"), unix.Rename("r2", "no/x"))
	open("r2", unix.O_DIRECTORY)
	open("r2", unix.O_CREAT|unix.O_EXCL)
	open("umd", unix.O_WRONLY)
	open("umd", unix.O_CREAT|unix.O_RDWR)
}

func compareFolders() {
	say("make").is(os.MkdirAll("d1/d2/d3", 0o777))
	put("d1/d2/d3/f", "deep")
	fd, dir := open("d1/d2/d3/f", unix.O_RDWR), open("d1/d2", unix.O_RDONLY)
	say("rename a parent").is(unix.Rename("d1", "e1"))
	say("write below").is(unix.Pwrite(fd, []byte("DEEP"), 0))
	get("e1/d2/d3/f")
	get("d1/d2/d3/f")
	var st unix.Stat_t
	say("from a held folder").is(unix.Fstatat(dir, "d3/f", &st, 0), st.Size)
	say("move it out").is(unix.Rename("e1/d2", "d2"))
	get("d2/d3/f")
	say("rmdir full").is(unix.Rmdir("d2"), unix.Rmdir("d2/d3/f"), unix.Rmdir("e1"))
	say("over full").is(os.Mkdir("e1", 0o777), unix.Rename("e1", "d2"))
	say("over empty").is(unix.Rename("d2", "e1"))
	get("e1/d3/f")
	say("unlink folder").is(unix.Unlink("e1"))
}

func compareRemoved() {
	say("make").is(unix.Mkdir("gone", 0o777))
	dir := open("gone", unix.O_RDONLY)
	say("remove").is(unix.Rmdir("gone"))
	_, err := unix.Openat(dir, "x", unix.O_CREAT|unix.O_WRONLY, 0o666)
	say("create in it").is(err, unix.Mkdirat(dir, "x", 0o777))
	say("list it").is(unix.ReadDirent(dir, make([]byte, 4096)))
	say("links").is(fstat(dir).Nlink)
}

func compareOffsets() {
	put("big", "x")
	fd := open("big", unix.O_RDWR)
	for _, off := range []int64{1, 1 << 31, 1 << 62, 1<<63 - 1, -1} {
		say("read at").is(unix.Pread(fd, make([]byte, 10), off))
	}
	say("write at the last offset").is(unix.Pwrite(fd, []byte("x"), 1<<63-1))
	say("write nothing").is(unix.Pwrite(fd, nil, 5))
	say("size").is(fstat(fd).Size)
	say("list a file").is(unix.ReadDirent(fd, make([]byte, 4096)))
}

func compareAccess() {
	say("modes").is(unix.Chmod("um", 0o640), unix.Chmod("umd", 0o750))
	for _, m := range []uint32{0, unix.R_OK, unix.W_OK, unix.X_OK, unix.R_OK | unix.W_OK} {
		say("access").is(m, unix.Access("um", m), unix.Access("umd", m), unix.Access("no", m))
	}
	say("executable").is(unix.Chmod("um", 0o755), unix.Access("um", unix.X_OK))
}
