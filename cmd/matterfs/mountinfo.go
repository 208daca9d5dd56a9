package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fsType is what the kernel calls our mounts.
const fsType = "fuse.matterfs"

// mountEntry is a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountEntry struct {
	id, device             string // "36", "0:38"; both are used again when it is gone
	target, fstype, source string
}

// mounts lists what is mounted, oldest first.
func mounts() ([]mountEntry, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []mountEntry
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if e, ok := parseMount(lines.Text()); ok {
			list = append(list, e)
		}
	}
	return list, lines.Err()
}

// parseMount reads one line: six fixed fields, optional ones, "-", then type,
// source and options.
func parseMount(line string) (mountEntry, bool) {
	head, tail, ok := strings.Cut(line, " - ")
	h, t := strings.Fields(head), strings.Fields(tail)
	if !ok || len(h) < 6 || len(t) < 2 {
		return mountEntry{}, false
	}
	return mountEntry{id: h[0], device: h[2], target: unescape(h[4]), fstype: t[0], source: unescape(t[1])}, true
}

// unescape turns \040 and the like back into the bytes they stand for.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// topMount is what is mounted at path and not covered by another mount there.
func topMount(path string) (mountEntry, bool, error) {
	list, err := mounts()
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].target == path {
			return list[i], true, err
		}
	}
	return mountEntry{}, false, err
}

// mountPath is the absolute path the kernel lists a mount under. It can be
// asked about a dead mount, which answers every call with an error: only a
// last element that is a link is followed.
func mountPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		target, err := os.Readlink(abs)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(abs), target)
		}
		abs = target
	}
	if abs == "/" {
		return abs, nil
	}
	return filepath.Join(resolve(filepath.Dir(abs)), filepath.Base(abs)), nil
}

// maxLinks is how many links in a row are followed, as the kernel does.
const maxLinks = 40
