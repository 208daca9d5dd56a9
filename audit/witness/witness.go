package witness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"matterfs/audit"
)

// Options configure a Witness.
type Options struct {
	Dir  string           // made by Init
	Logs []string         // verification keys of the logs; of several of one log the first is the one its row begins with
	Now  func() time.Time // nil: time.Now
	Talk func(string)     // told of each request and of what is strange, a line; nil: nobody

	files files // nil: those of Dir; a test lets them fail
}

// Witness signs checkpoints of the logs that it knows. It is safe for concurrent use.
type Witness struct {
	o    Options
	key  *audit.Cosigner
	logs map[string]*tracked // by Hash of the origin; never changes
	lock *os.File
}

// tracked is one log.
type tracked struct {
	file  string
	mu    sync.Mutex // held across check, write and change of state: they are one step
	state logState
}

// ErrInUse says that another witness works with the directory.
var ErrInUse = errors.New("another witness works with this directory")

// Open reads key and state of a witness. It refuses with *KeyError, *StateError or ErrInUse.
func Open(o Options) (*Witness, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Talk == nil {
		o.Talk = func(string) {}
	}
	if o.files == nil {
		o.files = osFiles(filepath.Join(o.Dir, logsName))
	}
	key, err := loadKey(filepath.Join(o.Dir, KeyName))
	if err != nil {
		return nil, err
	}
	w := &Witness{o: o, key: key, logs: map[string]*tracked{}}
	if w.lock, err = os.OpenFile(filepath.Join(o.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if lockFile(w.lock) != nil {
		err = fmt.Errorf("%s: %w", o.Dir, ErrInUse)
	} else {
		err = w.load()
	}
	if err != nil {
		w.lock.Close()
		return nil, err
	}
	return w, nil
}

// Close gives the directory back.
func (w *Witness) Close() error { return w.lock.Close() }

// Key is the verifier key.
func (w *Witness) Key() string { return w.key.Key() }

func (w *Witness) load() error {
	given := map[string][]string{}
	for _, k := range w.o.Logs {
		row, err := audit.StartKeys([]string{k})
		if err != nil {
			return err
		}
		given[row.Origin()] = append(given[row.Origin()], k)
	}
	for origin, keys := range given {
		t := &tracked{file: Hash(origin)}
		b, err := w.o.files.Read(t.file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			t.state.row, err = audit.StartKeys(keys)
			t.state.last.Origin = origin
		case err == nil:
			err = t.read(b, keys, w.Key(), filepath.Join(w.o.Dir, logsName, t.file))
		}
		if err != nil {
			return err
		}
		w.logs[t.file] = t
	}
	return nil
}

func (t *tracked) read(b []byte, keys []string, vkey, path string) error {
	s, what := parseState(b, keys, vkey)
	if s == nil {
		return &StateError{path, what}
	}
	t.state = *s
	if Hash(s.last.Origin) != t.file {
		return &StateError{path, "it is of another log"}
	}
	return nil
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	why    string
	size   uint64 // 409: what was signed last
}

func (r *refusal) Error() string { return fmt.Sprintf("%d: %s", r.status, r.why) }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, why: fmt.Sprintf(format, args...)}
}

// AddCheckpoint signs a checkpoint that grew out of the last one signed, which had old records, and returns the signature line.
func (w *Witness) AddCheckpoint(r growth) (line string, err error) {
	c, err := audit.ParseCheckpoint([]byte(r.rest))
	if err != nil {
		return "", refuse(statusBad, "%v", err)
	}
	t, ok := w.logs[Hash(c.Origin)]
	if !ok {
		return "", refuse(statusUnknown, "this witness does not know the log %q", c.Origin)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, text, err := t.state.row.Open(r.rest)
	if err != nil {
		return "", refuse(statusOf(err), "%v; the key in force is number %d, see GET %s/epoch", err, t.state.row.Number, t.file)
	}
	return w.grow(t, r, t.state.row, c, text, r.rest)
}

// AddEpoch takes a change of keys.
func (w *Witness) AddEpoch(t *tracked, r growth) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !strings.HasPrefix(r.rest, proofHead) {
		return w.startRow(t, r)
	}
	row, c, text, err := t.state.row.Proved(r.rest)
	if err != nil {
		return refuse(statusOf(err), "%v", err)
	}
	_, signed, _ := strings.Cut(r.rest, "\n\n")
	_, err = w.grow(t, r, row, c, text, signed)
	return err
}

