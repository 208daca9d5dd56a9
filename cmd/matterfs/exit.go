package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"matterfs/audit"
	"matterfs/audit/cli"
	"matterfs/audit/export"
	"matterfs/crypto"
	"matterfs/crypto/keystore"
	"matterfs/crypto/statelog"
	"matterfs/crypto/store"
	"matterfs/policy"
)

// Exit codes: a contract with scripts and service managers (DESIGN 11).
const (
	exitOK           = 0
	exitNo           = 1 // negative answer, or a failure without a code of its own
	exitUsage        = 2
	exitPolicy       = 3
	exitNoDaemon     = 4
	exitKey          = 5 // wrong key or locked
	exitNotPermitted = 6
	exitLog          = 7
	exitTampered     = 10
	exitIncomplete   = 11
	exitCheckpoint   = 12
	exitCorrupt      = 20
	exitInterrupted  = 130
)

// exitRow says which code and hint an error gets.
type exitRow struct {
	match func(error) bool
	code  int
	hint  msg
}

// exitTable is the only place that turns errors into codes and hints. The
// first row that matches decides, so causes stand before what wraps them.
var exitTable = []exitRow{
	{isErr(errInterrupted), exitInterrupted, noMsg},
	{isErr(context.Canceled), exitInterrupted, noMsg},
	{isErr(errNoAnswer), exitNo, hintNoAnswer},
	{isErr(errKeeperGone), exitNo, hintKeeper},
	{asErr[*ownerError], exitNotPermitted, hintOwner},
	{asErr[*hookError], exitNotPermitted, hintHook},
	{asErr[*usageError], exitUsage, hintUsage},
	{asErr[*cli.UsageError], exitUsage, hintUsage},
	{asErr[*audit.FilterError], exitUsage, hintUsage},
	{asErr[*export.TargetError], exitUsage, hintUsage},
	{asErr[*export.FromError], exitUsage, hintUsage},
	{asErr[*existsError], exitUsage, hintExists},
	{asErr[*keystore.ExistsError], exitUsage, hintExists},
	{asErr[*overlapError], exitUsage, hintOverlap},
	{asErr[*factsUnrecordedError], exitLog, hintFactsUnrecorded},
	{asErr[*busyError], exitUsage, hintBusy},
	{notEmpty, exitUsage, hintNotEmpty},
	{asErr[*mountpointError], exitUsage, hintMountpoint},
	{asErr[*notMountError], exitUsage, hintNotOurMount},

	{missing("policy"), exitPolicy, hintPolicyMissing},
	{asErr[*policy.OwnershipError], exitPolicy, hintPolicyOwner},
	{asErr[*policyTestsError], exitPolicy, hintTests},
	{asErr[*vanishedError], exitPolicy, hintVanished},
	{asErr[*lostPolicyError], exitPolicy, hintPolicyLost},
	{asErr[*selfError], exitNotPermitted, hintSecond},
	{asErr[*policyError], exitPolicy, hintPolicy},
	{asErr[*policy.TakenError], exitUsage, hintTaken},
	{asErr[*editedError], exitUsage, hintEdited},

	{asErr[*noDaemonError], exitNoDaemon, hintNoDaemon},

	{isErr(keystore.ErrWrongIdentity), exitKey, hintWrongIdentity},
	{isErr(keystore.ErrWrongPassphrase), exitKey, hintWrongPassphrase},
	{isErr(keystore.ErrNoKeystore), exitKey, hintNoKeystore},
	{asErr[*looseError], exitKey, hintSecretMode},
	{isErr(errLocked), exitKey, hintLocked},
	{asErr[*keystore.DamagedError], exitCorrupt, hintDamagedKeys},
	{asErr[*keystore.RolledBackError], exitCorrupt, hintOldKeys},
	{asErr[*keystore.RecipientError], exitUsage, hintRecipient},

	{asErr[*audit.TamperedError], exitTampered, hintTampered},
	{asErr[*audit.IncompleteError], exitIncomplete, hintIncomplete},
	{missing("log", "state"), exitLog, hintLogMissing},
	{asErr[*logEndError], exitLog, hintLogEnd},
	{asErr[*logError], exitLog, hintLog},
	{isErr(audit.ErrUnavailable), exitLog, hintLog},
	{asErr[*audit.LineError], exitTampered, hintTampered},
	{proofFails, exitTampered, hintProof},
	{asErr[*cli.BundleError], exitTampered, hintProof},

	{asErr[*export.CursorError], exitCheckpoint, hintExport},
	{asErr[*export.GapError], exitIncomplete, hintExport},
	{asErr[*export.FileError], exitTampered, hintExportFile},

	{asErr[*unwrittenError], exitLog, hintUnwritten},
	{asErr[*statelog.RolledBackError], exitCorrupt, hintState},
	{asErr[*statelog.DamagedError], exitCorrupt, hintState},
	{asErr[*statelog.ForeignError], exitCorrupt, hintState},
	{wrongStateKey, exitCorrupt, hintState},
	{asErr[*strangeStateError], exitCorrupt, hintStateStrange},
	{asErr[*statelog.NewerError], exitCorrupt, hintStateNewer},

	{missing("data"), exitCorrupt, hintNotStore},
	{isErr(store.ErrNotStore), exitCorrupt, hintNotStore},
	{asErr[*store.CorruptError], exitCorrupt, hintCorrupt},
	{isErr(syscall.ENOSPC), exitNo, hintFull},
	{isErr(syscall.EDQUOT), exitNo, hintFull},
	{isErr(fs.ErrPermission), exitNotPermitted, hintNotPermitted},
	{asErr[*fuseError], exitNo, hintFuse},
}

// explain returns the exit code of an error and the hint that goes with it.
func explain(err error) (int, msg) {
	if remote := (*remoteError)(nil); errors.As(err, &remote) {
		return remote.code, remote.hint
	}
	for _, row := range exitTable {
		if row.match(err) {
			return row.code, row.hint
		}
	}
	return exitNo, noMsg
}

func isErr(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func asErr[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// wrongStateKey: under a key of a store the file of another one was found.
func wrongStateKey(err error) bool {
	return asErr[*stateError](err) && errors.Is(err, crypto.ErrWrongKey)
}

// proofFails: a proof that was checked does not hold. One that cannot be made
// is another failure.
func proofFails(err error) bool {
	var e *audit.ProofError
	return errors.As(err, &e) && (e.Block > 0 || e.Seq == 0)
}

func notEmpty(err error) bool {
	var e *mountpointError
	return errors.As(err, &e) && e.notEmpty
}
