package fs

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"matterfs/audit"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// Options is everything a mount needs. All but Env, Logger, Now and Seen must be set.
type Options struct {
	Mountpoint string           // an existing directory
	FSName     string           // shown as the source in /proc/mounts; default "matterfs"
	Store      *store.Store     // open; the mount does not close it
	Policy     *policy.Policy   // decides every request until SetPolicy
	Env        *policy.Env      // group membership and the emergency list
	Audit      *audit.Log       // open; the mount does not close it
	Logger     zerolog.Logger   // diagnostics; never names, keys or content
	EachRead   bool             // a record for each read, where the level does not say otherwise; else one covers those that follow
	Budget     int              // records a second that a uid may cause for long; 0: any number
	SyncOpens  bool             // every open waits until its record is on the medium, not only at levels that ask for it
	OwnFolders bool             // gives each user a folder at the root with the list of what they were refused
	Now        func() time.Time // default time.Now
	Mounter    Mounter          // default: this process mounts and unmounts

	// Seen is told of each record of a request, by the request itself, before it is answered: it must not wait, take a lock that
	// somebody holds while they talk to the kernel, or keep the record. nil: nobody is told.
	Seen func(*audit.Record)
}

// fileSystem answers the kernel; it implements fuse.RawFileSystem.
type fileSystem struct {
	opts      Options
	log       zerolog.Logger
	now       func() time.Time
	started   time.Time
	daemonUID uint32

	state    atomic.Pointer[state]
	roots    atomic.Pointer[map[string]*store.Object]
	names    atomic.Pointer[rootNames]
	nodes    *nodeTable
	handles  *handleTable
	procs    *procCache
	refusals *refusals
	dropper  *dropper
	misses   *misses
	notices  *notices
	budgets  *budgets
	mender   *mender
	damaged  atomic.Uint64 // answers of EIO because of damage on the backing disk

	off switches // set by tests only

	sendfile atomic.Pointer[string] // what the kernel does; nil before it is known

	// Set by the Server: make the kernel forget names, inside a handler; names and attributes.
	void, voidAll, forgetPages func()
}

// Server is one mounted drive.
type Server struct {
	fs     *fileSystem
	fuse   *fuse.Server
	kernel channel

	withoutEpoch bool // set by tests and benchmarks: behave as on a kernel that does not know INC_EPOCH

	swap  sync.Mutex // one change of policy at a time; guards ended
	ended bool
	stop  chan struct{}
	work  sync.WaitGroup
}

func newFileSystem(o Options) *fileSystem {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FSName == "" {
		o.FSName = "matterfs"
	}
	if o.Mounter == nil {
		o.Mounter = direct{}
	}
	f := &fileSystem{
		opts: o, log: o.Logger, started: o.Now().Truncate(time.Second), daemonUID: uint32(os.Geteuid()),
		nodes: newNodeTable(), handles: newHandleTable(), procs: newProcCache(), refusals: newRefusals(), dropper: newDropper(),
		misses: newMisses(), notices: newNotices(), budgets: newBudgets(o.Budget),
	}
	f.now = (&steady{read: o.Now, off: &f.off}).now
	f.mender = newMender(f)
	f.state.Store(&state{policy: o.Policy, env: o.Env, gen: 1})
	f.loadRoots()
	return f
}

// Mount mounts the drive; Serve then answers. The error is a *MountError or go-fuse's own.
func Mount(o Options) (*Server, error) { return mount(newFileSystem(o)) }

func mount(f *fileSystem) (*Server, error) {
	mountpoint := f.opts.Mountpoint
	fd, err := f.opts.Mounter.Mount(mountpoint, f.opts.FSName)
	if err != nil {
		return nil, err
	}
	s := &Server{fs: f, stop: make(chan struct{}), withoutEpoch: oldKernel}
	f.void, f.voidAll = s.voidInHandler, s.voidAll
	f.forgetPages = func() { s.invalidate(f.nodes.live()) }
	f.dropper.pages = func(id uint64) { s.fuse.InodeNotify(id, 0, 0) }
	f.dropper.attrs = func(id uint64) { s.fuse.InodeNotify(id, -1, 0) }
	if s.kernel.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		s.fuse, err = fuse.NewServer(newFront(f), fmt.Sprintf("/dev/fd/%d", fd), f.mountOptions())
	}
	if err != nil {
		s.kernel.close()
		return nil, errors.Join(err, f.opts.Mounter.Unmount(mountpoint, true))
	}
	s.background()
	return s, nil
}

// mountOptions are the capabilities that enforcement rests on (see the package comment).
func (f *fileSystem) mountOptions() *fuse.MountOptions {
	opts := &fuse.MountOptions{
		Name: "matterfs", FsName: f.opts.FSName,
		AllowOther: true, MaxWrite: maxIO, DisableSplice: true, MaxBackground: maxBackground,
		ExplicitDataCacheControl: true,
		// Without ASYNC_DIO the kernel reads on from the same place when an io_uring asked for
		// more than the file has, and answers the content again and again.
		ExtraCapabilities: fuse.CAP_DIRECT_IO_ALLOW_MMAP | fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_READDIRPLUS_AUTO | fuse.CAP_ASYNC_DIO,
		DisabledCapabilities: fuse.CAP_PASSTHROUGH | fuse.CAP_ALLOW_IDMAP | fuse.CAP_WRITEBACK_CACHE |
			fuse.CAP_NO_OPEN_SUPPORT | fuse.CAP_NO_OPENDIR_SUPPORT,
		PanicHandler: f.panicked,
	}
	if f.off.on(checkExport) {
		opts.ExtraCapabilities |= fuse.CAP_NO_EXPORT_SUPPORT
		opts.DisabledCapabilities |= fuse.CAP_EXPORT_SUPPORT
	} else {
		opts.ExtraCapabilities |= fuse.CAP_EXPORT_SUPPORT
	}
	return opts
}

