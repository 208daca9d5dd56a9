// Package statelog keeps what people decide while the drive runs: who is
// disabled, which matters are frozen, which policy is in force and who spoke for
// the next one, which folders got another level. It is one append-only file of sealed
// records, replayed into memory when it is opened.
//
//	l, err := statelog.Open("/srv/firm/state/state.log", statelog.Options{
//		StoreID: id, Key: keys.StoreKey("state"), Anchors: known})
//	head, err := l.Append(statelog.UserDisable, statelog.Change{Name: "wang.qiang", By: "qian.li"})
//	if mark, ok := l.State().Disabled("wang.qiang"); ok { ... }
//
// # The file
//
// A head of 40 bytes in clear, then frames. Integers are little-endian.
//
//	0   8  magic "MTRFSTL1"
//	8   16 store id
//	24  16 commitment: DeriveKey(key, "statelog/commit")[:16], tells a wrong key from damage
//	40     frame 0, frame 1, ...
//
// A frame is the length of a package (4 bytes) and the package: DARE 2.0, final,
// AES-256-GCM, sealed by [crypto.Sealer] with DeriveKey(key, "statelog/records").
// Sealed in it are
//
//	0   8  generation: 0, 1, 2 ... without gaps
//	8   32 hash before: SHA-256 of the frame before, of the head for frame 0
//	40  8  Unix time in microseconds
//	48  1  length of the kind
//	49     kind, then the payload, one JSON object
//
// So a frame opens only under this store's key and belongs to one place of one
// file: a record that is changed, moved, left out, repeated or taken from
// another log does not fit. Frame 0 has the kind "begin"; its nonce makes the
// hashes of each log its own, even where two hold the same records. The file is made under another name,
// synced and renamed, so frame 0 is never torn.
//
// A kind or a field that this version does not know refuses to load: what a
// newer version wrote may take rights away, and to pass over it would give them
// back. See the table in state.go for the kinds.
//
// # Anchors
//
// Nothing in a file tells that it is an older copy of itself. [Head] is
// generation and hash of the last record; the caller keeps it elsewhere (the
// daemon: in the audit log) and gives what it has to Open as Options.Anchors. A
// log that does not contain each of them is refused: *[RolledBackError] when it
// is shorter or another one, *[DamagedError] when bytes are there that are no
// records. [SealAnchor] and [OpenAnchor] keep a head and a number in a small
// sealed file, which spares a caller to search for the newest.
//
// # Crashes
//
// [Log.Append] writes one frame at the end and returns after fdatasync(2). A
// crash leaves at most one frame that was not acknowledged: whole (it counts,
// and [Recovery] names it as beyond the anchor) or torn (it is cut off, and
// Recovery says so). Only what lies behind the anchors is ever cut off, so
// nothing acknowledged is lost that way.
//
// [Accept] is the way out of a refusal: it keeps the refused file under another
// name and leaves the records that are authentic, if any.
//
// # Not protected
//
// File and all anchors rolled back together. The number of records, their
// lengths and when the file was last written are visible. The state itself is
// no secret inside the process; the key is wiped by the caller.
package statelog
