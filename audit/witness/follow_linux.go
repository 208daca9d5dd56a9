package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"matterfs/audit"
)

// Pace of a Follower.
const (
	every   = 30 * time.Second // least time between two submissions
	slowest = 10 * time.Minute // greatest time between two attempts
	remind  = time.Hour        // least time between two records that say the same
	// lateAfter is how old a co-signature may be before somebody is told.
	lateAfter = time.Hour
)

// Steps of one round at most, and changes of keys in one request.
const (
	maxSteps = 10000
	batch    = 64
)

// FollowOptions configure a Follower.
type FollowOptions struct {
	URL, Key string // of the witness; Key is its verifier key
	Log      *audit.Log
	Warn     func(error)      // told of each attempt that failed; nil: nobody
	Now      func() time.Time // nil: time.Now
	every    time.Duration    // 0: as above
}

// Follower brings the checkpoints of a log to a witness, in the background and at its own pace: it waits for nobody but the witness, and
// nobody waits for it. What it learns it records in the log, once when something changed and then every hour: each record makes a seal,
// and the seal a submission.
type Follower struct {
	o      FollowOptions
	c      *client
	w      *audit.Witnessing
	round  sync.Mutex // one submission at a time; guards c, w and what follows
	done   uint64     // records of the checkpoint signed last in this run
	told   string     // what was recorded last
	toldAt time.Time

	mu    sync.Mutex // guards state; taken last
	state State
}

// State is what a Follower knows.
type State struct {
	Name  string    `json:"name"`
	URL   string    `json:"url"`
	Size  uint64    `json:"size"`            // records that the witness signed last
	Time  time.Time `json:"time,omitzero"`   // when
	Since time.Time `json:"since"`           // when following began
	Error string    `json:"error,omitempty"` // of the last attempt
	Fork  bool      `json:"fork,omitempty"`  // the witness says that the log has another history
}

// Late says that there is no co-signature of the last hour, for which there was time.
func (s State) Late(now time.Time) bool {
	return now.Sub(s.Time) > lateAfter && now.Sub(s.Since) > lateAfter
}

// NewFollower makes one; Run lets it work.
func NewFollower(o FollowOptions) (*Follower, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.every == 0 {
		o.every = every
	}
	if err := audit.CheckWitnessKey(o.Key); err != nil {
		return nil, err
	}
	c, err := newClient(o.URL)
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(o.Key, "+")
	f := &Follower{o: o, c: c, w: o.Log.Witnessing(), state: State{Name: name, URL: o.URL, Since: o.Now().UTC()}}
	kept, err := f.w.Cosigned()
	if cp, by, bad := audit.OpenCosigned(kept, o.Key); bad == nil {
		f.state.Size, f.state.Time = cp.Size, by[0].Time
	}
	return f, err
}

// State returns what is known now.
func (f *Follower) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Run submits until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	pause := f.o.every
	for t := time.NewTimer(f.o.every / 8); ; t.Reset(pause) {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := f.Submit(ctx); err != nil && ctx.Err() == nil {
			pause = min(2*pause, max(slowest, f.o.every))
		} else {
			pause = f.o.every
		}
	}
}

// Submit brings the newest checkpoint, if there is one that the witness does not have, and records what has to be. Its error was told.
func (f *Follower) Submit(ctx context.Context) error {
	f.round.Lock()
	defer f.round.Unlock()
	newest, size := f.o.Log.Checkpoint()
	if newest == "" || size == f.done {
		return nil
	}
	cosigned, err := f.bring(ctx, newest)
	if err == nil && cosigned == nil {
		return nil
	}
	if err == nil {
		err = f.took(cosigned, size)
	}
	if err != nil && ctx.Err() != nil {
		return err // was not to be waited for
	}
	var fork *ForkError
	f.mu.Lock()
	f.state.Error = ""
	if err != nil {
		f.state.Error = err.Error()
	}
	f.state.Fork = errors.As(err, &fork) || err != nil && f.state.Fork // only a signature ends the alarm
	st := f.state
	f.mu.Unlock()
	if err != nil {
		f.o.Warn(err)
	}
	f.record(st, string(cosigned))
	return err
}

func (f *Follower) took(cosigned []byte, size uint64) error {
	c, by, err := audit.OpenCosigned(cosigned, f.o.Key)
	if err != nil {
		return err
	}
	f.done = size
	f.mu.Lock()
	f.state.Size, f.state.Time = c.Size, by[0].Time
	f.mu.Unlock()
	return f.w.Keep(cosigned)
}

