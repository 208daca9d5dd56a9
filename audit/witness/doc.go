// Package witness is somebody outside who sees to it that a log only grows: a small HTTP service on another machine, that signs the
// checkpoints of the logs it knows, each log one history. It speaks C2SP tlog-witness (add-checkpoint and the retrieval of the newest
// checkpoint) with Ed25519 co-signatures (C2SP tlog-cosignature).
//
//	w, err := witness.Open(witness.Options{Dir: dir, Logs: keys})
//	err = w.Serve(ctx, listener, nil)
//
// A checkpoint is signed when the log signed it with the key in force and it comes with a proof that it grew out of the last one signed.
// Logs of matterfs change keys every hour; FORMAT.md of package audit, Witnesses, says how a witness follows them, which is beyond C2SP.
//
// # State
//
// Dir holds the private key, witness.key, and a file for each log in logs/, named by the SHA-256 of its origin:
//
//	matterfs-witness-log/v1
//	ORIGIN
//	NUMBER OF THE KEY IN FORCE
//	KEY IN FORCE
//	KEYS THAT HAVE BEGUN A ROW, with spaces between
//
//	THE NEWEST CHECKPOINT, with the signatures of log and witness
//
// A new state is on the disk before its signature leaves: write a file beside it, fsync, rename, fsync the directory. Whatever call fails
// or crashes, no two histories are signed. A file that cannot be read, or was not signed with this key, keeps the witness from starting:
// it would forget what it signed.
//
// # Following
//
// A Follower is the other side: in the daemon, it brings the newest checkpoint of a log to a witness.
//
// # What it does not protect
//
// A witness whose directory was brought back from a backup has forgotten what it signed since, and would sign another continuation from
// there on; what it vouched for before stays proved. Requests are not authenticated beyond the log's signature (C2SP has it so): whoever
// has a checkpoint may bring it. A witness sees how many records a log has, and nothing of them.
package witness
