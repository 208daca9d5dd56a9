package fs

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// What a kernel does with sendfile(2) and splice(2) of pages that it has filled already.
const (
	SendfileSeen    = "seen"    // each is a request, and so in the audit log
	SendfileGap     = "gap"     // repeats within a moment are served from the page cache, unseen
	SendfileUnknown = "unknown" // it could not be found out
)

// probeFile is a file system of one file that counts how often it is read.
type probeFile struct {
	fuse.RawFileSystem
	reads atomic.Int32
}

const probeNode, probeName, probeSize = 2, "f", 4096

func (p *probeFile) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name != probeName {
		return fuse.ENOENT
	}
	out.NodeId, out.Generation = probeNode, 1
	p.attr(&out.Attr, probeNode)
	return fuse.OK
}

func (p *probeFile) attr(out *fuse.Attr, node uint64) {
	*out = fuse.Attr{Ino: node, Nlink: 1, Mode: unix.S_IFDIR | 0o700}
	if node == probeNode {
		out.Mode, out.Size = unix.S_IFREG|0o600, probeSize
	}
}

func (p *probeFile) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	p.attr(&out.Attr, in.NodeId)
	return fuse.OK
}

// Open answers as the drive does.
func (p *probeFile) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

func (p *probeFile) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	p.reads.Add(1)
	n := max(0, min(len(buf), probeSize-int(min(in.Offset, probeSize))))
	clear(buf[:n])
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// probeSendfile finds out what this kernel does, on a file system of its own that is mounted
// nowhere: nobody else can reach it, and it goes with its descriptor.
func probeSendfile() (string, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return SendfileUnknown, fmt.Errorf("open /dev/fuse: %w", err)
	}
	mnt, err := detachedMount(fd)
	if err != nil {
		return SendfileUnknown, errors.Join(err, unix.Close(fd))
	}
	p := &probeFile{RawFileSystem: fuse.NewDefaultRawFileSystem()}
	srv, err := fuse.NewServer(p, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		Name: "matterfs", DisableSplice: true, ExplicitDataCacheControl: true,
		ExtraCapabilities: fuse.CAP_DIRECT_IO_ALLOW_MMAP, DisabledCapabilities: fuse.CAP_PASSTHROUGH,
	})
	if err != nil {
		return SendfileUnknown, errors.Join(fmt.Errorf("serve the probe: %w", err), unix.Close(mnt))
	}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve() }()
	err = sendTwice(mnt)
	err = errors.Join(err, unix.Close(mnt))
	<-served
	switch n := p.reads.Load(); {
	case err != nil:
		return SendfileUnknown, err
	case n == 1:
		return SendfileGap, nil
	case n == 2:
		return SendfileSeen, nil
	default:
		return SendfileUnknown, fmt.Errorf("two calls of sendfile made %d reads", n)
	}
}

// detachedMount mounts the FUSE descriptor without a place in any tree.
func detachedMount(fd int) (int, error) {
	ctx, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(ctx)
	for _, o := range [][2]string{
		{"fd", fmt.Sprint(fd)}, {"rootmode", "40000"},
		{"user_id", fmt.Sprint(unix.Geteuid())}, {"group_id", fmt.Sprint(unix.Getegid())},
	} {
		if err = unix.FsconfigSetString(ctx, o[0], o[1]); err != nil {
			return -1, fmt.Errorf("fsconfig %s: %w", o[0], err)
		}
	}
	if err = unix.FsconfigCreate(ctx); err != nil {
		return -1, fmt.Errorf("fsconfig: %w", err)
	}
	mnt, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsmount: %w", err)
	}
	return mnt, nil
}

// sendTwice sends the probe's file twice.
func sendTwice(mnt int) error {
	fd, err := unix.Openat(mnt, probeName, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the probe: %w", err)
	}
	defer unix.Close(fd)
	var p [2]int
	if err = unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return err
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	for range 2 {
		var off int64
		if _, err = unix.Sendfile(p[1], fd, &off, probeSize); err != nil {
			return fmt.Errorf("sendfile: %w", err)
		}
	}
	return nil
}

// learnSendfile notes what the kernel does, for Stats and the diagnostics.
func (s *Server) learnSendfile() {
	does, err := askProber()
	s.fs.sendfile.Store(&does)
	s.fs.log.Info().Err(err).Str("sendfile", does).Msg("what this kernel does with repeated sendfile")
}

// sendfileOf is what learnSendfile found; unknown before it did.
func (f *fileSystem) sendfileOf() string {
	if does := f.sendfile.Load(); does != nil {
		return *does
	}
	return SendfileUnknown
}
