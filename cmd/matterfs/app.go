package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"matterfs/audit/cli"
)

// app is one run of the command: its streams, its language and the flags that
// every verb shares. Verbs get it instead of globals, so tests can run them.
type app struct {
	stdin    *os.File
	out, err io.Writer
	getenv   func(string) string
	lang     lang
	flags    flags
	json     bool
	started  bool // the command line was understood; later errors are not usage errors
}

// flags are the paths given on the command line, empty where not given.
type flags struct {
	config, data, keys, policy, log, state string
	identity, passphraseFile               string
	runDir, user                           string
}

func (a *app) globalFlags(f *pflag.FlagSet) {
	f.StringVar(&a.flags.config, "config", "", "configuration `file` (default DIR/matterfs.yaml)")
	f.StringVar(&a.flags.data, "data", "", "`directory` of the encrypted tree")
	f.StringVar(&a.flags.keys, "keys", "", "`directory` of the key store")
	f.StringVar(&a.flags.policy, "policy", "", "`directory` of the policy")
	f.StringVar(&a.flags.log, "log", "", "`directory` of the audit log")
	f.StringVar(&a.flags.state, "state", "", "`directory` of the daemon's state")
	f.StringVar(&a.flags.identity, "identity", "", "age identity `file` that opens the keys")
	f.StringVar(&a.flags.passphraseFile, "passphrase-file", "", "`file` holding the passphrase that opens the keys")
	f.StringVar(&a.flags.runDir, "run-dir", "", "`directory` of control sockets (default $MATTERFS_RUN_DIR or "+defaultRunDir+")")
	f.BoolVar(&a.json, "json", false, "report as JSON on one line")
}

// userFlag is for the verbs that make or serve a store.
func (a *app) userFlag(f *pflag.FlagSet) {
	f.StringVar(&a.flags.user, "user", "", "`account` (or UID:GID) that the daemon runs as")
}

// say tells a person something on stderr, in their language.
func (a *app) say(m msg, args ...any) {
	fmt.Fprintln(a.err, "matterfs: "+a.text(m, args...))
}

// text is a message of the table in the reader's language.
func (a *app) text(m msg, args ...any) string {
	return fmt.Sprintf(messages[m][a.lang], args...)
}

// printf writes data to stdout.
func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format, args...)
	return err
}

// printJSON writes one value on one line to stdout. HTML escapes are off:
// names are read by people too.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// finish tells the error and its way out, and returns the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return exitOK
	}
	if !a.started {
		err = &usageError{err.Error()}
	}
	if quiet := (*exitError)(nil); errors.As(err, &quiet) {
		return quiet.code
	}
	if quiet := (*cli.ExitError)(nil); errors.As(err, &quiet) {
		return quiet.Code
	}
	code, hint := explain(err)
	fmt.Fprintf(a.err, "matterfs: %v\n", err)
	if hint != noMsg {
		fmt.Fprintln(a.err, a.text(msgHint)+a.text(hint))
	}
	return code
}
