package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// life is what /proc/PID/status tells of a process (proc_pid_status(5)).
type life int

const (
	alive life = iota
	dying      // it has ended or was killed, and threads of it are not yet gone
	gone
)

// ownLife opens this process's own. The file stands for this process alone, also when its number is used again, after
// execve(2), and where /proc hides the processes of others.
func ownLife() (*os.File, error) { return os.Open(fmt.Sprintf("/proc/%d/status", os.Getpid())) }

// lifeOf asks for a process by its number.
func lifeOf(pid int) life {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		if unix.Kill(pid, 0) == unix.ESRCH {
			return gone
		}
		return alive // for all that is known
	}
	defer f.Close()
	return stateOf(f)
}

func stateOf(f *os.File) life {
	b := make([]byte, 4096)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return gone // ESRCH: no other process gets this file
	}
	return parseLife(string(b[:n]))
}

// parseLife reads status. A leader that has ended is a zombie until all threads have; the Go runtime never ends it alone.
// One that is stuck itself has SIGKILL waiting, by which execve and exit_group end threads too.
func parseLife(status string) life {
	state, threads, killed := "", "", uint64(0)
	for line := range strings.Lines(status) {
		switch name, value, _ := strings.Cut(line, ":"); name {
		case "State":
			state = strings.TrimSpace(value)
		case "Threads":
			threads = strings.TrimSpace(value)
		case "SigPnd", "ShdPnd":
			set, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			killed |= set >> (unix.SIGKILL - 1) & 1
		}
	}
	ended := strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
	switch {
	case ended && (threads == "1" || threads == "0"):
		return gone
	case ended || killed == 1:
		return dying
	}
	return alive
}
