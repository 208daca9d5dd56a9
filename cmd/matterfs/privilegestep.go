package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"matterfs/crypto/keystore"
	"matterfs/fs"
)

// What the root step raises for the daemon, as far as the machine lets it:
// locked memory in bytes (8 MiB hold all keys there can be), open files.
const (
	wantMemlock = 64 << 20
	wantFiles   = 65536
)

// prepared is what the root step hands to the program that it becomes: a JSON
// value in a pipe, and descriptors. No secret is in it.
type prepared struct {
	Settings settings    `json:"settings"`
	Mnt      string      `json:"mnt"`
	Who      serviceUser `json:"who"`
	From     string      `json:"from"`     // where what opens the keys was found
	Identity bool        `json:"identity"` // it is an identity, else a passphrase
	ReadyFD  int         `json:"ready_fd"`

	Secret   int   `json:"secret"` // pipe that holds what opens the keys
	Keeper   int   `json:"keeper"`
	Device   int   `json:"device"`
	Listener int   `json:"listener"` // control socket
	Locks    []int `json:"locks"`
}

// rootStep gathers the parts of a prepared daemon. Its files stay open until
// the new program has them.
type rootStep struct {
	a     *app
	p     prepared
	lock  *storeLock
	files []*os.File
}

// becomeService is `mount` for a store with a service user. It returns only
// when it failed.
func (a *app) becomeService(ctx context.Context, s settings, mnt string, o mountOptions) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("become %s: %w", s.User, os.ErrPermission)
	}
	who, err := findServiceUser(s.User)
	if err != nil {
		return err
	}
	r := &rootStep{a: a, p: prepared{Settings: s, Mnt: mnt, Who: who, ReadyFD: o.readyFD}}
	defer r.close()
	for _, step := range []func(context.Context) error{r.check, r.secret, r.limits, r.open} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.become()
}

func (r *rootStep) close() {
	for _, f := range r.files {
		f.Close()
	}
}

// keep holds f open and says which descriptor it is. Files of the net and os
// packages do not block; a new program reads them as it likes.
func (r *rootStep) keep(f *os.File) int {
	r.files = append(r.files, f)
	return int(f.Fd())
}

// check looks at everything that can be wrong before a secret is asked for.
func (r *rootStep) check(context.Context) error {
	s := &r.p.Settings
	if err := s.checkDirs(); err != nil {
		return err
	}
	if err := checkOverlap(append(s.places(), place{"mountpoint", r.p.Mnt})); err != nil {
		return err
	}
	if err := s.checkOwners(r.p.Who); err != nil {
		return err
	}
	var err error
	if r.lock, err = lockStoreFor(*s, &r.p.Who); err != nil {
		return err
	}
	for _, f := range r.lock.files {
		r.p.Locks = append(r.p.Locks, r.keep(f))
	}
	_, err = readPolicy(s.Policy)
	return err
}

// secret reads what opens the keys while root still may.
func (r *rootStep) secret(ctx context.Context) error {
	if err := keystore.HardenProcess(); err != nil {
		return err
	}
	o, err := r.a.findOpener(ctx, r.p.Settings)
	if err != nil {
		return err
	}
	defer o.wipe()
	r.p.From, r.p.Identity = o.from, o.unlock.Identity != nil
	pipe, err := filledPipe(append(o.unlock.Identity, o.unlock.Passphrase...))
	if err != nil {
		return fmt.Errorf("hand on what opens the keys: %w", err)
	}
	r.p.Secret = r.keep(pipe)
	return nil
}

// filledPipe is the reading end of a pipe that holds b. What is in a pipe is
// never swapped out.
func filledPipe(b []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if len(b) > os.Getpagesize() {
		_, err = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, len(b))
	}
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// limits raises what the daemon could not raise for itself. A container may
// forbid it; status tells when keys could not be locked in memory.
func (r *rootStep) limits(context.Context) error {
	raise(unix.RLIMIT_MEMLOCK, wantMemlock)
	raise(unix.RLIMIT_NOFILE, wantFiles)
	return nil
}

// raise sets a limit to what is wanted, or as near to it as is allowed.
func raise(which int, want uint64) {
	var now syscall.Rlimit
	if syscall.Getrlimit(which, &now) != nil {
		return
	}
	next := syscall.Rlimit{Cur: max(now.Cur, want), Max: max(now.Max, want)}
	if syscall.Setrlimit(which, &next) != nil {
		next = syscall.Rlimit{Cur: now.Max, Max: now.Max}
		_ = syscall.Setrlimit(which, &next) // lowers nothing, so there is nothing to refuse
	}
}

