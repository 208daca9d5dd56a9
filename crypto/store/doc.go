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
//	  .mfs.lost/                           where recovery puts what it cannot place
//	  3f0c9a5e6d7b48c1a2935f1e0d4c7b86/    a matter's folder, random name
//	    .mfs.dir                           its key id in clear; sealed: ids, parent, own name, level,
//	                                       matter, creator, mode, birth
//	    .mfs.next                          only while the directory is moving: the .mfs.dir to come
//	    .mfs.t.5e1b...                     a file being made, left by a crash; goes at the next listing
//	    kX0vJ3...                          a file, directory or symlink: base64url of its sealed name
//	    .l.Qm9u...                         the same for a name too long for that: a hash
//	    .l.Qm9u....n                       and the sealed name, beside it
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
// # Order of writes, and what a crash can damage
//
// The first change of a session marks the slot dirty; the last close writes both
// slots clean; [Handle.Sync] makes the blocks durable, then the slot that counts
// on them, then the name of a new file and the folders above it. A slot is not
// written for each write: a file that a crash left dirty is recovered when it is
// next looked up. Authentic blocks that follow the slot's valid and are newer
// than it extend the file; the sequence jumps ahead. A new file or link is
// built under a work name in its folder, a new folder in .mfs.tmp, and renamed to
// its place; a removed folder goes to .mfs.trash first. A file that changes its folder names both in its two slots while it
// moves; a folder holds its next .mfs.dir beside the present one.
//
// So after the death of the process (SIGKILL, panic) at any moment: every
// acknowledged change is there, an interrupted one is there or not, and every
// file and folder opens. There is no journal yet: blocks are overwritten in place.
// What a crash can still damage:
//
//   - The one block that was being overwritten, if the process died inside
//     that pwrite(2): the kernel stops at a page, a block spans two. It reads as
//     corrupt until it is written as a whole. The partial last block of a file
//     that is appended to is such a block.
//   - A write of many blocks that was under way may be there in part.
//   - On a power cut, moreover: any block overwritten since the last sync may be
//     torn or have its new or its old content, in any order. A file younger than
//     a minute that was never synced may be gone, cut off or unreadable, as on any
//     file system. For older and for synced files the dirty mark is durable before
//     the first block changes, and the blocks before a slot that counts on them,
//     so that they open, with what was synced; that costs one fdatasync for each
//     session that writes.
//   - On a power cut that tears the header page, which disks that write 4 KiB at
//     once do not, the slot that was being written is lost; unless the other one
//     is marked dirty the file is then refused as tampered with.
//   - A replaced directory (rename over an empty one) may be gone while the new one
//     is not there yet; both by name, neither by content.
//
// The journal will close all but the last: overwritten blocks go through it, so
// no block is lost, and its existence instead of a mark in the slot asks for
// recovery.
//
// # A full disk
//
// ENOSPC at any write leaves what was stored readable: a block in which the disk
// filled up is written again as far as it was, zeros before it are taken back,
// and the length is mended. The caller is told how many bytes were written.
package store
