package as

import (
	"errors"
	"syscall"
)

// sendRights passes a descriptor over a Unix socket, with one byte to carry it.
func sendRights(sock, fd int) error {
	return syscall.Sendmsg(sock, []byte{0}, syscall.UnixRights(fd), nil, 0)
}

// recvRights waits for one descriptor.
func recvRights(sock int) (int, error) {
	oob := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(sock, make([]byte, 1), oob, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return -1, err
	}
	for _, m := range msgs {
		if fds, err := syscall.ParseUnixRights(&m); err == nil && len(fds) == 1 {
			return fds[0], nil
		}
	}
	return -1, errors.New("no descriptor came with the message")
}

// SendTo passes the open file to another user's process by SCM_RIGHTS, as a program handing its descriptor to
// another would: the descriptor never exists in the test process. Both users' files stay open until closed.
func (f *File) SendTo(to *User) (*File, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	if err := errors.Join(sendRights(f.u.pass, pair[0]), sendRights(to.pass, pair[1])); err != nil {
		return nil, err
	}
	if _, err := f.u.call(callLimit, &request{Op: "sendfd", Handle: f.h, Path: f.path}); err != nil {
		return nil, err
	}
	r, err := to.call(callLimit, &request{Op: "recvfd", Path: f.path})
	if err != nil {
		return nil, err
	}
	return &File{u: to, h: r.Handle, path: f.path}, nil
}