// open takes the control socket and /dev/fuse, and starts the keeper.
func (r *rootStep) open(context.Context) error {
	s := &r.p.Settings
	id, err := keystore.ReadStoreID(s.Keys)
	if err != nil {
		return keysError(s.Keys, err)
	}
	if err := s.publishID(id.String()); err != nil {
		return err
	}
	path := r.a.socketPath(id.String())
	l, err := openSocket(path)
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return err
	}
	r.p.Listener = r.keep(f)
	return r.startKeeper(&mountKeeper{mnt: r.p.Mnt, source: sourceName(id.String()), control: path})
}

func (r *rootStep) startKeeper(k *mountKeeper) error {
	if err := closeOthers(nil); err != nil { // the keeper gets what it needs, and nothing that was left open
		return err
	}
	fd, err := fs.OpenDevice()
	if err != nil {
		return &fuseError{fmt.Errorf("open /dev/fuse: %w", err)}
	}
	device := os.NewFile(uintptr(fd), "/dev/fuse")
	r.p.Device = r.keep(device)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "keeper")
	defer theirs.Close()
	r.p.Keeper = r.keep(os.NewFile(uintptr(pair[0]), "daemon"))
	return k.start(theirs, device, r.lock.files)
}

// become is the last of the root step: this process runs its program anew.
func (r *rootStep) become() error {
	b, err := json.Marshal(r.p)
	if err != nil {
		return err
	}
	pipe, err := filledPipe(b)
	if err != nil {
		return err
	}
	keep := append([]int{r.keep(pipe), r.p.Secret, r.p.Keeper, r.p.Device, r.p.Listener}, r.p.Locks...)
	if r.p.ReadyFD != 0 {
		keep = append(keep, r.p.ReadyFD)
	}
	if err := emptyStdin(); err != nil {
		return err
	}
	argv := []string{os.Args[0], "mount", "--prepared=" + strconv.Itoa(keep[0]), r.p.Settings.Dir, r.p.Mnt}
	return r.p.Who.execute(argv, keep)
}

// emptyStdin: the daemon asks nobody anything, and holds no terminal.
func emptyStdin() error {
	if err := leaveTerminal(); err != nil {
		return fmt.Errorf("leave the terminal: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	return unix.Dup3(int(null.Fd()), 0, 0)
}

// runPrepared is the first that the new program does.
func (a *app) runPrepared(ctx context.Context, fd int) (err error) {
	if err := keystore.HardenProcess(); err != nil {
		return err
	}
	p, err := readPrepared(fd)
	if err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	if err := p.Who.dropped(string(status)); err != nil {
		return err
	}
	d := newDaemon(a, p.Settings, p.Mnt)
	d.prepared = p
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.serve(ctx, p.ReadyFD)
}

func readPrepared(fd int) (*prepared, error) {
	f := os.NewFile(uintptr(fd), "prepared")
	if f == nil {
		return nil, usagef("--prepared is not for people")
	}
	defer f.Close()
	var p prepared
	if err := json.NewDecoder(f).Decode(&p); err != nil {
		return nil, usagef("--prepared is not for people: %v", err)
	}
	for _, fd := range append([]int{p.Secret, p.Keeper, p.Device, p.Listener, p.ReadyFD}, p.Locks...) {
		if fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return &p, nil
}

// opener reads what the root step found.
func (p *prepared) opener() (*opener, error) {
	f := os.NewFile(uintptr(p.Secret), "secret")
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, lockedBy(err)
	}
	o := &opener{from: p.From}
	if p.Identity {
		o.unlock.Identity = b
	} else {
		o.unlock.Passphrase = b
	}
	return o, nil
}

// listener is the control socket that the root step opened.
func (p *prepared) listener() (*net.UnixListener, error) {
	f := os.NewFile(uintptr(p.Listener), "control")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// heldLock is the store's lock as the root step took it.
func (p *prepared) heldLock() *storeLock {
	l := &storeLock{}
	for _, fd := range p.Locks {
		l.files = append(l.files, os.NewFile(uintptr(fd), "lock"))
	}
	return l
}
