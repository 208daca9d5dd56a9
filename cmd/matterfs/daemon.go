package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"matterfs/audit"
	"matterfs/crypto/keystore"
	"matterfs/crypto/store"
	"matterfs/fs"
	"matterfs/policy"
)

const (
	// storePurpose names the key, derived from the master key, that seals what
	// belongs to no matter.
	storePurpose = "store"
	// groupsStart is how long a mount waits for the first answer about unix
	// groups before it goes on without members by group, and with every wall
	// against a group up for everybody.
	groupsStart = 5 * time.Second
	// The last record is tried again before it is given up: the log takes up
	// work again some time after its disk does.
	lastTries, lastPause = 5, 300 * time.Millisecond
)

// daemon is one served store. open takes each part in order and close gives
// them back in reverse, whichever step failed.
type daemon struct {
	a       *app
	s       settings
	mnt     string
	logger  zerolog.Logger
	started time.Time
	undo    []func()

	prepared *prepared // by the root step; nil: this process is root and stays so
	mounter  fs.Mounter

	storeID  string
	keys     *keystore.Keystore
	log      *audit.Log
	follow   *following // nil: no witness is configured
	eachRead bool       // see settings.eachRead
	store    *store.Store
	groups   *groups
	env      *policy.Env

	syncOpens bool // see settings.syncing
	budget    int  // see settings.budget

	emergency   emergency
	refusedAsks refusedAsks
	whyAsks     asks
	connections connections
	alerts      *alerts
	holding     sync.Mutex // one change of the legal hold at a time

	srv     *fs.Server
	mounted chan struct{} // closed when srv is set

	// reloads lets one reload happen at a time; it is taken before mu.
	reloads sync.Mutex
	// mu guards policy, pending, reloadErr and faults. fs has its own reference to the policy
	// and is told of a new one.
	mu        sync.Mutex
	policy    *policy.Policy
	pending   *pendingError // what is on disk waits
	reloadErr error
	faults    policyFaults

	// answering is read-locked while a request of the control socket is served,
	// and locked for good when the daemon ends.
	answering sync.RWMutex
	waiting   sync.Map // connections that wait for the end: *net.UnixConn
	// staleAt is when the policy in force becomes too old after a failed reload,
	// Unix time in nanoseconds; 0: never. Every request reads it.
	staleAt atomic.Int64
	// detached is closed when the drive has left its mountpoint; open files may
	// still be served.
	stopper    atomic.Pointer[actor] // who asked for the unmount through the socket
	detached   chan struct{}
	detachOnce sync.Once
	// What the log lacks at the end, why, and both as the error of close.
	missing            []string
	missingErr, logEnd error
}

func newDaemon(a *app, s settings, mnt string) *daemon {
	return &daemon{a: a, s: s, mnt: mnt, started: time.Now(), logger: newLogger(a.err), mounted: make(chan struct{}), detached: make(chan struct{})}
}

// newLogger writes diagnostics: lines for a person at a terminal, JSON else.
func newLogger(w io.Writer) zerolog.Logger {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.DateTime}
	}
	return zerolog.New(w).Level(zerolog.WarnLevel).With().Timestamp().Logger()
}

// open does all that can fail before anybody is served. What needs no secret
// comes first, so that a mistake in the policy is told before a passphrase is
// asked for.
func (d *daemon) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.checkPlaces, d.checkWitness, d.lock, d.checkHook, d.loadPolicy, d.unlock, d.checkStateDir, d.openLog, d.startWitness,
		d.openStore, d.openState,
		d.startPolicy, d.checkAndProvision, d.startGroups, d.mount, d.startAlerts, d.listen, d.watchPolicy,
	} {
		if err := step(ctx); err != nil {
			d.tellRefusal(err)
			return err
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
	}
	return nil
}

// close gives back what open took, newest first. Its error is what the log
// lacks; all else went to the diagnostics.
func (d *daemon) close() error {
	for len(d.undo) > 0 {
		last := len(d.undo) - 1
		undo := d.undo[last]
		d.undo = d.undo[:last]
		undo()
	}
	return d.logEnd
}

