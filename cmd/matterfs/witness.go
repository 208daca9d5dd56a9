package main

import (
	"context"
	"fmt"
	"time"

	"matterfs/audit"
	"matterfs/audit/witness"
)

// Keys of the configuration file.
const (
	witnessKey     = "audit.witness"
	witnessVKeyKey = "audit.witness-key"
)

// witnessEnd is how long the end of the daemon waits for a witness.
const witnessEnd = 3 * time.Second

// following is a log that is brought to a witness.
type following struct {
	*witness.Follower
	stop context.CancelFunc
	done chan struct{}
}

// checkWitness says early what is wrong with what is configured.
func (d *daemon) checkWitness(context.Context) error { return d.s.checkWitness() }

func (s *settings) checkWitness() error {
	if s.Witness == "" && s.WitnessKey == "" {
		return nil
	}
	if s.Witness == "" || s.WitnessKey == "" {
		return usagef("%s: %s and %s go together: where the witness answers, and its verifier key", s.Config, witnessKey, witnessVKeyKey)
	}
	if err := witness.CheckURL(s.Witness); err != nil {
		return usagef("%s: %s: %v", s.Config, witnessKey, err)
	}
	if err := audit.CheckWitnessKey(s.WitnessKey); err != nil {
		return usagef("%s: %s: %v", s.Config, witnessVKeyKey, err)
	}
	return nil
}

// startWitness lets the log be followed, apart from everything that serves.
func (d *daemon) startWitness(context.Context) error {
	if d.s.Witness == "" {
		return nil
	}
	f, err := witness.NewFollower(witness.FollowOptions{URL: d.s.Witness, Key: d.s.WitnessKey, Log: d.log,
		Warn: func(err error) { d.warn("witness", err) }})
	if err != nil {
		return fmt.Errorf("witness %s: %w", d.s.Witness, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d.follow = &following{f, stop, make(chan struct{})}
	go func() {
		defer close(d.follow.done)
		f.Run(ctx)
	}()
	return nil
}

// endWitness brings the checkpoint that the log ended with, if the witness answers soon. It comes after the log was closed.
func (d *daemon) endWitness() {
	f := d.follow
	if f == nil {
		return
	}
	f.stop()
	ctx, cancel := context.WithTimeout(context.Background(), witnessEnd)
	defer cancel()
	select {
	case <-f.done:
		f.Submit(ctx) // its error was told
	case <-ctx.Done():
	}
}

// witnessState is what status tells; nil where no witness is configured.
func (d *daemon) witnessState() *witness.State {
	if d.follow == nil {
		return nil
	}
	st := d.follow.State()
	return &st
}

// witnessWarnings are those about a witness; st may be nil.
func witnessWarnings(st *witness.State, now time.Time) []warning {
	switch {
	case st == nil:
		return nil
	case st.Fork:
		return []warning{warn(true, "witness.fork", st.Name, st.Error)}
	case st.Late(now):
		return []warning{warn(false, "witness.late", st.Name, witnessTime(st), st.Error)}
	}
	return nil
}

// witnessTime is when a witness signed last, in UTC.
func witnessTime(st *witness.State) string {
	if st.Time.IsZero() {
		return "-"
	}
	return st.Time.Format(time.RFC3339)
}

// witnessLine is a line of status.
func witnessLine(st *witness.State) string {
	if st.Size == 0 {
		return fmt.Sprintf("%s at %s has signed nothing yet", st.Name, st.URL)
	}
	return fmt.Sprintf("%s at %s signed records 1 to %d on %s", st.Name, st.URL, st.Size, witnessTime(st))
}
