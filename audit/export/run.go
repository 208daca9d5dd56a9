package export

import (
	"context"
	"errors"
	"time"
)

// Options say what is exported where.
type Options struct {
	Log    string // directory
	Target Target
	Format Format
	Cursor string // file, made when it is missing; its directory is nobody else's to write
	From   uint64 // begin with this record, whatever the cursor says; 0: after the cursor
	Follow bool   // go on until told to end; else to the end of the log
	Host   string // name of this machine in messages

	// Told is called when something happens that a person may want to know; nil: nobody does.
	Told func(Notice)
}

// Notice is what an exporter has to tell while it works.
type Notice struct {
	Begin uint64        // a first export begins with this record
	Err   error         // the target does not take records,
	Wait  time.Duration // and is tried again after this time
	Back  bool          // it takes them again
}

// Report is what was done.
type Report struct {
	Target string `json:"target"`
	Sent   uint64 `json:"sent"`   // records handed over, those that were sent twice counted twice
	Cursor uint64 `json:"cursor"` // the last record that is known to have arrived
}

// pace is how long things take; tests are more impatient.
type pace struct {
	confirmAfter time.Duration // after the first record that is not confirmed by a collector
	syncAfter    time.Duration // the same of a file
	confirmBytes int           // or after so many bytes
	settle       time.Duration // for so long nothing may break after a confirmation of a collector
	firstWait    time.Duration // after a failure; doubled each time
	longestWait  time.Duration
	tries        int           // without Follow, failures in a row that end the export
	beat         time.Duration // how often it is looked whether any of that is due
	stall        time.Duration // a write, a connect or an end that takes longer is a failure
	parting      time.Duration // the same once the export was told to end
}

func realPace() pace {
	return pace{confirmAfter: 10 * time.Second, syncAfter: time.Second, beat: 250 * time.Millisecond, confirmBytes: 4 << 20, settle: 10 * time.Second,
		firstWait: time.Second, longestWait: time.Minute, tries: 6, stall: 30 * time.Second, parting: 5 * time.Second}
}

// sink is where records go.
type sink interface {
	put(ctx context.Context, l *line) error // in order; may be buffered
	flush(ctx context.Context) error
	// confirm returns nil when all that was put has arrived, and how the target looks then.
	confirm(ctx context.Context) (fileMark, error)
	broken() <-chan error // how the target ended by itself; nil while there is nothing that can
	close()
}

// exporter is one run.
type exporter struct {
	o         Options
	p         pace
	cur       *cursor
	out       sink
	rep       Report
	confirmed confirmation
	waiting   *confirmation // what the cursor moves to next; a confirmation that is not newer
	twice     position      // was confirmed before something broke: confirmed again it is believed at once, or a collector that ends often would get the same for ever
	failed    int           // in a row

	confirmAfter, settle time.Duration // of this kind of target
}

// confirmation is a position that the target is known to have reached.
type confirmation struct {
	position
	at time.Time
}

// Run exports until ctx ends (its error is returned), the log ends, or something forbids to go on: *CursorError, *GapError,
// *audit.TamperedError, *audit.LineError, *FileError, *TargetError, *DamagedError, *BusyError, *BrokenError.
func Run(ctx context.Context, o Options) (Report, error) { return run(ctx, o, realPace()) }

func run(ctx context.Context, o Options, p pace) (Report, error) {
	if o.Told == nil {
		o.Told = func(Notice) {}
	}
	e := &exporter{o: o, p: p, rep: Report{Target: o.Target.String()}}
	if err := o.Target.outside(o.Log); err != nil {
		return e.rep, err
	}
	cur, err := openCursor(o.Cursor, o.Target.String())
	if err != nil {
		return e.rep, err
	}
	defer cur.close()
	e.cur = cur
	if err := e.begin(); err != nil {
		return e.rep, err
	}
	err = e.sessions(ctx)
	e.out.close()
	e.rep.Cursor = e.cur.now.seq
	return e.rep, err
}

// begin finds where to begin, and opens the target there.
func (e *exporter) begin() error {
	start, fresh := e.cur.now, e.cur.fresh
	if fresh || e.o.From != 0 {
		mark := start.mark
		var err error
		if start, err = before(e.o.Log, e.o.From); err != nil {
			return err
		}
		start.mark = mark
	}
	if fresh {
		e.o.Told(Notice{Begin: start.seq + 1})
	}
	e.confirmed = confirmation{start, time.Now()}
	if err := e.open(fresh); err != nil {
		return err
	}
	if e.cur.now == e.confirmed.position && !fresh {
		return nil
	}
	return e.cur.save(e.confirmed.position, e.confirmed.at)
}

func (e *exporter) open(fresh bool) error {
	format := formatter{e.o.Format, e.o.Host}
	if e.o.Target.path == "" {
		e.out, e.settle, e.confirmAfter = &stream{target: e.o.Target, format: format, p: e.p}, e.p.settle, e.p.confirmAfter
		return nil
	}
	f := &file{path: e.o.Target.path, format: format, begun: func(m fileMark) error {
		e.confirmed.mark = m
		return e.cur.save(e.confirmed.position, time.Now())
	}}
	e.out, e.confirmAfter = f, e.p.syncAfter
	return f.open(e.confirmed.mark, fresh)
}

// sessions begins anew after each break.
func (e *exporter) sessions(ctx context.Context) error {
	for {
		err := e.session(ctx)
		var broken *BrokenError
		if !errors.As(err, &broken) {
			return err
		}
		e.out.close()
		if e.confirmed.seq > e.twice.seq {
			e.twice = e.confirmed.position
		}
		if e.failed++; !e.o.Follow && e.failed >= e.p.tries || ctx.Err() != nil {
			return err
		}
		wait := min(e.p.firstWait<<min(e.failed-1, 20), e.p.longestWait)
		e.o.Told(Notice{Err: broken, Wait: wait})
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		e.confirmed, e.waiting = confirmation{e.cur.now, time.Now()}, nil
		if err := e.open(false); err != nil {
			return err
		}
	}
}