func (d *daemon) onClose(f func()) { d.undo = append(d.undo, f) }

// warn writes a failure that ends nothing to the diagnostics.
func (d *daemon) warn(what string, err error) {
	if err != nil {
		d.logger.Error().Err(err).Msg(what)
	}
}

func (d *daemon) checkPlaces(context.Context) error {
	if d.prepared != nil {
		return nil // the root step did, and could see more
	}
	if err := d.s.checkDirs(); err != nil {
		return err
	}
	return checkOverlap(append(d.s.places(), place{"mountpoint", d.mnt}))
}

func (d *daemon) lock(context.Context) error {
	if d.prepared != nil {
		k := &keeperClient{socket: d.prepared.Keeper, device: d.prepared.Device}
		d.mounter = k
		d.onClose(k.close)
		d.onClose(d.prepared.heldLock().release)
		return nil
	}
	l, err := lockStore(d.s)
	if err != nil {
		return err
	}
	d.onClose(l.release)
	return nil
}

func (d *daemon) unlock(ctx context.Context) error {
	if err := keystore.HardenProcess(); err != nil {
		return err
	}
	if _, err := keystore.ReadStoreID(d.s.Keys); err != nil {
		return keysError(d.s.Keys, err)
	}
	o, err := d.opener(ctx)
	if err != nil {
		return err
	}
	defer o.wipe()
	if d.keys, err = keystore.Open(d.s.Keys, o.unlock); err != nil {
		return fmt.Errorf("keys %s, opened with %s: %w", d.s.Keys, o.from, err)
	}
	d.onClose(d.keys.Lock)
	d.storeID = d.keys.StoreID().String()
	if d.prepared == nil {
		d.warn("publish the store id", d.s.publishID(d.storeID))
	}
	return nil
}

func (d *daemon) opener(ctx context.Context) (*opener, error) {
	if d.prepared != nil {
		return d.prepared.opener()
	}
	return d.a.findOpener(ctx, d.s)
}

// keysError names the directory where the library names only the trouble.
func keysError(dir string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("keys %s: %w", dir, err)
}

func (d *daemon) openLog(context.Context) error {
	retain, err := d.s.retention()
	if err == nil {
		d.eachRead, err = d.s.eachRead()
	}
	if err != nil {
		return err
	}
	interval, opens, err := d.s.syncing()
	if err == nil {
		d.budget, err = d.s.budget()
	}
	if err != nil {
		return err
	}
	d.syncOpens = opens
	group := d.auditGroup()
	l, err := audit.Open(audit.Options{Dir: d.s.Log, StateDir: d.s.State, StoreID: d.storeID, Now: time.Now, Group: group,
		Seal: true, Rotate: true, Retain: retain, SyncInterval: interval, Reserve: audit.ReserveFor(d.s.Log)})
	if err != nil {
		return &logError{err}
	}
	d.log = l
	d.onClose(d.endWitness)
	d.onClose(d.closeLog)
	d.warn("give the log to its readers", ownLog(d.s.Log, group))
	return nil
}

// auditGroup is the group that the log is given to, -1 for none.
func (d *daemon) auditGroup() int {
	if d.prepared == nil {
		return auditGID()
	}
	if g := d.prepared.Who.Groups; len(g) > 0 {
		return int(g[0])
	}
	return -1
}

// closeLog is the end of the records. Those who see to it that all is recorded
// must hear of it when it is not.
func (d *daemon) closeLog() {
	err := d.log.Close()
	missing := d.missing
	if err != nil {
		missing = append(missing, "what was refused since the log failed")
	}
	if missing == nil {
		return
	}
	last, _ := d.log.Head()
	d.logEnd = &logEndError{last, strings.Join(missing, "; "), errors.Join(d.missingErr, err)}
	d.lastWord(d.logEnd)
}