// proofHead begins a change of keys that comes with a proof.
const proofHead = "c2sp.org/tlog-proof@v1\n"

// startRow follows the keys of a log of which nothing was signed yet: there is nothing that somebody with one of them could contradict.
func (w *Witness) startRow(t *tracked, r growth) error {
	if r.old != t.state.last.Size || t.state.note != "" {
		return &refusal{statusConflict, "a checkpoint was signed: changes of keys need a proof now", t.state.last.Size}
	}
	row, err := t.state.row.Unproved(r.rest)
	if err != nil {
		return refuse(statusOf(err), "%v", err)
	}
	next := t.state
	next.row = row
	return w.put(t, next)
}

// grow checks that a checkpoint grew out of the last one, signs it, and keeps it with the row of keys before the signature is returned.
func (w *Witness) grow(t *tracked, r growth, row audit.KeyRow, c audit.Checkpoint, text, signed string) (line string, err error) {
	last := t.state.last
	switch {
	case r.old > c.Size:
		return "", refuse(statusBad, "the old size %d is greater than that of the checkpoint, %d", r.old, c.Size)
	case r.old != last.Size:
		return "", &refusal{statusConflict, fmt.Sprintf("old is %d, signed were %d", r.old, last.Size), last.Size}
	case c.Size == last.Size && t.state.note != "" && c.Root != last.Root:
		w.fork(t, signed)
		return "", refuse(statusInconsistent, "another checkpoint of %d records was signed before: the log has two histories", c.Size)
	}
	if err := audit.CheckGrowth(last, c, r.proof); err != nil {
		return "", refuse(statusInconsistent, "the checkpoint of %d records is not proved to have grown out of that of %d: %v", c.Size, last.Size, err)
	}
	line = w.key.Sign(text, w.o.Now())
	if err := w.put(t, logState{row, c, bare(signed, row, t.state.row) + line}); err != nil {
		return "", err
	}
	return line, nil
}

// bare is a signed checkpoint with the signature of the log alone: those of others, that nobody asked for, are not kept.
func bare(signed string, rows ...audit.KeyRow) string {
	text, sigs, _ := cutLast(signed, "\n\n")
	var kept strings.Builder
	for line := range strings.Lines(sigs) {
		one := text + "\n\n" + line
		if slices.ContainsFunc(rows, func(r audit.KeyRow) bool { _, _, err := r.Open(one); return err == nil }) && kept.Len() == 0 {
			kept.WriteString(line)
		}
	}
	return text + "\n\n" + kept.String()
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// put makes a state durable, then takes it over. Where that fails the old one goes on, and nothing signed with the new one leaves.
func (w *Witness) put(t *tracked, next logState) error {
	if err := replace(w.o.files, t.file, next.encode()); err != nil {
		w.o.Talk("cannot keep the state: " + err.Error())
		return refuse(statusFailed, "the state cannot be kept")
	}
	t.state = next
	return nil
}

// forkSuffix names the file that keeps a second history of a log.
const forkSuffix = ".fork"

// fork keeps the evidence that a log has signed two checkpoints of one size. The first is enough.
func (w *Witness) fork(t *tracked, signed string) {
	w.o.Talk("FORK of " + t.state.last.Origin + ": see " + filepath.Join(w.o.Dir, logsName, t.file+forkSuffix))
	if _, err := w.o.files.Read(t.file + forkSuffix); err == nil {
		return
	}
	if err := replace(w.o.files, t.file+forkSuffix, []byte(t.state.note+"\n"+signed)); err != nil {
		w.o.Talk("cannot keep the evidence: " + err.Error())
	}
}

// statusOf tells what cannot be read from what is not signed as it should be, and from a proof that does not hold.
func statusOf(err error) int {
	var unsigned *note.UnverifiedNoteError
	var forged *note.InvalidSignatureError
	var proof *audit.ProofError
	switch {
	case errors.As(err, &unsigned), errors.As(err, &forged):
		return statusForbidden
	case errors.As(err, &proof) && proof.Block > 0:
		return statusForbidden
	}
	return statusBad
}
