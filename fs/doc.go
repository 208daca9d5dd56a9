// Package fs is the mounted drive: it answers the kernel's FUSE requests from an encrypted
// store, lets a policy decide each one by the uid that made it, and writes an audit record
// before the answer leaves.
//
// It is the only package that knows FUSE. It implements go-fuse's RawFileSystem itself,
// because the node API above it hides the flags that enforcement needs (LOCKOWNER on a
// READ, WRITE_CACHE on a WRITE) and keeps a second table of nodes.
//
// # One request
//
//	kernel: OPEN(node 7, flags, uid 10021, tid 4711)
//	  enter     the table of methods says what the request needs; no row, no service
//	  decide    policy.Decide(uid, matter, path, operation) under one policy generation
//	  record    the audit log has the line, allow or deny, before anything else happens
//	  store     only now is the sealed file opened, its header and last block checked
//	  answer    with FOPEN_DIRECT_IO, so that every read comes back here
//
// A descriptor is not a permission: READ and WRITE carry the uid of the process that reads,
// and are decided again. When nothing changed since the last decision for the same uid and
// path, this is one comparison of the policy generation and one of the expiry time.
//
// # Cover before serve
//
// Bytes are decrypted first; then it is asked again whether policy and place are still those
// that were decided about; then a record that is in the log covers them, or one is written;
// then they leave. A record covers what the package audit/cover announces, for one handle, one
// uid and one decision; [Options.EachRead], or the level's log_reads, asks for a record for each read
// instead. Fills and copies have one each in any case. While the log takes no records nothing
// leaves, covered or not. A covered read asks for no lock but that of its uid on its handle and
// those, shared, of the tables of nodes and handles; it does not look at /proc, so that a record names the program of the
// read that it was written for. The close tells which bytes each uid read and wrote.
//
// # What the root shows
//
// The root holds one folder for each matter that the caller may see, with
// [Options.OwnFolders] one of their own that lists what they were refused, and nothing else
// can be made there. A matter that the caller may not see does not exist for them: the same
// answer as for any absent name. The kernel has one entry of a name for all users, drops it
// when somebody is refused it, and then members whose working directory it is lose getcwd;
// only ENOMEM and EINTR leave it. So the first misses of a uid in a minute are ENOENT, and
// what they drop is mended at once; every further one is ENOMEM, of whatever name (see the
// type misses). What programs look for by themselves, .git or desktop.ini, is apart. Inside
// a matter a folder hidden by its level is ENOENT, without a limit.
//
// The kernel's name cache is shared by all users, so names at
// the root, and folders with a level of their own, are looked up on each walk; inside a
// matter names and attributes are cached for an hour, because nothing there differs by
// caller except allow or refuse.
//
// # Pages
//
// Direct I/O sends each read(2) here. A mapped page, execve and (on kernels without the fix
// of May 2026) sendfile fill the page cache instead: such a READ comes without an owner and
// is recorded as "fill"; the pages are dropped a moment later, so that the next use is seen
// again. Write-back of mapped pages comes as uid 0 with any writable handle of the file; it
// is accepted while one of the file's writers may still write, or could when the last
// policy ended and less than ten seconds passed.
//
// # When something fails
//
// A change begins only when the log has room for its record: with a full log disk nothing is
// opened or read (EIO), and documents that are open can be saved. What the store finds
// damaged is EIO, recorded and counted ([Stats]). A uid holds at most an eighth of the
// descriptors in open files; then EMFILE. A handler that panics is recorded and answers EIO;
// no lock stays held, and a file that it may have left half changed is not written to until
// nobody has it open.
//
// # What it does not protect
//
// What a permitted reader does with the bytes; repeated touches of a page that is still
// mapped; names in this mount that inotify on the root reveals while others open them.
// Mapping a descriptor sends no request: who was handed one, or kept one after losing
// access, can meet pages in the moment between another person's fill and its drop, and a
// working directory kept open sees names and attributes that others use, and a watch
// (inotify) set in time goes on telling names. A folder that only its seal hides, and no
// rule, makes its name one that cannot be created (EEXIST). Whoever has the
// right to write a file can be made to store, through such a mapping, what another put there.
package fs
