package witness

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"matterfs/audit"
)

// copyTree is how a machine is imaged.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// The whole machine is brought back from yesterday: log, state, keys. Nothing on it can tell; the witness, and what it signed, do.
func TestRollBackOfTheWholeMachine(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 20)
	f := d.follower(t, s)
	submit(t, f)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	image := t.TempDir()
	machine := filepath.Dir(d.o.Dir)
	copyTree(t, machine, image)
	d.open(t)
	d.work(t, 20)
	submit(t, d.follower(t, s))
	kept := s.ask(t, "GET", Hash(audit.Origin(testStore))+"/checkpoint", "").body
	if rep := d.verify(t, s, []byte(kept)); rep.Code() != 0 || rep.Level != audit.LevelWitness {
		t.Fatalf("before the attack: %v", rep.Problems)
	}
	if err := errors.Join(d.Close(), os.RemoveAll(d.o.Dir), os.RemoveAll(d.o.StateDir)); err != nil {
		t.Fatal(err)
	}
	copyTree(t, image, machine)
	without := mustVerify(t, audit.VerifyOptions{Dir: d.o.Dir, StateDir: d.o.StateDir, StoreID: testStore, Keys: []string{d.vkey}})
	if without.Code() != 0 {
		t.Fatalf("control: without the witness it is found all the same: %v", without.Problems)
	}
	d.wantWitnessed(t, s, d.verify(t, s, nil).KeptTo) // what the machine shows is signed, but old: the report says when
	rep := d.verify(t, s, []byte(kept))
	if rep.Code() != 12 || rep.Problems[0].Kind != audit.KindCheckpoint {
		t.Errorf("verify: %v", rep.Problems)
	}
	d.open(t)
	d.work(t, 2)
	f = d.follower(t, s)
	var fork *ForkError
	if err := f.Submit(context.Background()); !errors.As(err, &fork) {
		t.Errorf("shorter: %v", err)
	}
	d.work(t, 60) // longer than what was signed, so that only the proof tells
	if err := f.Submit(context.Background()); !errors.As(err, &fork) {
		t.Errorf("longer: %v", err)
	}
	if st := f.State(); !st.Fork || st.Error == "" {
		t.Errorf("%+v", st)
	}
	if list := d.noted(t); !strings.HasPrefix(list[len(list)-1], "fail witness witness.example/w1: the log is not the one") {
		t.Errorf("%q", list)
	}
	if now := s.ask(t, "GET", Hash(audit.Origin(testStore))+"/checkpoint", "").body; now != kept {
		t.Error("the witness has signed another history")
	}
}

func mustVerify(t testing.TB, o audit.VerifyOptions) *audit.Report {
	t.Helper()
	rep, err := audit.Verify(o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// Two logs for two auditors: a copy of the machine goes another way. One is signed, the other is refused.
func TestSplitView(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 5)
	submit(t, d.follower(t, s))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	twin := &drive{o: d.o, vkey: d.vkey, skew: d.skew}
	dir := t.TempDir()
	copyTree(t, filepath.Dir(d.o.Dir), dir)
	twin.o.Dir, twin.o.StateDir = filepath.Join(dir, "log"), filepath.Join(dir, "state")
	d.open(t)
	twin.open(t)
	d.work(t, 5)
	twin.work(t, 9)
	submit(t, d.follower(t, s))
	var fork *ForkError
	if err := twin.follower(t, s).Submit(context.Background()); !errors.As(err, &fork) {
		t.Fatalf("%v", err)
	}
	d.hour(t)
	twin.hour(t)
	submit(t, d.follower(t, s))
	if err := twin.follower(t, s).Submit(context.Background()); err == nil {
		t.Fatal("the second history is signed in the next hour")
	}
	if rep := twin.verify(t, s, []byte(s.ask(t, "GET", Hash(audit.Origin(testStore))+"/checkpoint", "").body)); rep.Code() != 12 {
		t.Errorf("%v", rep.Problems)
	}
}

// A witness of the wrong log, one that hangs, one that answers garbage: each is an error, and the log goes on.
func TestBadWitnesses(t *testing.T) {
	d := newDrive(t)
	good := startService(t, "", d.vkey)
	d.work(t, 3)
	other := newForeignLog(t, "example.com/other")
	stranger := startService(t, "", other.vkey())
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		url   string
		key   string
	}{
		"of another log":         {url: stranger.url, key: stranger.Key()},
		"signs with another key": {url: good.url, key: stranger.Key()},
		"is not there":           {url: "http://127.0.0.1:1"},
		"hangs":                  {serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		"answers garbage":        {serve: func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("\x00garbage\n\n\n— x")) }},
		"answers without end":    {serve: func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 10*maxAnswer)) }},
		"leads elsewhere": {serve: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, good.url+r.URL.Path, http.StatusTemporaryRedirect)
		}},
		"says that it has too much": {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%s\n9999999\n", d.vkey) }},
		"knows a strange key":       {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%s\n2\n", other.vkey()) }},
		"knows no key at all":       {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "x\n2\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			if c.serve != nil {
				server := httptest.NewServer(c.serve)
				defer server.Close()
				defer server.CloseClientConnections()
				c.url = server.URL
			}
			if c.key == "" {
				c.key = good.Key()
			}
			f, err := NewFollower(FollowOptions{URL: c.url, Key: c.key, Log: d.Log, Now: d.o.Now})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), askTime)
			if name == "hangs" {
				cancel()
				ctx, cancel = context.WithTimeout(context.Background(), 300*time.Millisecond)
			}
			defer cancel()
			if err := f.Submit(ctx); err == nil {
				t.Error("no error")
			}
			d.work(t, 1)
			if _, err := os.Stat(filepath.Join(d.o.Dir, audit.CosignName)); err == nil {
				t.Error("something was kept")
			}
		})
	}
}