// panicked turns a panic in a handler into EIO and a record; the mount lives on.
func (f *fileSystem) panicked(v any) fuse.Status {
	f.log.Error().Str("panic", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("a request failed inside matterfs")
	rec := &audit.Record{Ev: "panic", Res: "EIO", AUID: -1, OUID: -1, Note: fmt.Sprint(v)}
	if _, err := f.opts.Audit.Append(rec); err != nil {
		f.log.Error().Err(err).Msg("the panic could not be recorded")
	}
	return fuse.EIO
}

// background starts the goroutine that ends windows of refusals and notices when someone's
// access to an open file runs out.
func (s *Server) background() {
	s.work.Go(s.learnSendfile)
	s.fs.mender.start()
	s.work.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.flushRefusals(time.Now())
				s.fs.settleFiles(time.Now())
				s.tellFloods(false)
				for _, name := range s.fs.misses.overdue() {
					s.fs.mender.add(s.fs.nodes.root, name)
				}
				if s.fs.anyExpired() {
					s.Refresh()
				}
			}
		}
	})
}

// flushRefusals writes counts that are due. What cannot be written stays counted.
func (s *Server) flushRefusals(now time.Time) {
	if err := s.fs.refusals.flush(s.fs, now); err != nil {
		s.fs.log.Warn().Err(err).Msg("repeated refusals wait for the audit log")
	}
}

// Serve answers requests until the drive is unmounted, then closes what is still open.
func (s *Server) Serve() {
	s.fuse.Serve()
	s.end()
	for _, h := range s.fs.handles.drain() {
		if h.file != nil {
			r := &request{fs: s.fs, m: mRelease, hdr: &fuse.InHeader{}, st: s.fs.state.Load(), node: h.node, on: targetOf(h.node)}
			s.fs.closeHandle(r, h)
		}
	}
	s.fs.nodes.close()
	s.flushRefusals(time.Time{})
	s.tellFloods(false)
	s.tellFloods(true)
}

// end stops what works beside the requests.
func (s *Server) end() {
	s.swap.Lock()
	s.ended = true
	s.swap.Unlock()
	close(s.stop)
	s.work.Wait()
	s.fs.dropper.stop()
	s.fs.mender.stop()
	s.kernel.close()
}

// Unmount asks the kernel to take the drive away; Serve returns when it has. Without lazy it
// fails with EBUSY while files are open.
func (s *Server) Unmount(lazy bool) error {
	defer s.fs.mender.pause()()
	return s.fs.opts.Mounter.Unmount(s.fs.opts.Mountpoint, lazy)
}

// Policy is the policy that decides now.
func (s *Server) Policy() *policy.Policy { return s.fs.state.Load().policy }

// SetPolicy makes p decide from the next request on, and makes the kernel forget what it
// cached under the old one. When it returns, names, attributes and clean pages are void;
// a request that was being answered is decided again before its bytes leave.
func (s *Server) SetPolicy(p *policy.Policy) { s.change(p, s.fs.opts.Env) }

// Refresh decides anew under the same policy: a group or the emergency list has changed.
func (s *Server) Refresh() { s.change(s.Policy(), s.fs.opts.Env) }

func (s *Server) change(p *policy.Policy, env *policy.Env) {
	s.swap.Lock()
	defer s.swap.Unlock()
	if s.ended {
		return
	}
	s.fs.state.Store(&state{policy: p, env: env, gen: s.fs.state.Load().gen + 1})
	s.fs.loadRoots()
	s.fs.judgeHandles() // before the kernel is made to send dirty pages
	if s.fs.off.on(checkVoid) {
		s.voidNames()
		s.invalidate(s.fs.nodes.live())
	}
}

// Stats are the mount's gauges.
type Stats struct {
	Mountpoint string    `json:"mountpoint"`
	Started    time.Time `json:"started"`
	Nodes      int       `json:"nodes"`
	Handles    int       `json:"handles"`
	Generation uint64    `json:"generation"`
	Damaged    uint64    `json:"damaged"`  // requests that met damage on the backing disk
	Sendfile   string    `json:"sendfile"` // what the kernel does with repeats: seen, gap, unknown
	Floods     []Flood   `json:"floods,omitempty"`
}

// Stats reports the gauges of the mount.
func (s *Server) Stats() Stats {
	return Stats{
		Mountpoint: s.fs.opts.Mountpoint, Started: s.fs.started, Nodes: len(s.fs.nodes.live()),
		Handles: s.fs.handles.count(), Generation: s.fs.state.Load().gen, Damaged: s.fs.damaged.Load(),
		Sendfile: s.fs.sendfileOf(), Floods: s.fs.budgets.floods(),
	}
}