// bring leads the witness from where it stands to the newest checkpoint, over every change of keys, and returns that co-signed; nothing
// when the key in force has to seal first.
func (f *Follower) bring(ctx context.Context, newest string) ([]byte, error) {
	log := Hash(f.w.Origin())
	at, follows, err := f.c.standing(ctx, log)
	switch {
	case err != nil:
		return nil, err
	case !follows:
		at.size = f.w.Known()
	case at.size == 0:
		at, err = f.startRow(ctx, log, at, newest)
	}
	if err != nil {
		return nil, err
	}
	for again := !follows; ; {
		s, err := f.next(ctx, log, &at, newest)
		if err != nil || s == nil {
			return nil, err
		}
		line, size, err := f.submit(ctx, s)
		if err == nil && line == "" && again && size != s.Old {
			again, at.size = false, size // a witness that told where it stands only now
			continue
		}
		if err == nil && line == "" {
			err = &ForkError{fmt.Errorf("it answers %d: signed were %d records, brought was the growth from %d to %d", statusConflict, size, s.Old, s.Size)}
		}
		if err == nil {
			err = f.w.Took(s)
		}
		return []byte(newest + line), err
	}
}

// startRow tells a witness that has signed nothing yet which keys led to the one in force.
func (f *Follower) startRow(ctx context.Context, log string, at standing, newest string) (standing, error) {
	list, err := f.w.Changes(ctx, at.vkey, newest)
	for err == nil && len(list) > 0 {
		n := min(batch, len(list))
		at, err = f.c.change(ctx, log, "old 0\n\n"+audit.EpochBlocks(list[:n]))
		list = list[n:]
	}
	return at, err
}

// next brings every change of keys before the newest checkpoint, and prepares that; nil when that is signed with a key of before.
func (f *Follower) next(ctx context.Context, log string, at *standing, newest string) (*audit.Submission, error) {
	for range maxSteps {
		s, err := f.w.Next(ctx, at.vkey, at.size, newest)
		behind, tampered := (*audit.BehindError)(nil), (*audit.TamperedError)(nil)
		if errors.As(err, &behind) || errors.As(err, &tampered) {
			return nil, &ForkError{err}
		}
		if err != nil || s == nil || s.Epoch == "" {
			return s, err
		}
		if *at, err = f.c.change(ctx, log, body(s, s.Epoch)); err != nil {
			return nil, err
		}
		if at.size != s.Size {
			return nil, fmt.Errorf("the witness took a change of keys over %d records and says that it has %d", s.Size, at.size)
		}
		if err := f.w.Took(s); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("too many changes of keys for one round")
}

func body(s *audit.Submission, rest string) string {
	return fmt.Sprintf("old %d\n%s\n%s", s.Old, audit.EncodeHashes(s.Proof), rest)
}

// submit asks for the signature. Where the witness stands elsewhere there is no line, and size says where.
func (f *Follower) submit(ctx context.Context, s *audit.Submission) (line string, size uint64, err error) {
	status, text, err := f.c.ask(ctx, http.MethodPost, "add-checkpoint", body(s, s.Checkpoint))
	switch {
	case err != nil:
		return "", 0, err
	case status == statusConflict:
		size, err = strconv.ParseUint(strings.TrimSuffix(text, "\n"), 10, 63)
		if err == nil && size > s.Size {
			err = &ForkError{&audit.BehindError{Have: s.Size, Seen: size}}
		}
		return "", size, err
	case status == statusInconsistent:
		return "", 0, &ForkError{answerError(status, text)}
	case status != http.StatusOK:
		return "", 0, answerError(status, text)
	}
	for l := range strings.Lines(text) {
		if _, _, err := audit.OpenCosigned([]byte(s.Checkpoint+l), f.o.Key); err == nil {
			return l, 0, nil
		}
	}
	return "", 0, errors.New("the answer has no co-signature by the key of the witness")
}

// record says in the log what has changed, and from time to time that it has not.
func (f *Follower) record(st State, cosigned string) {
	now := f.o.Now()
	r := &audit.Record{Ev: "audit.witness", Res: "fail", AUID: -1, OUID: -1}
	kind := ""
	switch {
	case st.Fork:
		kind, r.Note = "fork", fmt.Sprintf("witness %s: %s", st.Name, st.Error)
	case st.Error == "":
		kind, r.Res, r.Signed = "ok", "ok", cosigned
		r.Note = fmt.Sprintf("witness %s signed records 1 to %d on %s", st.Name, st.Size, st.Time.Format(time.RFC3339))
	case st.Late(now):
		kind, r.Note = "late", fmt.Sprintf("witness %s has signed nothing for an hour: %s", st.Name, st.Error)
	}
	if kind == "" || kind == f.told && now.Sub(f.toldAt) < remind {
		return
	}
	if _, err := f.o.Log.Append(r); err == nil {
		f.told, f.toldAt = kind, now
	}
}
