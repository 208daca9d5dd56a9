package fs

import "syscall"

// method numbers the requests of fuse.RawFileSystem. The zero method has no row.
type method uint8

const (
	mNone method = iota
	mLookup
	mForget
	mGetAttr
	mStatx
	mSetAttr
	mMknod
	mMkdir
	mUnlink
	mRmdir
	mRename
	mLink
	mSymlink
	mReadlink
	mAccess
	mGetXAttr
	mListXAttr
	mSetXAttr
	mRemoveXAttr
	mCreate
	mTmpfile
	mOpen
	mRead
	mLseek
	mGetLk
	mSetLk
	mSetLkw
	mRelease
	mWrite
	mWritev
	mCopyFileRange
	mIoctl
	mFlush
	mFsync
	mFallocate
	mOpenDir
	mReadDir
	mReadDirPlus
	mReleaseDir
	mFsyncDir
	mStatFs
	methods
)

// class says how a request is treated before its own handler runs.
type class uint8

const (
	classNone    class = iota // no row: refused, whoever asks
	classAlways               // passes: it gives nothing away and must not fail
	classDecided              // the policy decides, by the caller's uid
	classRefused              // never served; row.errno says how
)

// row is what one method needs. ev names the event in the audit log.
type row struct {
	name  string // of the method in fuse.RawFileSystem
	class class
	ev    string
	errno syscall.Errno // for classRefused
	rule  string        // for classRefused
}

// table has one row for each method of fuse.RawFileSystem that carries a request. A test
// walks the interface and fails on a method that has none.
var table = [methods]row{
	mLookup:        {name: "Lookup", class: classDecided, ev: "lookup"},
	mForget:        {name: "Forget", class: classAlways},
	mGetAttr:       {name: "GetAttr", class: classDecided, ev: "getattr"},
	mStatx:         {name: "Statx", class: classDecided, ev: "getattr"},
	mSetAttr:       {name: "SetAttr", class: classDecided, ev: "setattr"},
	mMknod:         {name: "Mknod", class: classDecided, ev: "create"},
	mMkdir:         {name: "Mkdir", class: classDecided, ev: "mkdir"},
	mUnlink:        {name: "Unlink", class: classDecided, ev: "unlink"},
	mRmdir:         {name: "Rmdir", class: classDecided, ev: "rmdir"},
	mRename:        {name: "Rename", class: classDecided, ev: "rename"},
	mLink:          {name: "Link", class: classRefused, ev: "link", errno: syscall.EPERM, rule: "op.link"},
	mSymlink:       {name: "Symlink", class: classDecided, ev: "symlink"},
	mReadlink:      {name: "Readlink", class: classDecided, ev: "readlink"},
	mAccess:        {name: "Access", class: classDecided, ev: "access"},
	mGetXAttr:      {name: "GetXAttr", class: classDecided, ev: "getxattr"},
	mListXAttr:     {name: "ListXAttr", class: classDecided, ev: "getxattr"},
	mSetXAttr:      {name: "SetXAttr", class: classDecided, ev: "setxattr"},
	mRemoveXAttr:   {name: "RemoveXAttr", class: classDecided, ev: "setxattr"},
	mCreate:        {name: "Create", class: classDecided, ev: "create"},
	mTmpfile:       {name: "Tmpfile", class: classRefused, ev: "create", errno: syscall.EOPNOTSUPP, rule: "op.tmpfile"},
	mOpen:          {name: "Open", class: classDecided, ev: "open"},
	mRead:          {name: "Read", class: classDecided, ev: "read"},
	mLseek:         {name: "Lseek", class: classDecided, ev: "read"},
	mGetLk:         {name: "GetLk", class: classRefused, ev: "lock", errno: syscall.ENOSYS, rule: "op.lock"},
	mSetLk:         {name: "SetLk", class: classRefused, ev: "lock", errno: syscall.ENOSYS, rule: "op.lock"},
	mSetLkw:        {name: "SetLkw", class: classRefused, ev: "lock", errno: syscall.ENOSYS, rule: "op.lock"},
	mRelease:       {name: "Release", class: classAlways, ev: "close"},
	mWrite:         {name: "Write", class: classDecided, ev: "write"},
	mWritev:        {name: "Writev", class: classDecided, ev: "write"},
	mCopyFileRange: {name: "CopyFileRange", class: classDecided, ev: "write"},
	mIoctl:         {name: "Ioctl", class: classRefused, ev: "ioctl", errno: syscall.ENOTTY, rule: "op.ioctl"},
	mFlush:         {name: "Flush", class: classAlways},
	mFsync:         {name: "Fsync", class: classDecided, ev: "fsync"},
	mFallocate:     {name: "Fallocate", class: classDecided, ev: "write"},
	mOpenDir:       {name: "OpenDir", class: classDecided, ev: "list"},
	mReadDir:       {name: "ReadDir", class: classDecided, ev: "list"},
	mReadDirPlus:   {name: "ReadDirPlus", class: classDecided, ev: "list"},
	mReleaseDir:    {name: "ReleaseDir", class: classAlways},
	mFsyncDir:      {name: "FsyncDir", class: classDecided, ev: "fsync"},
	mStatFs:        {name: "StatFs", class: classDecided, ev: "statfs"},
}
