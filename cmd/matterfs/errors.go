package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"matterfs/policy"
)

// errLocked: no identity, passphrase or terminal opened the keys.
var errLocked = errors.New("nothing to open the keys with")

// errInterrupted: a person pressed ^C before the work was done.
var errInterrupted = errors.New("interrupted")

// usageError is a command line that cannot be acted on.
type usageError struct{ msg string }

func (e *usageError) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// exitError ends the run with a code whose reason was already told.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// existsError is a file or directory that init will not touch.
type existsError struct{ path, what string }

func (e *existsError) Error() string { return fmt.Sprintf("%s %s", e.path, e.what) }

// overlapError is one directory inside, or the same as, another.
type overlapError struct{ what1, path1, what2, path2 string }

func (e *overlapError) Error() string {
	return fmt.Sprintf("%s (%s) and %s (%s) overlap", e.what1, e.path1, e.what2, e.path2)
}

// partError is a part of a store that is not where it should be.
type partError struct {
	place
	why string
}

func (e *partError) Error() string { return fmt.Sprintf("%s directory %s %s", e.what, e.path, e.why) }

// missing matches a *partError of one of these parts.
func missing(parts ...string) func(error) bool {
	return func(err error) bool {
		var e *partError
		return errors.As(err, &e) && slices.Contains(parts, e.what)
	}
}

// busyError is a store that another daemon serves. PID is 0 when unknown.
type busyError struct {
	dir string
	pid int
}

func (e *busyError) Error() string {
	if e.pid == 0 {
		return fmt.Sprintf("%s is in use by another daemon", e.dir)
	}
	return fmt.Sprintf("%s is in use by process %d", e.dir, e.pid)
}

// mountpointError is a place that nothing can be mounted on.
type mountpointError struct {
	path, why string
	notEmpty  bool
}

func (e *mountpointError) Error() string { return e.path + " " + e.why }

// notMountError is a path that carries no mount of ours.
type notMountError struct{ path string }

func (e *notMountError) Error() string {
	return fmt.Sprintf("%s is not a matterfs mount", e.path)
}

// vanishedError names matters that have data but stand in no policy.
type vanishedError struct{ matters []string }

func (e *vanishedError) Error() string {
	return fmt.Sprintf("matters with data are missing from the policy: %s", strings.Join(e.matters, ", "))
}

// looseError is a secret or a policy file that others can change or read.
type looseError struct {
	path string
	mode uint32
}

func (e *looseError) Error() string {
	return fmt.Sprintf("%s can be read by others (mode %04o)", e.path, e.mode)
}

// policyError is a policy that cannot be loaded.
type policyError struct{ err error }

// Error puts a list of mistakes on lines of its own, so that each begins with
// its file:line:col, as editors look for.
func (e *policyError) Error() string {
	var list *policy.Errors
	if errors.As(e.err, &list) {
		return fmt.Sprintf("policy invalid, mistakes: %d\n%v", len(list.List), list)
	}
	return e.err.Error()
}

func (e *policyError) Unwrap() error { return e.err }

// policyTestsError: the policy loads but does not do what its tests say.
type policyTestsError struct{ failed []string }

func (e *policyTestsError) Error() string {
	return "policy tests fail:\n" + strings.Join(e.failed, "\n")
}

// logError is a log that cannot be opened for writing.
type logError struct{ err error }

func (e *logError) Error() string { return "audit log: " + e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// logEndError is a service that ended while its log could not be written.
type logEndError struct {
	last uint64 // number of the last record in the log
	what string // what is not in it
	err  error
}

func (e *logEndError) Error() string {
	return fmt.Sprintf("audit log: it ends with record %d; not recorded: %s: %v", e.last, e.what, e.err)
}

func (e *logEndError) Unwrap() error { return e.err }

// noDaemonError: nothing answers for a store.
type noDaemonError struct{ what string }

func (e *noDaemonError) Error() string { return fmt.Sprintf("no daemon serves %s", e.what) }

// fuseError is a mount that the kernel refused.
type fuseError struct{ err error }

func (e *fuseError) Error() string { return "mount: " + e.err.Error() }
func (e *fuseError) Unwrap() error { return e.err }

// remoteError is a daemon's refusal, as it told it, with its exit code and hint.
type remoteError struct {
	code int
	msg  string
	hint msg
}

func (e *remoteError) Error() string { return e.msg }
