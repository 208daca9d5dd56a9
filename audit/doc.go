// Package audit is the log of who did what to which document, kept so that nobody can quietly change it.
//
// The log is JSON lines: one record a line, appended to audit.jsonl, readable with tail -F and jq while it grows. Older parts may
// lie beside it as audit-FIRSTSEQ.jsonl or .jsonl.gz.
//
//	{"seq":2,"t":"2026-11-22T09:31:04.123456Z","ev":"read","res":"ok","user":"zhang.wei","uid":10021,...,"prev":"7f31..."}
//
// Three things hold records together, and FORMAT.md gives them byte by byte:
//
//   - seq counts without gaps over files and restarts, and t never decreases;
//   - prev is the hash of the line before, so a line cannot be changed, taken out, put in or moved without a break after it;
//   - the head, a small file in the state directory, knows number and hash of the last record, so that lines cut off the end are
//     missed too.
//
// # Writing
//
// Open makes a Log; there is one at a time for a log (Linux only). Append returns when the line was handed to the kernel with one
// write(2): killing the daemon loses nothing after that. A record reaches the medium within SyncInterval, or at once with Sync.
// The caller answers its user only after Append returned without error; that is the whole of "logged before served":
//
//	if _, err := log.Append(&audit.Record{Ev: "read", Res: "ok", AUID: -1, OUID: -1, ...}); err != nil {
//		return syscall.EIO
//	}
//
// One record may stand for many reads: package cover says when the next needs one, FORMAT.md (Cover before serve) what that means
// to whoever reads the log. Serving says, without asking anybody, whether the log takes records at all.
//
// When a record cannot be written (I/O error, file replaced by somebody) what was written of it is cut off again and Append refuses
// with ErrUnavailable until writing works; the first record after that says since when, how often it refused and why.
//
// With Options.Reserve a full disk stops disclosure only. Blocks are held after the end of the live file; while they cannot be
// held whole, Append refuses, and what was changed is recorded there:
//
//	log.Begin()
//	defer log.End()
//	if err := log.Ready(); err != nil {
//		return syscall.EIO // not changed
//	}
//	change()
//	log.AppendAs(audit.Change, &audit.Record{Ev: "write", ...}) // has room, whatever others do meanwhile
//
// One goroutine writes. When a write or a sync takes longer than five seconds callers are refused at once with ErrSlow; records of
// changes that were made already are written when the disk comes back, and then the log serves again by itself.
//
// With Options.Rotate the live file becomes an older segment at SegmentSize and at midnight, and all older segments but the newest
// are compressed in the background; with Options.Retain those that are old enough are deleted, unless a legal hold stands (SetHold).
// Readers take no notice; Verify says what retention took.
//
// # After a crash
//
// Open compares the end of the files with the head. What a killed daemon leaves (an unfinished line, or a line the head does not
// know yet) is repaired and recorded as audit.recover. After a power cut, which a changed boot id tells, records since the last
// sync may be gone: then audit.recover states their numbers, which are used again; or there may be some that the head on the disk
// does not know yet: it names them as not anchored, and refuses when they are dated too late for that. What is cut off is kept
// in a file audit-torn-SEQ first. Everything else is refused: *TamperedError, *IncompleteError.
//
// # Seals
//
// With Options.Seal the log signs itself: after 1,000 records, 10 s after a record, every minute and at Close an audit.seal record
// carries a checkpoint, which is the number of records and the root of the Merkle tree over their lines. The key that signs lives
// an hour. It signs its successor, seals that, and is erased: whoever takes the machine has the keys of this hour only, and cannot
// rewrite what was sealed in the hours before. Everybody can check all of it with the first verification key, which InitKeys
// returns and people keep elsewhere. The newest checkpoint is also a file, for an auditor to keep: with it Verify finds that the
// log was rewritten or rolled back as a whole, keys and all.
//
// # Witnesses
//
// What a checkpoint kept elsewhere does by hand, a witness does every minute: a service on another machine (package witness) that signs
// checkpoints, each only when it grew out of the one before. Witnessing prepares what it asks for; the daemon keeps what it signed in
// checkpoint.cosigned, and Verify takes its key in VerifyOptions.Witness. KeyRow is its side of the keys.
//
// # Reading
//
// ReadRecords, ReadFrom and Follow deliver parsed records; Human makes a line for people of one; Verify checks all of it and names
// file and line of what is wrong, and what vouches for what. They work wherever Go does, without the daemon, and beside it.
//
// # Finding and proving
//
// ParseFilter reads conditions such as "matter=2026-0142 ev=open,read since=7d denied", Query delivers the records that meet them, Count
// their number:
//
//	f, err := audit.ParseFilter("user=li.na denied", time.Local, time.Now())
//	rep, err := audit.Query(audit.QueryOptions{Dir: dir, IndexDir: mine}, f, func(line []byte, r *audit.Parsed) error { ... })
//
// Segments are read at the same time, on all processors, and delivered in order: an empty filter is the fastest way through a whole log.
//
// An index of each segment says which of its blocks may hold a value. It is made when it is missing or of another segment, is
// kept by whoever searches, and is believed only about what need not be read. That of the live file knows the blocks which were whole at
// a query; the next one goes on where it ends, and it stays that of the segment which the live file becomes. An index that somebody else
// could have written is made again. Query does not verify.
//
// Prove writes a proof of chosen records, CheckProof checks one with the verification key alone (FORMAT.md, Proofs).
//
// # What it does not protect
//
// Whoever can write the log and the state directory has the key of the hour: they can rewrite what was written since it was made,
// and only a checkpoint kept elsewhere shows it, as it shows a roll-back of the whole machine. The log directory names keys too,
// but Verify trusts only one that it was given. Erasing a key is overwriting its file: a file system that copies on write, a flash
// disk or a backup of the state directory may keep it. A missing head is accepted at Open (with a record that says so for ever);
// Verify calls the tail not anchored. Names stand in the log in clear.
package audit
