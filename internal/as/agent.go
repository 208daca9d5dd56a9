package as

import (
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// agentEnv marks a process as an agent. Its value is the uid it must find itself under.
const agentEnv = "MATTERFS_TEST_AGENT"

const (
	wireFD = 3 // gob requests and responses
	passFD = 4 // SCM_RIGHTS
)

// Main turns the process into an agent, and never returns, when it was started as one by [Start]; otherwise it does
// nothing. TestMain calls it before anything else.
func Main() {
	want, ok := os.LookupEnv(agentEnv)
	if !ok {
		return
	}
	os.Unsetenv(agentEnv)
	if got := fmt.Sprint(os.Geteuid()); got != want {
		fmt.Fprintf(os.Stderr, "agent runs as uid %s, want %s\n", got, want)
		os.Exit(1)
	}
	conn, err := net.FileConn(os.NewFile(wireFD, "wire"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
	newAgent().serve(conn)
	os.Exit(0)
}

// agent carries out requests one after another. Descriptors and mappings are named by small numbers.
type agent struct {
	files map[int]int // handle -> descriptor
	maps  map[int][]byte
	next  int
}

func newAgent() *agent {
	return &agent{files: map[int]int{}, maps: map[int][]byte{}}
}

// serve answers until the test closes the wire or dies.
func (a *agent) serve(conn net.Conn) {
	dec, enc := gob.NewDecoder(conn), gob.NewEncoder(conn)
	for {
		var req request
		if dec.Decode(&req) != nil {
			return
		}
		resp := a.do(&req)
		if enc.Encode(resp) != nil {
			return
		}
	}
}

// do runs one request. A fault on a mapped page (SIGBUS when the file system answers EIO or EACCES) becomes EFAULT.
func (a *agent) do(req *request) (resp *response) {
	resp = &response{}
	run, ok := operations[req.Op]
	if !ok {
		resp.fail(fmt.Errorf("agent knows no operation %q", req.Op))
		return resp
	}
	defer func() {
		if p := recover(); p != nil {
			resp.fail(faultError(p))
		}
	}()
	if err := run(a, req, resp); err != nil {
		resp.fail(err)
	}
	return resp
}

// faultError tells a fault on a mapped address from a bug of the agent.
func faultError(p any) error {
	var fault interface{ Addr() uintptr }
	if err, ok := p.(error); ok && errors.As(err, &fault) {
		return syscall.EFAULT
	}
	return fmt.Errorf("agent panic: %v", p)
}

// keep names a descriptor.
func (a *agent) keep(fd int) int {
	a.next++
	a.files[a.next] = fd
	return a.next
}

// fd is the descriptor behind a handle; EBADF when it was closed.
func (a *agent) fd(handle int) (int, error) {
	fd, ok := a.files[handle]
	if !ok {
		return -1, syscall.EBADF
	}
	return fd, nil
}