func (d *daemon) openStore(context.Context) error {
	disk, err := store.OpenOSDisk(d.s.Data)
	if err != nil {
		return err
	}
	key := d.keys.StoreKey(storePurpose)
	defer key.Wipe()
	d.store, err = store.Open(disk, d.keys.StoreID(), key, d.keys, store.Options{
		Logger: d.storeLogger, Now: time.Now, Recovered: d.recordRecovery, Descriptors: descriptorLimit,
	})
	if err != nil {
		return fmt.Errorf("data %s: %w", d.s.Data, err)
	}
	d.onClose(func() { d.warn("close store", d.store.Close()) })
	return nil
}

// descriptorLimit is how many descriptors this process may have now.
func descriptorLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return wantFiles
	}
	return int(min(l.Cur, math.MaxInt32))
}

// storeLogger receives the store's diagnostics: key, value, key, value.
func (d *daemon) storeLogger(msg string, kv ...any) {
	d.logger.Warn().Fields(kv).Msg(msg)
}

// startGroups gives the resolver a moment, so that members by group are not
// refused right after a start; a slow directory service does not stop a mount.
func (d *daemon) startGroups(ctx context.Context) error {
	// Nothing is told before there is a drive to tell: the goroutine waits for
	// it, and the timer is far longer than a start.
	d.groups = newGroups(d.groupQuestions, d.refreshDrive)
	d.env = &policy.Env{Groups: d.groups.member, Fault: d.fault, Disabled: d.emergency.disabled, Frozen: d.emergency.frozen}
	first := make(chan struct{})
	run, stop := context.WithCancel(context.Background())
	d.onClose(stop)
	go func() {
		d.groups.refresh()
		close(first)
		select {
		case <-d.mounted:
			d.refreshDrive() // the answer may have come after the first requests
			d.groups.run(run)
		case <-run.Done():
		}
	}()
	select {
	case <-first:
	case <-time.After(groupsStart):
	case <-ctx.Done():
	}
	return nil
}

// refreshDrive makes the drive decide anew what it has decided.
func (d *daemon) refreshDrive() {
	select {
	case <-d.mounted:
		d.srv.Refresh()
	default:
	}
}

// groupQuestions is who may be asked about: the users and the unix groups of
// the policy in force.
func (d *daemon) groupQuestions() (users, groups []string) {
	p := d.currentPolicy()
	for _, u := range p.Users() {
		users = append(users, u.Name)
	}
	return users, p.UnixGroups()
}

func (d *daemon) currentPolicy() *policy.Policy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.policy
}

func (d *daemon) mount(context.Context) error {
	srv, err := fs.Mount(fs.Options{
		Mountpoint: d.mnt, FSName: sourceName(d.storeID), Store: d.store, Policy: d.policy,
		Env: d.env, Audit: d.log, Logger: d.logger, Now: time.Now, Mounter: d.mounter, OwnFolders: true,
		EachRead: d.eachRead, SyncOpens: d.syncOpens, Budget: d.budget,
		Seen: d.alerts.seen,
	})
	if err != nil {
		return &fuseError{err}
	}
	d.srv = srv
	d.warn("start the guard", d.guard())
	d.recallRefusals()
	close(d.mounted)
	if err := d.record(self(), audit.Record{Ev: "mount", Res: "ok", Note: d.mnt}); err != nil {
		return errors.Join(err, srv.Unmount(true))
	}
	d.onClose(d.recordUnmount)
	return nil
}

// recordUnmount is the last record: after it nothing was served.
func (d *daemon) recordUnmount() {
	who := self()
	if asked := d.stopper.Load(); asked != nil {
		who = *asked
	}
	err := d.record(who, audit.Record{Ev: "umount", Res: "ok", Note: d.mnt})
	for i := 0; i < lastTries && errors.Is(err, audit.ErrUnavailable); i++ {
		time.Sleep(lastPause)
		err = d.record(who, audit.Record{Ev: "umount", Res: "ok", Note: d.mnt})
	}
	if err != nil {
		d.missing = append(d.missing, fmt.Sprintf("the unmount of %s by uid %d", d.mnt, who.uid))
		d.missingErr = err
	}
}

// sourceName is what /proc/mounts shows in its first column.
func sourceName(storeID string) string { return "matterfs:" + storeID }
