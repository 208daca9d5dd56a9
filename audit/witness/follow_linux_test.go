package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"matterfs/audit"
)

const testStore = "00112233445566778899aabbccddeeff"

// drive is a real log with the clock in the test's hands.
type drive struct {
	*audit.Log
	o    audit.Options
	vkey string
	skew *atomic.Int64
}

func newDrive(t testing.TB) *drive {
	t.Helper()
	dir := t.TempDir()
	d := &drive{skew: new(atomic.Int64)}
	now := func() time.Time { return time.Now().Add(time.Duration(d.skew.Load())) }
	d.o = audit.Options{Dir: filepath.Join(dir, "log"), StateDir: filepath.Join(dir, "state"), StoreID: testStore, Seal: true, Now: now, SyncInterval: time.Hour}
	for _, p := range []string{d.o.Dir, d.o.StateDir} {
		if err := os.MkdirAll(p, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if d.vkey, err = audit.InitKeys(d.o); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	return d
}

func (d *drive) open(t testing.TB) {
	t.Helper()
	var err error
	if d.Log, err = audit.Open(d.o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
}

// work writes n records and seals them.
func (d *drive) work(t testing.TB, n int) {
	t.Helper()
	for i := range n {
		if _, err := d.Append(&audit.Record{Ev: "read", Res: "ok", User: "zhang.wei", AUID: -1, OUID: -1, Path: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Seal(); err != nil {
		t.Fatal(err)
	}
}

// hour lets an hour pass, after which another key seals.
func (d *drive) hour(t testing.TB) {
	t.Helper()
	d.skew.Add(int64(time.Hour + time.Second))
	d.work(t, 1)
	d.work(t, 1)
}

func (d *drive) follower(t testing.TB, s *service) *Follower {
	t.Helper()
	f, err := NewFollower(FollowOptions{URL: s.url, Key: s.Key(), Log: d.Log, Now: d.o.Now, Warn: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func submit(t testing.TB, f *Follower) {
	t.Helper()
	if err := f.Submit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// verify reads the log as an auditor with the keys of log and witness.
func (d *drive) verify(t testing.TB, s *service, against []byte) *audit.Report {
	t.Helper()
	rep, err := audit.Verify(audit.VerifyOptions{Dir: d.o.Dir, StoreID: testStore, Keys: []string{d.vkey}, Witness: []string{s.Key()}, Against: against})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// wantWitnessed fails unless the log is in order and a witness vouches for it to that record.
func (d *drive) wantWitnessed(t testing.TB, s *service, to uint64) {
	t.Helper()
	rep := d.verify(t, s, nil)
	if rep.Code() != 0 || rep.Level != audit.LevelWitness || rep.KeptTo != to || len(rep.Witnesses) != 1 {
		t.Fatalf("code %d, level %s to %d, want %d, by %v: %v\n%s", rep.Code(), rep.Level, rep.KeptTo, to, rep.Witnesses, rep.Problems, rep.Assurance)
	}
}

func (d *drive) sealed() uint64 {
	_, n := d.Checkpoint()
	return n
}

// noted are the notes of the records audit.witness.
func (d *drive) noted(t testing.TB) (list []string) {
	t.Helper()
	err := audit.ReadRecords(d.o.Dir, func(_ []byte, r *audit.Parsed) error {
		if r.Ev == "audit.witness" {
			list = append(list, r.Res+" "+r.Note)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A log is followed through changes of keys, with the witness there all the time.
func TestLogIsFollowedOverItsKeys(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 3)
	f := d.follower(t, s)
	submit(t, f)
	d.wantWitnessed(t, s, d.sealed())
	for range 4 {
		d.work(t, 7)
		submit(t, f)
		d.hour(t)
		submit(t, f)
		d.wantWitnessed(t, s, d.sealed())
	}
	if st := f.State(); st.Error != "" || st.Fork || st.Size != d.sealed() {
		t.Errorf("%+v", st)
	}
	if list := d.noted(t); len(list) != 5 || !strings.HasPrefix(list[0], "ok witness witness.example/w1 signed records 1 to ") {
		t.Errorf("one record an hour is wanted: %q", list)
	}
}

// Between the last seal of a key and the first of the next one there is nothing to sign, and nothing wrong.
func TestBetweenTwoKeys(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	f := d.follower(t, s)
	d.work(t, 3)
	submit(t, f)
	for range 3 {
		was := f.State()
		d.skew.Add(int64(time.Hour + time.Second))
		d.work(t, 1)
		for range 2 {
			submit(t, f)
			if st := f.State(); st != was {
				t.Errorf("%+v, before %+v", st, was)
			}
		}
		d.work(t, 1)
		submit(t, f)
		d.wantWitnessed(t, s, d.sealed())
	}
}

// Nothing that the log writes because of a signature makes another submission worth a record.
func TestNoFeedback(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 3)
	f := d.follower(t, s)
	for range 20 {
		submit(t, f)
		if err := d.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	if list := d.noted(t); len(list) != 1 {
		t.Errorf("%q", list)
	}
}

// A witness that was away is led over every hour that it missed; with the state that spares reading the whole log, and without.
func TestWitnessThatWasAwayCatchesUp(t *testing.T) {
	for _, forget := range []bool{false, true} {
		t.Run(fmt.Sprintf("forget %t", forget), func(t *testing.T) {
			d := newDrive(t)
			s := startService(t, "", d.vkey)
			d.work(t, 30)
			submit(t, d.follower(t, s))
			for range 5 {
				d.hour(t)
				d.work(t, 11)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if forget {
				if err := os.Remove(filepath.Join(d.o.StateDir, "audit.witness")); err != nil {
					t.Fatal(err)
				}
			}
			d.open(t)
			d.work(t, 5)
			submit(t, d.follower(t, s))
			d.wantWitnessed(t, s, d.sealed())
		})
	}
}

// A new witness of an old log is told the row of keys, and begins with the newest checkpoint.
func TestNewWitnessOfAnOldLog(t *testing.T) {
	d := newDrive(t)
	for range 3 {
		d.hour(t)
	}
	s := startService(t, "", d.vkey)
	f := d.follower(t, s)
	submit(t, f)
	d.wantWitnessed(t, s, d.sealed())
	d.hour(t)
	submit(t, f)
	d.wantWitnessed(t, s, d.sealed())
}

// Whoever brings the last checkpoint of a key past the follower does not stop it: the change of keys is proved in what was signed.
func TestCheckpointBroughtByAStranger(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 3)
	f := d.follower(t, s)
	submit(t, f)
	old := d.sealed()
	d.skew.Add(int64(time.Hour + time.Second))
	d.work(t, 2) // the last one of the first key
	last, size := d.Checkpoint()
	sub, err := d.Witnessing().Next(context.Background(), "", old, last)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.add(t, body(sub, last)); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	d.work(t, 4)
	if _, err := d.Witnessing().Next(context.Background(), d.vkey, size, last); err != nil {
		t.Fatal(err)
	}
	submit(t, f)
	d.wantWitnessed(t, s, d.sealed())
}

// A log whose keys were lost goes on with a new row when the witness was given its key, and not before.
func TestLostKeysAndTheWitness(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 3)
	submit(t, d.follower(t, s))
	if err := errors.Join(d.Close(), os.Remove(filepath.Join(d.o.StateDir, audit.KeysName))); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	d.work(t, 3)
	f := d.follower(t, s)
	var no *AnswerError
	if err := f.Submit(context.Background()); !errors.As(err, &no) || no.Status != 403 {
		t.Fatalf("%v", err)
	}
	keys, err := audit.ReadKeys(d.o.Dir)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%q, %v", keys, err)
	}
	s.Close()
	again := startService(t, s.dir, keys...)
	f2 := d.follower(t, again)
	submit(t, f2)
	d.hour(t)
	submit(t, f2)
	rep, err := audit.Verify(audit.VerifyOptions{Dir: d.o.Dir, StoreID: testStore, Keys: keys, Witness: []string{again.Key()}})
	if err != nil || rep.Code() != 0 || rep.Level != audit.LevelWitness {
		t.Errorf("%+v, %v", rep, err)
	}
}

// A witness of others, which knows one key and nothing of ours, serves as long as that key is in force.
func TestForeignWitness(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	plain := http.NewServeMux()
	inner := s.Witness.Handler()
	plain.HandleFunc("POST /add-checkpoint", inner.ServeHTTP)
	server := httptest.NewServer(plain)
	defer server.Close()
	s.url = server.URL
	d.work(t, 3)
	submit(t, d.follower(t, s))
	d.work(t, 3)
	if err := os.Remove(filepath.Join(d.o.StateDir, "audit.witness")); err != nil {
		t.Fatal(err)
	}
	f := d.follower(t, s) // does not know where the witness stands, and is told
	submit(t, f)
	d.wantWitnessed(t, s, d.sealed())
	d.hour(t)
	var no *AnswerError
	if err := f.Submit(context.Background()); !errors.As(err, &no) || no.Status != 403 {
		t.Errorf("with the key of the next hour: %v", err)
	}
}

// The follower works by itself, retries, and ends when told to, also while a witness hangs.
func TestFollowerRuns(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	var down atomic.Bool
	down.Store(true)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			<-r.Context().Done()
			return
		}
		s.Handler().ServeHTTP(w, r)
	}))
	defer front.Close()
	defer front.CloseClientConnections()
	f, err := NewFollower(FollowOptions{URL: front.URL, Key: s.Key(), Log: d.Log, every: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	f.c.http.Timeout = 50 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() { f.Run(ctx); close(ended) }()
	d.work(t, 50) // while the witness hangs
	for f.State().Error == "" {
		time.Sleep(time.Millisecond)
	}
	down.Store(false)
	for f.State().Size == 0 {
		time.Sleep(time.Millisecond)
	}
	down.Store(true)
	d.work(t, 1)
	cancel()
	<-ended
	if st := f.State(); st.Fork {
		t.Errorf("%+v", st)
	}
}

// A witness that is silent for an hour is worth a record, and one an hour.
func TestLateIsRecorded(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 1)
	f := d.follower(t, s)
	submit(t, f)
	f.c.base = "http://127.0.0.1:1"
	for range 3 {
		d.hour(t)
		for range 5 {
			if err := f.Submit(context.Background()); err == nil {
				t.Fatal("no error")
			}
		}
		if !f.State().Late(d.o.Now()) {
			t.Error("not late")
		}
	}
	f.c.base = s.url
	submit(t, f)
	list := d.noted(t)
	if len(list) != 5 || !strings.HasPrefix(list[3], "fail witness witness.example/w1 has signed nothing for an hour: ") || !strings.HasPrefix(list[4], "ok ") {
		t.Errorf("%q", list)
	}
}

func TestLate(t *testing.T) {
	now := time.Now()
	long, short := now.Add(-2*time.Hour), now.Add(-time.Minute)
	for want, st := range map[bool][]State{true: {{Since: long}, {Since: long, Time: long}}, false: {{Since: short}, {Since: short, Time: long}, {Since: long, Time: short}}} {
		for _, s := range st {
			if s.Late(now) != want {
				t.Errorf("%+v: %t", s, !want)
			}
		}
	}
}

// Only https leads to another machine.
func TestURLs(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://witness.example": true, "https://witness.example/log/": true, "http://127.0.0.1:7380": true, "http://localhost:7380/x": true, "http://[::1]:1": true,
		"http://witness.example": false, "http://10.0.0.1": false, "ftp://127.0.0.1": false, "witness.example": false, "https://u:p@w.example": false,
		"https://w.example/?a=b": false, "https://w.example/#x": false, "": false, "http://127.0.0.1.example": false, "://": false,
	} {
		if err := CheckURL(raw); (err == nil) != ok {
			t.Errorf("%q: %v", raw, err)
		}
	}
}
