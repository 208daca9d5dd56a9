package as

import (
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A call that has not answered after this long is a hang of the file system under test. Programs get longer.
const (
	callLimit = 60 * time.Second
	runLimit  = 10 * time.Minute
)

// User is a process that acts under another uid. Its methods may not be called concurrently.
type User struct {
	t    testing.TB
	uid  uint32
	pid  int
	conn net.Conn
	pass int // the test's end of the descriptor socket
	enc  *gob.Encoder
	dec  *gob.Decoder
}

// Start starts an agent under uid, with gid equal to uid and the given supplementary groups. The agent ends with the
// test. Start fails the test unless it runs as root and the agent really is that user.
func Start(t testing.TB, uid uint32, groups ...uint32) *User {
	t.Helper()
	dir := Dir(t)
	bin := filepath.Join(dir, "agent")
	if err := copyProgram("/proc/self/exe", bin); err != nil {
		t.Fatalf("agent for uid %d: %v", uid, err)
	}
	u, err := spawn(t, bin, uid, groups)
	if err != nil {
		t.Fatalf("agent for uid %d: %v", uid, err)
	}
	if _, err := u.call(callLimit, &request{Op: "hello"}); err != nil {
		t.Fatalf("agent for uid %d did not start; does TestMain call as.Main()? %v", uid, err)
	}
	return u
}

// Dir makes a directory that every uid can reach and enter (mode 0755, owned by root); it goes with the test.
// t.TempDir cannot be used for that: its parents may be closed to others.
func Dir(t testing.TB) string {
	t.Helper()
	base, err := openBase()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(base, "matterfs-as-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("leftover %s: %v", dir, err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openBase is the first temporary directory that others can walk to.
func openBase() (string, error) {
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if reachable(base) {
			return base, nil
		}
	}
	return "", fmt.Errorf("no temporary directory can be entered by other users: tried %s, /tmp and /var/tmp", os.TempDir())
}

// reachable reports whether every directory from / to dir lets others through.
func reachable(dir string) bool {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil || !st.IsDir() || st.Mode().Perm()&0o001 == 0 {
			return false
		}
		if d == filepath.Dir(d) {
			return true
		}
	}
}

// copyProgram lets nobody fork meanwhile: a process that is about to become another one holds
// what its parent writes to for a moment, and a program that is open for writing cannot be run.
func copyProgram(from, to string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Chmod(0o755); err != nil { // whatever the umask
		out.Close()
		return err
	}
	return out.Close()
}

// spawn starts the program with the two sockets as descriptors 3 and 4.
func spawn(t testing.TB, bin string, uid uint32, groups []uint32) (*User, error) {
	wire, wireFar, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer wireFar.Close()
	pass, passFar, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer passFar.Close()
	cmd := exec.Command(bin)
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	cmd.Env = []string{fmt.Sprintf("%s=%d", agentEnv, uid), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=/nonexistent",
		"GORACE=atexit_sleep_ms=0"}
	cmd.ExtraFiles = []*os.File{wireFar, passFar}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: groups}}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(wire)
	wire.Close()
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { stop(t, cmd, conn, pass) })
	return &User{t: t, uid: uid, pid: cmd.Process.Pid, conn: conn, pass: int(pass.Fd()),
		enc: gob.NewEncoder(conn), dec: gob.NewDecoder(conn)}, nil
}

// stop ends an agent: closing the wire is enough unless it hangs in a system call.
func stop(t testing.TB, cmd *exec.Cmd, conn net.Conn, pass *os.File) {
	conn.Close()
	pass.Close()
	timer := time.AfterFunc(callLimit, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("agent %d: %v", cmd.Process.Pid, err)
	}
}

func socketPair() (near, far *os.File, err error) {
	p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(p[0]), "near"), os.NewFile(uintptr(p[1]), "far"), nil
}

// call sends one request and waits for its response.
func (u *User) call(limit time.Duration, q *request) (*response, error) {
	if err := u.post(q); err != nil {
		return nil, err
	}
	return u.answer(limit, q)
}

// post sends a request without waiting.
func (u *User) post(q *request) error {
	if err := u.enc.Encode(q); err != nil {
		return u.lost(q, err)
	}
	return nil
}

// answer waits for the response to the last post.
func (u *User) answer(limit time.Duration, q *request) (*response, error) {
	if err := u.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return nil, u.lost(q, err)
	}
	var r response
	if err := u.dec.Decode(&r); err != nil {
		return nil, u.lost(q, err)
	}
	if err := r.err(); err != nil {
		return &r, &Error{UID: u.uid, Op: q.Op, Path: q.Path, Err: err}
	}
	return &r, nil
}

// lost is the error when the agent itself is gone or hangs.
func (u *User) lost(q *request, err error) error {
	return &Error{UID: u.uid, Op: q.Op, Path: q.Path, Err: fmt.Errorf("agent %d does not answer: %v", u.pid, err)}
}

// UID is the user's numeric id.
func (u *User) UID() uint32 { return u.uid }

// PID is the agent's process id, as it may appear in audit records.
func (u *User) PID() int { return u.pid }
