package fs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"matterfs/internal/as"
)

// programEnv makes the test binary one of the programs: what an agent does not offer, or
// what must not wait for the test between two system calls.
const programEnv = "MATTERFS_TEST_PROGRAM"

// raceExit keeps a program of the race detector's from a second of sleep before it ends.
const raceExit = "GORACE=atexit_sleep_ms=0"

// programNamed is a table in a function, since programs end in a map of their own otherwise.
func programNamed(name string) func(args []string) error {
	return map[string]func([]string) error{
		"clear-append":   clearAppend,
		"write-dsync":    writeDsync,
		"compare":        compare,
		"inodes":         printInodes,
		"offsets":        printOffsets,
		"make":           makeMany,
		"come-and-go":    comeAndGo,
		"walk-stream":    walkStream,
		"storm":          storm,
		"storm-mapped":   stormMapped,
		"clients":        clients,
		"look-at-all":    lookAtAll,
		"write-and-stat": writeAndStat,
		"ctimes":         printTimes,
		"attack":         attack,
		"watch-for":      watchFor,
		"open-file":      opensFile,
		"cost":           cost,
		"flood":          floodDrive,
		"many-open":      manyOpen,
	}[name]
}

func runProgram(name string, args []string) int {
	if err := programNamed(name)(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runs runs a program as u, fails the test unless it ends well, and returns what it printed.
func runs(t *testing.T, u *as.User, program string, args ...string) string {
	t.Helper()
	r, err := u.Run(append([]string{"/proc/self/exe"}, args...), "/", programEnv+"="+program, raceExit)
	if err != nil || r.Code != 0 {
		t.Errorf("%s: %v, exit %d: %s", program, err, r.Code, r.Stderr)
	}
	return r.Stdout
}

// number reads a program's numeric argument.
func number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	return n
}

// errnoName is how programs print what a system call answered.
func errnoName(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return unix.ErrnoName(errno)
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

// lines splits what a program printed.
func lines(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") }

// must is for what cannot fail unless the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
