//go:build kills

package killtest

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const workerEnv = "KILLTEST_WORKER"

// What a full run must have seen, for each kill: acknowledged fsyncs, and kills inside a write or rename.
const (
	defaultKills  = 200
	fsyncsPerKill = 50
	insideShare   = 4 // one in so many
)

// maxLag is how long after the cue a kill may come.
const maxLag = 40 * time.Millisecond

func TestMain(m *testing.M) {
	seed := uint64(0)
	if len(os.Args) > 1 {
		seed, _ = strconv.ParseUint(os.Args[1], 10, 64) // of the processes below; the tests have flags there
	}
	if dir := os.Getenv(readerEnv); dir != "" {
		runReader(dir, seed)
		return
	}
	if root := os.Getenv(workerEnv); root != "" {
		if err := runWorker(root, seed); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func number(t *testing.T, name string, or uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return n
}

// moment is when a kill comes.
type moment string

const (
	underLoad  moment = "under load"
	inRecovery moment = "under load, after one during recovery"
	inReload   moment = "during a policy reload"
	inUnmount  moment = "during unmount"
	afterWork  moment = "after everybody's files were closed at once"
)

// run is one series of kills.
type run struct {
	t       *testing.T
	d       *drive
	r       *rand.Rand
	self    string // the test program where every uid reaches it
	models  map[int]model
	pending map[int]*op
	got     []span // since the log was looked at
	log     logReader

	moments               map[moment]int
	fsyncs, answered, bad int
	inside, kills, unread int
}

// TestKills is the whole story; see the package's comment.
func TestKills(t *testing.T) {
	seed, kills := number(t, "KILLTEST_SEED", uint64(time.Now().UnixNano())), int(number(t, "KILLTEST_KILLS", defaultKills))
	t.Logf("KILLTEST_SEED=%d", seed)
	x := &run{t: t, d: newDrive(t), r: rand.New(rand.NewPCG(seed, 2)), models: map[int]model{}, pending: map[int]*op{}, moments: map[moment]int{}}
	x.self, x.log.dir = copySelf(t, x.d.tmp), x.d.log
	x.settle()
	for n := range kills {
		x.cycle(x.moment(n))
	}
	x.d.start()
	x.judge()
	x.end()
}

func copySelf(t *testing.T, dir string) string {
	t.Helper()
	name, err := os.Executable()
	must(t, err)
	b, err := os.ReadFile(name)
	must(t, err)
	to := filepath.Join(dir, "worker")
	must(t, os.WriteFile(to, b, 0o755))
	return to
}

// settle makes each worker's folder.
func (x *run) settle() {
	x.t.Helper()
	x.d.start()
	if x.d.log == "" {
		must(x.t, os.Chmod(x.d.work, 0o777))
	}
	for _, uid := range people {
		must(x.t, asUser(uid, func() error { return os.MkdirAll(filepath.Join(x.d.folder(uid), dirA), 0o770) }))
		x.models[uid] = model{files: map[string][]byte{}, dir: dirA}
	}
	x.d.kill()
}

func (x *run) moment(n int) moment {
	if x.d.log == "" {
		return underLoad
	}
	return []moment{underLoad, inRecovery, underLoad, inReload, underLoad, inUnmount, underLoad, afterWork}[n%8]
}

// cycle starts the daemon, judges what the kill before left, lets everybody work and kills again.
func (x *run) cycle(when moment) {
	x.t.Helper()
	x.moments[when]++
	if when == inRecovery {
		x.d.launch()
		x.lag()
		x.kill()
	}
	x.d.start()
	x.judge()
	x.work(when)
}

func (x *run) lag() { time.Sleep(time.Duration(x.r.Int64N(int64(maxLag)))) }

func (x *run) kill() {
	x.d.kill()
	x.kills++
}

// judge compares every folder with its model, and the log with what was given. What is found is the new model.
func (x *run) judge() {
	x.t.Helper()
	for _, uid := range people {
		var found model
		err := asUser(uid, func() (err error) { found, err = scan(x.d.folder(uid)); return err })
		if err != nil {
			x.unread++
			x.failed("uid %d: %v; the operation not answered was %v", uid, err, x.pending[uid])
		} else if why := x.models[uid].explains(found, x.pending[uid]); why != "" {
			x.failed("uid %d: %s", uid, why)
		}
		x.models[uid], x.pending[uid] = found, nil
		if err != nil {
			x.clear(uid)
		}
	}
	x.judgeLog()
}

// clear begins anew where a peer has lost a file, so that each loss counts once.
func (x *run) clear(uid int) {
	x.t.Helper()
	dir := x.d.folder(uid)
	must(x.t, asUser(uid, func() error { return errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, dirA), 0o770)) }))
	x.models[uid] = model{files: map[string][]byte{}, dir: dirA}
}

// failed reports one loss. A peer is only watched.
func (x *run) failed(format string, args ...any) {
	x.t.Helper()
	x.bad++
	if x.d.log == "" {
		x.t.Logf(format, args...)
		return
	}
	x.t.Fatalf(format, args...)
}

func (x *run) judgeLog() {
	x.t.Helper()
	if x.d.log == "" {
		return
	}
	records, err := x.log.reads()
	must(x.t, err)
	if bad := uncovered(x.got, records); bad != nil {
		x.failed("%d reads are not covered by the log; %s", len(bad), bad[0])
	}
	x.got = nil
}

// end asks for the whole log and the whole tree, and whether the run was worth its name.
func (x *run) end() {
	x.t.Helper()
	x.t.Logf("%d kills %v, %d inside a write or rename; %d operations answered, %d of them fsyncs; %d violations, %d of them unreadable folders",
		x.kills, x.moments, x.inside, x.answered, x.fsyncs, x.bad, x.unread)
	if x.inside*insideShare < x.kills || x.fsyncs < x.kills*fsyncsPerKill {
		x.t.Errorf("too little was going on: want one kill in %d inside a write or rename, and %d fsyncs a kill", insideShare, fsyncsPerKill)
	}
	if x.d.log != "" {
		x.d.must(x.d.argv[0], "umount", x.d.mnt)
		x.t.Log(x.d.must(x.d.argv[0], "audit", "verify", filepath.Dir(x.d.log)))
		x.t.Log(x.d.must(x.d.argv[0], "fsck", filepath.Dir(x.d.log)))
	}
}
