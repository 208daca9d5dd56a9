package audit

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// sealedOptions names a new log that is sealed.
func sealedOptions(t testing.TB) Options {
	o := testOptions(t)
	o.Seal = true
	return o
}

// handPaced never seals by itself: tests seal where they mean it.
func handPaced() environ {
	env := realEnviron()
	env.pace = pace{records: 1 << 30, busy: 1000 * time.Hour, idle: 1000 * time.Hour, epoch: 1000 * time.Hour, look: time.Hour}
	return env
}

func openSealed(t testing.TB, o Options, env environ) *Log {
	t.Helper()
	l, err := open(o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustSeal(t testing.TB, l *Log) {
	t.Helper()
	if err := l.seal(); err != nil {
		t.Fatal(err)
	}
}

// nextEpoch changes keys now.
func nextEpoch(t testing.TB, l *Log) {
	t.Helper()
	l.sealing.Lock()
	defer l.sealing.Unlock()
	if err := l.changeEpoch(); err != nil {
		t.Fatal(err)
	}
}

// crash leaves a log as SIGKILL does.
func crash(t testing.TB, l *Log) {
	t.Helper()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	close(l.stop)
	l.stopped.Wait()
	if err := errors.Join(l.live.Close(), l.head.close()); err != nil {
		t.Fatal(err)
	}
}

// firstKey is the verification key that init prints.
func firstKey(t testing.TB, o Options) string {
	t.Helper()
	mkdir(t, o.Dir)
	mkdir(t, o.StateDir)
	vkey, err := InitKeys(o)
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}

// verifyKept verifies as an auditor does who has the log and what they kept, but no state directory.
func verifyKept(t testing.TB, o Options, vkey string, against []byte, mute ...string) *Report {
	t.Helper()
	v := VerifyOptions{Dir: o.Dir, StoreID: o.StoreID, Against: against, mute: mute}
	if vkey != "" {
		v.Keys = []string{vkey}
	}
	rep, err := Verify(v)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func wantSealed(t testing.TB, rep *Report, to uint64, epochs uint64) {
	t.Helper()
	if rep.Code() != 0 || rep.SealedTo != to || rep.Epochs != epochs || rep.Level != LevelSeal {
		t.Fatalf("want sealed to %d, %d epochs: code %d %v, %s %d seals to %d, %d epochs", to, epochs, rep.Code(), rep.Problems,
			rep.Level, rep.Seals, rep.SealedTo, rep.Epochs)
	}
}

func TestSealsVouchForTheLog(t *testing.T) {
	o := sealedOptions(t)
	vkey := firstKey(t, o)
	l := openSealed(t, o, handPaced())
	appendN(t, l, 5) // 1 epoch, 2 seal, 3 to 7
	mustSeal(t, l)
	if n, err := l.Sealed(); n != 7 || err != nil {
		t.Fatalf("sealed %d, %v", n, err)
	}
	signed := readFile(t, filepath.Join(o.Dir, CheckpointName))
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := openCheckpoint(string(signed), v)
	if err != nil || cp.Size != 7 || cp.Origin != Origin(testStore) {
		t.Fatalf("%+v, %v", cp, err)
	}
	appendN(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantSealed(t, verifyKept(t, o, vkey, nil), 10, 1)
	rep := verifyKept(t, o, vkey, signed)
	if rep.Code() != 0 || rep.KeptTo != 7 || rep.Level != LevelCheckpoint {
		t.Errorf("code %d, kept to %d, %s", rep.Code(), rep.KeptTo, rep.Level)
	}
	if rep := verifyKept(t, o, "", nil); rep.Level != LevelNone || rep.Key != "log" || rep.SealedTo != 10 {
		t.Errorf("with the log's own key: %+v", rep)
	}
	wantClean(t, o, 11)
}

// A close without new records does not add a seal of the last seal.
func TestNothingNewIsNotSealed(t *testing.T) {
	o := sealedOptions(t)
	l := openSealed(t, o, handPaced())
	appendN(t, l, 1)
	mustSeal(t, l)
	mustSeal(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, o, 4)
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in half a minute: " + what)
		}
	}
}

func TestSealsComeByThemselves(t *testing.T) {
	for name, hurry := range map[string]func(p *pace){
		"after so many records":      func(p *pace) { p.records = 20 },
		"after so long with records": func(p *pace) { p.busy, p.look = time.Millisecond, time.Millisecond },
		"after so long without":      func(p *pace) { p.idle, p.look = time.Millisecond, time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			o := sealedOptions(t)
			env := handPaced()
			hurry(&env.pace)
			l := openSealed(t, o, env)
			appendN(t, l, 30)
			waitFor(t, "a seal", func() bool { n, _ := l.Sealed(); return n >= 20 })
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if rep := mustVerify(t, o); rep.Code() != 0 || rep.Seals < 2 {
				t.Errorf("%d seals, %v", rep.Seals, rep.Problems)
			}
		})
	}
}

// Nothing vouches for a record that is not on the medium.
func TestUnsyncedRecordsAreNotSigned(t *testing.T) {
	o := sealedOptions(t)
	f := new(faultyLive)
	env := handPaced()
	env.live = func(dir string, group int) (live liveFile, err error) {
		f.liveFile, err = openLive(dir, group)
		return f, err
	}
	l := openSealed(t, o, env)
	mustSeal(t, l)
	before := readFile(t, livePath(o))
	seal, checkpoint := lastRecord(t, o).Ev, readFile(t, filepath.Join(o.Dir, CheckpointName))
	appendN(t, l, 1)
	f.set(func(f *faultyLive) { f.sync = syscall.EIO })
	if err := l.seal(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("%v", err)
	}
	if _, err := l.Sealed(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Sealed does not tell: %v", err)
	}
	if seal != "audit.seal" || lastRecord(t, o).Ev != "read" || !bytes.HasPrefix(readFile(t, livePath(o)), before) {
		t.Errorf("last record %s", lastRecord(t, o).Ev)
	}
	if !bytes.Equal(readFile(t, filepath.Join(o.Dir, CheckpointName)), checkpoint) {
		t.Error("a checkpoint of records that are not on the medium")
	}
}

// The tree kept in the state directory only saves time: without it, or with that of another log, the same is sealed.
func TestTreeIsMadeAgain(t *testing.T) {
	other := sealedOptions(t)
	fill(t, other, 40)
	for name, change := range map[string]func(t *testing.T, path string){
		"missing": remove0, "damaged": func(t *testing.T, path string) { writeFile(t, path, []byte("MFTREE01xxxx")) },
		"of another log": func(t *testing.T, path string) {
			writeFile(t, path, readFile(t, filepath.Join(other.StateDir, treeName)))
		},
		"as it was": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			o := sealedOptions(t)
			vkey := firstKey(t, o)
			fill(t, o, 50)
			change(t, filepath.Join(o.StateDir, treeName))
			fill(t, o, 3)
			rep := verifyKept(t, o, vkey, nil)
			wantSealed(t, rep, rep.LastSeq-1, 1)
		})
	}
}

