package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxHolders bounds how many processes a message names.
const maxHolders = 10

// holders names who keeps a drive busy: processes with an open file, a working
// directory, a root or a program on it, and mounts below it. It asks /proc
// alone, so a dead drive does not hold it up; mapped files are not looked at,
// since that can wait for a page of the very drive. Without root only one's own
// processes are seen.
func holders(mnt string) []string {
	var list []string
	for _, path := range globbed("/proc/[0-9]*") {
		if pid, err := strconv.Atoi(filepath.Base(path)); err == nil && pid != os.Getpid() && holds(path, mnt) {
			list = append(list, fmt.Sprintf("%s[%d]", comm(pid), pid))
		}
	}
	all, err := mounts()
	if err != nil {
		return list
	}
	for _, m := range all {
		if strings.HasPrefix(m.target, mnt+"/") {
			list = append(list, fmt.Sprintf("mount[%s]", m.fstype))
		}
	}
	return list
}

// holds looks at one process.
func holds(proc, mnt string) bool {
	return slices.ContainsFunc(append(globbed(proc+"/fd/*"), proc+"/cwd", proc+"/root", proc+"/exe"), func(link string) bool {
		to, err := os.Readlink(link)
		return err == nil && (to == mnt || strings.HasPrefix(to, mnt+"/"))
	})
}

// globbed are the paths that match; the patterns are sound.
func globbed(pattern string) []string {
	list, _ := filepath.Glob(pattern)
	return list
}

// sayLazy tells that a drive went lazily, and because of whom. Files are not
// named: their names are nobody's who reads diagnostics.
func (a *app) sayLazy(mnt string, by []string) {
	a.say(msgLazyUnmount, mnt)
	if len(by) > maxHolders {
		by = append(by[:maxHolders:maxHolders], "...")
	}
	if len(by) > 0 {
		a.say(msgBusyBy, strings.Join(by, ", "))
	}
}
