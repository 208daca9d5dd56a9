// Command ref mounts a plain directory with go-fuse's loopback file system: no encryption, no policy, no log. It is the
// limit that Go and FUSE set, and so a yardstick for `make bench`.
//
//	ref [-direct] BACKING MOUNTPOINT
//
// The kernel's passthrough is refused: with it reads and writes would not reach the process at all, which no auditing
// file system can allow. With -direct each open answers FOPEN_DIRECT_IO, so that every read(2) is a request, as it is
// with matterfs. The process serves until it is unmounted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	direct := flag.Bool("direct", false, "answer every open with FOPEN_DIRECT_IO")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: ref [-direct] BACKING MOUNTPOINT")
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), flag.Arg(1), *direct); err != nil {
		fmt.Fprintln(os.Stderr, "ref:", err)
		os.Exit(1)
	}
}

func serve(backing, mountpoint string, direct bool) error {
	root, err := newRoot(backing, direct)
	if err != nil {
		return err
	}
	timeout := time.Second
	server, err := fs.Mount(mountpoint, root, &fs.Options{
		AttrTimeout: &timeout, EntryTimeout: &timeout,
		MountOptions: fuse.MountOptions{
			FsName: "ref", Name: "ref", AllowOther: true, DirectMount: true, DisableSplice: true, MaxWrite: 1 << 20,
			DisabledCapabilities: fuse.CAP_PASSTHROUGH,
			ExtraCapabilities:    fuse.CAP_DIRECT_IO_ALLOW_MMAP,
		},
	})
	if err != nil {
		return err
	}
	server.Wait()
	return nil
}

// node is a loopback node whose opens carry an extra flag.
type node struct {
	*fs.LoopbackNode
	extra uint32
}

var (
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeCreater     = (*node)(nil)
	_ fs.NodeWrapChilder = (*node)(nil)
)

func newRoot(backing string, direct bool) (fs.InodeEmbedder, error) {
	inner, err := fs.NewLoopbackRoot(backing)
	if err != nil {
		return nil, err
	}
	var extra uint32
	if direct {
		extra = fuse.FOPEN_DIRECT_IO
	}
	root := &node{inner.(*fs.LoopbackNode), extra}
	root.RootData.RootNode = root
	return root, nil
}

// WrapChild makes every node below the root one of ours.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{ops.(*fs.LoopbackNode), n.extra}
}

// Open adds the flag to the loopback's answer. O_DIRECT is the caller's word to the kernel about the mount; on the backing
// file it would measure the disk, which the encrypting file systems read through the page cache.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, out, errno := n.LoopbackNode.Open(ctx, flags&^syscall.O_DIRECT)
	return h, out | n.extra, errno
}

// Create adds the flag, as Open does.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, h, open, errno := n.LoopbackNode.Create(ctx, name, flags&^syscall.O_DIRECT, mode, out)
	return inode, h, open | n.extra, errno
}
