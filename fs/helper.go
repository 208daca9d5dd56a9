package fs

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process that waits for an answer of the drive cannot be killed until it has one. If it were
// the daemon itself, nobody would be left to answer: SIGKILL would leave a process that never
// ends and keeps the lock of the store. So whatever looks at a drive from outside is a process
// of its own, the same program under another name.
const (
	walkerName = "matterfs-walk"  // walks to paths that it reads, see mender
	proberName = "matterfs-probe" // finds out what the kernel does, see probeSendfile
)

// proberTakes is how long the prober may take until it counts as hung.
const proberTakes = 10 * time.Second

// Helper does the work of a process that [Mount] starts beside the daemon, and reports whether
// this is one. A program that mounts calls it before anything else, and ends when it is true.
func Helper(args []string) bool {
	if len(args) == 0 {
		return false
	}
	switch args[0] {
	case walkerName:
		walkPaths(os.Stdin, os.Stdout)
	case proberName:
		does, err := probeSendfile()
		fmt.Println(does)
		if err != nil {
			fmt.Println(err)
		}
	default:
		return false
	}
	return true
}

// helper is this program as another process: with nothing of the daemon but three streams, out
// of reach of the terminal's signals.
func helper(ctx context.Context, name string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args, cmd.Env, cmd.Dir, cmd.SysProcAttr = []string{name}, []string{}, "/", &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// walkPaths opens and closes each path that it is told, without asking for more than its names.
// First it says under which number the drive sees it; then one byte for each path. It ends with
// its input, and so with the daemon.
func walkPaths(in io.Reader, out io.Writer) {
	runtime.LockOSThread()
	if binary.Write(out, binary.LittleEndian, uint32(unix.Gettid())) != nil {
		return
	}
	for r := bufio.NewReader(in); ; {
		path, err := r.ReadString(0)
		if err != nil {
			return
		}
		fd, err := unix.Open(strings.TrimSuffix(path, "\x00"), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		if _, err := out.Write([]byte{0}); err != nil {
			return
		}
	}
}

// walker is a walking process as the daemon has it.
type walker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	thread uint32
}

func startWalker() (*walker, error) {
	w := &walker{cmd: helper(context.Background(), walkerName)}
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if w.out, err = w.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	if err := binary.Read(w.out, binary.LittleEndian, &w.thread); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// walk returns when the walker has been there, or is no more.
func (w *walker) walk(path string) error {
	if _, err := io.WriteString(w.in, path+"\x00"); err != nil {
		return err
	}
	_, err := io.ReadFull(w.out, make([]byte, 1))
	return err
}

func (w *walker) stop() {
	w.in.Close()
	_ = w.cmd.Wait() // how it ends is of no interest
}

// askProber is probeSendfile in a process of its own.
func askProber() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), proberTakes)
	defer cancel()
	out, err := helper(ctx, proberName).Output()
	does, why, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	switch {
	case err != nil:
		return SendfileUnknown, fmt.Errorf("probe: %w", err)
	case why != "":
		return does, fmt.Errorf("probe: %s", why)
	}
	return does, nil
}