func remove0(t *testing.T, path string) { remove(t, path) }

// A log that was kept without seals is sealed from its first record on when seals are switched on.
func TestSealsOverALogThatHadNone(t *testing.T) {
	o := testOptions(t)
	fill(t, o, 12)
	o.Seal = true
	vkey := firstKey(t, o)
	fill(t, o, 1)
	rep := verifyKept(t, o, vkey, nil)
	wantSealed(t, rep, rep.LastSeq-1, 1)
}

// What sealing adds to each record while others wait for it.
func TestNotingARecordDoesNotAllocate(t *testing.T) {
	l := openSealed(t, sealedOptions(t), handPaced())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaves = make([][32]byte, 0, 1<<12)
	if n := testing.AllocsPerRun(500, func() { l.noted([32]byte{1}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	l.leaves = l.leaves[:0] // they are of no record
}

// A checkpoint of another log, or no checkpoint at all, is told as what it is.
func TestOutsideCheckpointsOfOtherLogs(t *testing.T) {
	o := sealedOptions(t)
	fill(t, o, 3)
	foreign := o
	foreign.StoreID = strings.Repeat("f", 32)
	key := testKey(1)
	for name, c := range map[string]Checkpoint{
		"another log": {Origin(foreign.StoreID), 1 << 20, [32]byte{}},
		"too long":    {Origin(o.StoreID), 1 << 20, [32]byte{}},
	} {
		signed, err := key.sign(Origin(o.StoreID), c.text())
		if err != nil {
			t.Fatal(err)
		}
		if rep := verifyKept(t, o, "", []byte(signed)); rep.Code() != 12 {
			t.Errorf("%s: code %d %v", name, rep.Code(), rep.Problems)
		}
	}
	_, err := Verify(VerifyOptions{Dir: o.Dir, StoreID: o.StoreID, Against: []byte("hello")})
	var bad *NoteError
	if !errors.As(err, &bad) {
		t.Errorf("%v", err)
	}
}
