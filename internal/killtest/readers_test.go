//go:build kills

package killtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// readers are eight people, each a process; the last four may only read.
var readers = []int{10021, 10022, 10023, 10024, 10025, 10026, 10027, 10028}

// sharedFiles are read by all of them at once.
var sharedFiles = []struct {
	name string
	size int64
}{{"便条.txt", 700}, {"合同.docx", 300_001}, {"卷宗.pdf", 6 << 20}, {"录像.mp4", 48 << 20}}

// mappedName is a file that only one of them maps: the pages of a file that many map are there for all of them.
func mappedName(uid int) string { return fmt.Sprintf("映射-%d.bin", uid) }

const mappedSize = 2 << 20

// defaultReadKills is how often the daemon is killed; each time somebody must have been reading for a moment.
const defaultReadKills = 100

// readersRun is one series of kills of a daemon that people read from.
type readersRun struct {
	t    *testing.T
	d    *drive
	r    *rand.Rand
	self string
	log  logReader

	kills, reads, handles   int
	bytes, fills, records   int64
	found, windows, offered int
}

// TestKilledUnderReaders: every byte that anybody was given is covered by a record of that person and that handle, however
// the daemon ends.
func TestKilledUnderReaders(t *testing.T) {
	if os.Getenv("KILLTEST_PEER") != "" {
		t.Skip("a peer has no log")
	}
	seed, kills := number(t, "KILLTEST_SEED", uint64(time.Now().UnixNano())), int(number(t, "KILLTEST_READS", defaultReadKills))
	t.Logf("KILLTEST_SEED=%d", seed)
	x := &readersRun{t: t, d: newDrive(t), r: rand.New(rand.NewPCG(seed, 4))}
	x.self, x.log.dir = copySelf(t, x.d.tmp), x.d.log
	x.settle()
	for range kills {
		x.cycle()
	}
	x.end()
}

func (x *readersRun) folder() string { return filepath.Join(x.d.work, "卷宗") }

// settle writes the files.
func (x *readersRun) settle() {
	x.t.Helper()
	x.d.start()
	must(x.t, asUser(people[0], func() error {
		err := os.Mkdir(x.folder(), 0o770)
		for i, f := range sharedFiles {
			err = errors.Join(err, os.WriteFile(filepath.Join(x.folder(), f.name), content(uint64(i), f.size), 0o660))
		}
		for _, uid := range readers {
			err = errors.Join(err, os.WriteFile(filepath.Join(x.folder(), mappedName(uid)), content(uint64(uid), mappedSize), 0o660))
		}
		return err
	}))
	x.d.kill()
	_, err := x.log.lines()
	must(x.t, err)
}

// readerRun is one reader from a start of the daemon to its kill.
type readerRun struct {
	uid int
	cmd *exec.Cmd
	in  *json.Decoder
	got given
}

// cycle lets all read for a moment, kills the daemon and judges.
func (x *readersRun) cycle() {
	x.t.Helper()
	x.d.start()
	list := make([]*readerRun, 0, len(readers))
	for _, uid := range readers {
		list = append(list, x.begin(uid))
	}
	for _, r := range list {
		var ready given
		if err := r.in.Decode(&ready); err != nil || !ready.Ready {
			x.t.Fatalf("uid %d does not read: %+v, %v", r.uid, ready, err)
		}
	}
	time.Sleep(time.Duration(20+x.r.IntN(230)) * time.Millisecond)
	x.d.kill()
	x.kills++
	for _, r := range list {
		must(x.t, r.in.Decode(&r.got))
		_ = r.cmd.Wait() // it has said all that it had to say
		if r.got.Ended == "" {
			x.t.Fatalf("uid %d says nothing of its end: %+v", r.uid, r.got)
		}
	}
	lines, err := x.log.lines()
	must(x.t, err)
	x.judge(list, lines)
}

func (x *readersRun) begin(uid int) *readerRun {
	x.t.Helper()
	cmd := exec.Command(x.self, fmt.Sprint(x.r.Uint64()))
	cmd.Env, cmd.Dir, cmd.Stderr, cmd.SysProcAttr = []string{readerEnv + "=" + x.folder()}, "/", os.Stderr, credential(uid)
	said, err := cmd.StdoutPipe()
	must(x.t, err, cmd.Start())
	return &readerRun{uid: uid, cmd: cmd, in: json.NewDecoder(io.Reader(said))}
}

// opened finds the number of a reader's handle: people open their files one after the other, so that the order in the log
// is theirs.
func opened(lines []logLine, uid int, path string, nth int) uint64 {
	for _, l := range lines {
		if l.Ev == "open" && l.Res == "ok" && l.UID == uid && l.Path == path {
			if nth == 0 {
				return l.H
			}
			nth--
		}
	}
	return 0
}

// judge holds what everybody was given against the records of the handle that gave it.
func (x *readersRun) judge(list []*readerRun, lines []logLine) {
	x.t.Helper()
	by := map[uint64][]logLine{}
	for _, l := range lines {
		if l.gives() {
			by[l.H] = append(by[l.H], l)
			if x.records++; l.Ev == "fill" {
				x.fills++
			}
		}
	}
	for _, r := range list {
		x.reads += r.got.Reads
		for _, h := range r.got.Handles {
			path := filepath.Join("卷宗", h.Name)
			id := opened(lines, r.uid, path, h.Nth)
			if id == 0 {
				x.t.Fatalf("uid %d opened %s, and no record says so", r.uid, path)
			}
			x.judgeHandle(r.uid, path, &h, by[id])
		}
	}
}

func (x *readersRun) judgeHandle(uid int, path string, h *holder, records []logLine) {
	x.t.Helper()
	var got, covered, alone []span
	for _, g := range h.Got {
		got = append(got, span{uid, path, g[0], g[1]})
		x.bytes += g[1] - g[0]
	}
	for i := range records {
		covered = append(covered, records[i].spans()...)
		alone = append(alone, records[i].spans()[0])
	}
	x.handles++
	if bad := uncovered(got, covered); bad != nil {
		x.t.Fatalf("kill %d: %d ranges are not covered; %s", x.kills, len(bad), bad[0])
	}
	// Control: the judge misses records that are not there, and windows that are not looked at.
	if got == nil {
		return
	}
	x.offered++
	if uncovered(got, nil) != nil {
		x.found++
	}
	if uncovered(got, alone) != nil {
		x.windows++
	}
}

// end asks whether the run was worth its name, and for the whole log.
func (x *readersRun) end() {
	x.t.Helper()
	x.t.Logf("%d kills, and the longest end took %v; %d people were given %d MiB in %d reads and page touches through %d handles; %d records, %d of them fills; %d handles gave more than the reads on record, all of it announced",
		x.kills, x.d.slow.Round(time.Millisecond), len(readers), x.bytes>>20, x.reads, x.handles, x.records, x.fills, x.windows)
	if x.found != x.offered || x.windows == 0 || x.fills == 0 || x.reads < 50*x.kills || int64(x.reads) < x.records {
		x.t.Errorf("the run shows too little: %d of %d handles without records were found", x.found, x.offered)
	}
	x.d.start()
	x.d.must(x.d.argv[0], "umount", x.d.mnt)
	x.t.Log(x.d.must(x.d.argv[0], "audit", "verify", filepath.Dir(x.d.log)))
}