// What a witness signed is evidence only when that very witness signed it, and all of it.
func TestVerifyWantsTheWitness(t *testing.T) {
	d := newDrive(t)
	s, other := startService(t, "", d.vkey), startService(t, "", d.vkey)
	d.work(t, 3)
	if rep := d.verify(t, s, nil); rep.Code() != 12 || rep.Problems[0].Kind != audit.KindWitness {
		t.Errorf("nothing was signed: %v", rep.Problems)
	}
	f := d.follower(t, s)
	submit(t, f)
	path := filepath.Join(d.o.Dir, audit.CosignName)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d.work(t, 5)
	submit(t, f)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bare, _ := d.Checkpoint()
	for name, c := range map[string]struct {
		by   *service
		text string
		code int
		to   bool
	}{
		"as it is":                   {s, string(good), 0, true},
		"another witness":            {other, string(good), 12, false},
		"signed by the log only":     {s, bare, 12, false},
		"an older one":               {s, string(old), 0, true},
		"signature of the older one": {s, bare + string(old)[strings.LastIndex(string(old), "— "):], 12, false},
		"signature damaged":          {s, string(good[:len(good)-4]) + "AA=\n", 12, false},
		"time changed":               {s, retimed(string(good)), 12, false},
		"garbage":                    {s, "garbage", 12, false},
		"empty":                      {s, "", 12, false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		rep := d.verify(t, c.by, nil)
		if rep.Code() != c.code || (rep.Level == audit.LevelWitness) != c.to {
			t.Errorf("%s: code %d, level %s: %v", name, rep.Code(), rep.Level, rep.Problems)
		}
	}
}

// retimed moves the time that a witness stated by a second.
func retimed(note string) string {
	i := strings.LastIndex(note, " ") + 1
	b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(note[i:], "\n"))
	if err != nil {
		return err.Error()
	}
	b[4+7] ^= 1
	return note[:i] + base64.StdEncoding.EncodeToString(b) + "\n"
}

// A witness whose directory was brought back from a backup has forgotten what it signed since, and signs another continuation: that is what
// is lost. What it signed before, kept elsewhere, still convicts that continuation.
func TestRollBackOfTheWitness(t *testing.T) {
	d := newDrive(t)
	s := startService(t, "", d.vkey)
	d.work(t, 5)
	submit(t, d.follower(t, s))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	backup, image := t.TempDir(), t.TempDir()
	copyTree(t, s.dir, backup)
	copyTree(t, filepath.Dir(d.o.Dir), image)
	twin := &drive{o: d.o, vkey: d.vkey, skew: d.skew}
	twin.o.Dir, twin.o.StateDir = filepath.Join(image, "log"), filepath.Join(image, "state")
	d.open(t)
	d.work(t, 5)
	submit(t, d.follower(t, s))
	kept, err := os.ReadFile(filepath.Join(d.o.Dir, audit.CosignName))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	forgetful := startService(t, backup, d.vkey)
	twin.open(t)
	twin.work(t, 9)
	submit(t, twin.follower(t, forgetful))
	twin.wantWitnessed(t, forgetful, twin.sealed())
	var fork *ForkError
	d.work(t, 20)
	if err := d.follower(t, forgetful).Submit(context.Background()); !errors.As(err, &fork) {
		t.Errorf("the genuine log is still signed: %v", err)
	}
	if rep := twin.verify(t, forgetful, kept); rep.Code() != 12 || rep.Problems[0].Kind != audit.KindCheckpoint {
		t.Errorf("%v", rep.Problems)
	}
}
