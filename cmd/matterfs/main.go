// Command matterfs keeps a firm's documents encrypted on disk and shows them
// as a drive in which every open, read and save is decided by a policy and
// recorded in a log before it is answered.
//
// # Use
//
//	matterfs init /srv/firm                     make a store (identity in /srv/firm.identity)
//	$EDITOR /srv/firm/policy/firm.yaml          name people, levels and matters
//	matterfs policy check /srv/firm             every mistake at once, with line and column
//	matterfs mount /srv/firm /srv/matters       serve it, in the foreground
//	matterfs status                             what runs, and what is wrong with it
//	matterfs doctor /srv/firm                   what will go wrong, and how to mend it
//	matterfs fsck /srv/firm                     every byte is as the daemon left it
//	matterfs audit tail -f /srv/firm            who does what, now
//	matterfs audit verify /srv/firm             nothing changed, nothing missing
//	matterfs audit export --to syslog+tls://log.example --follow /srv/firm
//	matterfs user disable wang.qiang            stop a person at once; matter freeze ID stops a matter
//	matterfs umount /srv/matters
//
// # Configuration
//
// A store is one directory; matterfs.yaml in it says where its parts are:
//
//	data: data                  # the encrypted tree; the only thing a data backup holds
//	keys: keys                  # envelopes and wrapped matter keys; back up apart
//	policy: policy              # the admins' YAML; the daemon never writes here
//	log: log                    # audit.jsonl, older segments, a checkpoint
//	state: state                # lock, audit head, emergency list, policies of before
//	identity: ../firm.identity  # opens the keys at mount, if it is there
//	user: matterfs              # whom the daemon becomes once all is open (privilege.go)
//	log-retention-days: 1095    # how long records are kept: 183 or more, or never
//	audit:
//	  reads: cover              # a record covers the reads that follow; each: one for each
//	  sync: 200ms               # what a power cut may take; group: every open waits for the disk
//	  budget: 1000              # records a second that a person may cause for long, or off
//	  witness: https://w/log    # signs the log's checkpoints on another machine; http to this one only
//	  witness-key: w+ID+KEY     # its verifier key, as witness init prints it
//	hooks:
//	  alert: /usr/local/sbin/x  # is told of changes of state, a line of JSON each; root's to change
//	  bulk-files: 300           # so many documents within an hour are many (bulk.read); or never
//	  bulk-bytes: 4G            # the same of bytes
//	passphrase-file: /run/p     # its first line opens the keys; none by default
//
// Paths are relative to that file. Flags of the same names win, and are
// relative to the working directory; retention, audit and hooks have none.
//
// # Output and exit codes
//
// Data goes to stdout, talk to stderr; --json turns what reports into one JSON
// value on one line. Exit codes are a contract: 0 ok, 1 negative answer or
// other failure, 2 usage, 3 policy invalid, 4 no daemon, 5 wrong key or locked,
// 6 not permitted, 7 log not writable, 10 log tampered, 11 log incomplete,
// 12 checkpoint mismatch, 20 data corrupt, 130 interrupted.
//
// # What it does not protect
//
// Root on this machine and the memory of the running daemon: see the README.
package main

import (
	"io"
	"os"
	_ "time/tzdata" // policies name a time zone; a minimal server has no zone files

	"github.com/spf13/cobra"

	"matterfs/fs"
)

func main() {
	if fs.Helper(os.Args) {
		return
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(args []string, stdin *os.File, stdout, stderr io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	a := &app{stdin: stdin, out: stdout, err: stderr, getenv: os.Getenv, lang: langOf(os.Getenv)}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return a.finish(root.ExecuteContext(ctx))
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "matterfs",
		Short:         "encrypted, policy-gated, logged drive for a firm's matters",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: needVerb,
		// Everything cobra refuses before this point is a usage error.
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	a.globalFlags(root.PersistentFlags())
	root.AddCommand(newInit(a), newMount(a), newUmount(a), newStatus(a),
		newPolicy(a), newAudit(a), newWitness(a), newUser(a), newMatter(a), newState(a), newSamba(a), newWhy(a), newVersion(a), newDoctor(a), newFsck(a), newKeeper(a), newGuard(a))
	return root
}

// needVerb is what a command that only groups others does by itself.
func needVerb(c *cobra.Command, _ []string) error {
	return usagef("%s needs a verb; see %s --help", c.CommandPath(), c.CommandPath())
}
