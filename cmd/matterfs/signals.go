package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// signalError is why a run was asked to end.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return e.signal.String() }

// untilSignal returns a context that ends with SIGINT or SIGTERM, with a
// *signalError as its cause. A second signal ends the process the hard way,
// because the first one restores the default.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-c:
			signal.Stop(c)
			cancel(&signalError{s})
		case <-ctx.Done():
			signal.Stop(c)
		}
	}()
	return ctx, func() { cancel(nil) }
}

// toldToEnd is how a verb ends that goes on until it is told not to: SIGTERM is
// the ordinary way, ^C stays an interruption for the script around it. Neither
// needs words.
func toldToEnd(ctx context.Context) error {
	var why *signalError
	if errors.As(context.Cause(ctx), &why) && why.signal == syscall.SIGTERM {
		return nil
	}
	return &exitError{exitInterrupted}
}
