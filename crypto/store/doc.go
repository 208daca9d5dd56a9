// Package store keeps the encrypted tree on a disk: sealed files, directories,
// symbolic links and extended attributes of many matters, opened, read, written
// and renamed with the semantics of a POSIX file system. It knows nothing of
// FUSE, policy or audit. What bytes mean is said in crypto/FORMAT.md; this
// package decides which bytes stand where, and in which order they are written.
//
// # Use
//
//	disk, err := store.OpenOSDisk("/srv/firm/data")
//	err = store.Create(disk, storeID, storeKey) // once
//	s, err := store.Open(disk, storeID, storeKey, keystore, store.Options{})
//	root, err := s.CreateMatter("2026-0142", keyID, "2026-0142", store.NewAttr{UID: 10021, Mode: 0o770})
//	o, h, created, err := root.Create("合同.docx", store.NewAttr{UID: 10021, Mode: 0o640}, true)
//	_, err = h.WriteAt(content, 0)
//	err = h.Sync()
//	err = h.Close()
//	o.Release()
//
// An [Object] is one live file, directory or symlink: there is exactly one for an
// object id while somebody holds a reference, and its state in memory is the
// truth, since nobody else writes to the disk. A [Handle] is an open file; all
// handles of an object share its state. Both live on when the name goes.
// Everything is safe for concurrent use. The order of locks stands at [Store].
//
// # On the disk
//
//	data/
//	  .mfs.store                           sealed: store id, format
//	  .mfs.tmp/                            things being made; emptied at Open
//	  .mfs.trash/                          directories being removed; emptied at Open
//	  .mfs.lost/                           what a power cut left of things never written
//	  .mfs.live                            only while the store is open, or after a crash
//	  3f0c9a5e6d7b48c1a2935f1e0d4c7b86/    a matter's folder, random name
//	    .mfs.dir                           its key id in clear; sealed: ids, parent, own name, level,
//	                                       matter, creator, mode, birth
//	    .mfs.next                          only while the directory is moving: the .mfs.dir to come
//	    .mfs.t.5e1b...                     a file being made, left by a crash; goes at the next listing
//	    kX0vJ3...                          a file, directory or symlink: base64url of its sealed name
//	    .l.Qm9u...                         the same for a name too long for that: a hash
//	    .l.Qm9u....n                       and the sealed name, beside it
//	    .j.8fJ3...                         the journal of a file that is being overwritten
//
// A file is a header of 4096 bytes (prefix, slot A, slot B, zeros) and one package
// for each block of 4096 bytes. A symlink is a file whose content is the target.
// Extended attributes are attributes of the backing inode called
// user.mfs.SEALEDNAME. Everything belongs to the daemon, files 0600, directories
// 0700. Times and allocated blocks are those of the backing inodes; a write of
// metadata puts the modification time back.
//
// # Size and valid
//
// A file has a size and a valid length, both sealed in its slot. Blocks below
// valid are stored, full but for the last one; bytes from valid up to size read
// as zeros and are not stored. So growing is free, and a client that first sets
// the size and then fills a file in order pays nothing for it. A write beyond
// valid first seals zeros up to it ([Options].MaxZeroFill). Punching a hole writes
// zeros. A shrink seals the block in which it cuts anew and notes block index and
// sequence in the slot: blocks from there on need a higher sequence, so the ones
// that were cut off cannot be put back.
//
// # What is checked
//
// Lookup authenticates the prefix (key commitment), both slots or .mfs.dir, the
// kind, the object id (at one place only), the parent, and for directories the
// name. Opening a file checks its length to the byte and its last block; reading
// checks each block, its index, that it is newer than the last cut and not newer
// than the slot. Anything else is a [*CorruptError], and no byte of it is served.
// A damaged block does not take the rest of the file with it, and writing it as a
// whole mends it. Symbolic links, devices, pipes and undecodable names in the
// backing tree are never followed or opened; listings leave them out and tell the
// log. A file of ours that does not authenticate cannot be removed or replaced
// through the store: it is evidence.
//
// Not noticed here, only by comparing with the audit log: an older version of a
// whole file or folder put back, two names of one folder exchanged (of files:
// the parent is sealed, the name is not), an older version of one block, a file
// or its name removed, and a copy of a file in its own folder as long as the
// original is not in use.
//
// [Check] looks at all of a store that is not open: what the above would find if
// everybody read everything, and what nobody would come upon: things that are no
// part of a store, leftovers of crashes, side files without a name. Files that
// were in use are recovered in memory for that. Its repair moves things to
// .mfs.lost, after a line about each in .mfs.lost/list.jsonl: t, code, from
// (stored path), lost (name there); for an attribute xattr and value (base64,
// sealed) instead. [Object.Version] is for records that a later comparison can
// use to tell an older state of a file.
//
// # Order of writes
//
// A block of which nothing is stored yet goes straight into the file. Any other
// is appended to the file's journal, so that no crash can tear what is there:
//
//	write    [mark in the slot, fdatasync: once, before the first block beyond the end]
//	         blocks beyond the end: pwrite file; others: pwrite journal
//	fsync    [fdatasync file, commit record: if blocks went there] fdatasync journal
//	         [fsync folder: first use of the journal]
//	         without a journal: fdatasync file, slot, fdatasync file
//	close    fdatasync journal; blocks into place; fdatasync file; slot;
//	and co.  fdatasync file; [other slot; unlink journal] or [truncate journal]
//	cut      as close, with the slot of the cut; the part of the block that stays:
//	         journal; truncate file
//
// The journal is ".j." and a hash of the stored name, in the same folder. Its
// existence asks for recovery, and so does the mark in the slot, which a new or cut
// file carries anyway: a file that only grows needs no journal. A checkpoint
// comes at the last close, [Options].JournalBytes, JournalAge after the first record, and
// before a rename. Readers go on meanwhile, writers wait. After a last close it
// may wait for JournalAge more, so that a program that saves again and again pays
// for one; Close of the store does not wait.
//
// Recovery, when the file is next looked up: the journal durable; records newer
// than the slot's sequence base, while they authenticate and their sequence rises,
// into place unless what is there is newer; authentic newer blocks that follow
// without a gap count; file cut to that; fdatasync; slots with a base 2^32 beyond
// whatever was seen; fdatasync; journal gone. It can be interrupted anywhere and
// repeated. [Options].Recovered is told.
//
// A slot that does not authenticate is forgiven, and told, where the other one
// has the mark or a newer record in the journal shows that a crash can have torn
// it.
//
// A new file or link is built under a work name in its folder, a new folder in
// .mfs.tmp, and renamed to its place; a removed folder goes to .mfs.trash first.
// A file that changes its folder names both in its two slots while it moves; a
// folder holds its next .mfs.dir beside the present one. Before something that
// may be durable goes to another folder or takes a long name, those are durable.
//
// The mark of an open store, .mfs.live, tells the next Open of a crash. Then, and
// only then, headers of zeros and no length are the work of a power cut: they
// are moved to .mfs.lost, and told.
//
// # What a crash can damage
//
// After the death of the process at any moment every acknowledged change is there;
// of one that was under way blocks are old or new, in any number from the front.
// After a power cut every synced byte is there, every block is old or new, and
// every file and folder opens, but:
//
//   - A file younger than a minute that was never synced may be gone, cut off or
//     unreadable, as on any file system. The order of its writes is left to the
//     kernel, which makes new files cheap. One that takes the place of a synced
//     file by a rename is synced for that.
//   - On a disk that tears less than 4 KiB, a slot that was being written
//     outside of a session that has the mark or a journal (a change of mode, a
//     move) may be lost; the file is then refused as tampered with.
//   - A replaced directory (rename over an empty one) may be gone while the new one
//     is not there yet; both by name, neither by content.
//
// # What an attacker with the disk wins
//
// Nothing by old journals, those of other files, or records repeated, turned,
// cut or flipped: what does not authenticate, does not rise or is older than the
// slot does not count. Nothing by planting one: recovery finds the same file. What
// stands under a journal's name and is no regular file is not opened.
// By removing a journal after a crash, or cutting it, that overwritten blocks are
// as old as they are in place: the same as putting older blocks back. By cutting
// the file of a crashed session below what a commit record or slot counts: EIO.
//
// # A full or failing disk
//
// ENOSPC and EIO at any write leave what was stored readable: a write to the journal
// that fails changed nothing, one beyond the end keeps its whole blocks, zeros
// before it are taken back. A full disk gets the journal's room back before a
// writer is refused. The caller is told how many bytes were written. A checkpoint
// that fails is repeated at the next close or load; until then blocks are read
// from the journal.
//
// An fsync that fails is never repeated: the kernel takes the pages that it could
// not write for clean, and would call the next one a success. From then on the
// file can be read and unlinked; every sync, write, change of size or mode, move,
// and the last close answer [*SyncError], which is EIO, and the journal stays. When
// nobody has it open any more, the next open or lookup has the kernel forget the
// file (posix_fadvise) and recovers what is on the disk: everything up to the last
// fsync that worked, and of what was written since any part. The mark of an open
// store stays at Close, so that the next Open looks at its files as after a crash.
// A change of a file that panics does the same to it. Of folders and the side files
// of long names the next sync writes new ones. Not covered: a failed sync of a
// directory's entries, since the journal of the backing file system stops then, and
// a daemon that dies between a failed fsync of nothing but a mode and the last close.
//
// When descriptors are scarce files stop being opened (EMFILE) while there are some
// left for the rest of the process: [Options].Descriptors.
//
// # Keys wear out
//
// A file key may seal 2^32 blocks; the slot counts them. From 2^31 on the log says
// that the file should be copied, which gives it a new key; beyond 2^32 writing
// is refused with [ErrRekey].
package store
