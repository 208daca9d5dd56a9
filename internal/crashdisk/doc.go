// Package crashdisk is a file system in memory that can crash: a store.Disk with
// a volatile and a durable state, images of both at any step, and a seeded choice
// of what a crash leaves. It is for tests.
//
// # Use
//
//	disk := crashdisk.New()
//	disk.SetHook(func(s crashdisk.Step) crashdisk.Fault {
//		if s.Op.Changes() {
//			after := s.Image().Crash(crashdisk.PowerCut, rng) // a new disk
//			...                                               // open the store on it and look
//		}
//		return crashdisk.Fault{}
//	})
//	store.Create(disk, id, key) // and so on
//
// The hook sees every call before it happens. An image costs microseconds: what
// it shares with the running disk is copied when the disk changes it. A hook may
// also fail the call, after a part of a write ([Fault]): full disks, bad disks.
//
// Names are listed and choices are made in the order in which things were
// created, never in that of their (random) names, so that a seed means the same
// crash in every run.
//
// # What a kill leaves
//
// [Kill] ends the process. The page cache survives, so every call that returned
// is seen afterwards, and is no more durable than before: a power cut may follow.
// The write that was under way may have done its first pages and not the others,
// because the kernel copies page by page and looks for a fatal signal in between
// (generic_perform_write in mm/filemap.c); a package of 4144 bytes spans two.
// Every other call is done or not. Files without a name are gone.
//
// # What a power cut leaves
//
// [PowerCut] leaves what is durable, and a choice of the rest:
//
//   - A page of 4096 bytes of a file has any of the contents that it had since it
//     was last made durable, each page for itself: write-back has no order. The
//     write under way counts too, in part. With [TornPowerCut] sectors of 512
//     bytes of a page may be of two successive versions: SQLite assumes no more
//     of a disk than that (https://sqlite.org/atomiccommit.html, section 2,
//     "powersafe overwrite" off).
//   - A file's length is one that it had since then. Half of the power cuts write
//     a new length only after the bytes up to it, as ext4 does with data=ordered
//     and XFS with appends; in the other half the bytes may be missing and read as
//     zeros, as with data=writeback (Documentation/admin-guide/ext4.rst). A page
//     that a truncation took away comes back only together with the old length;
//     the rest of the page in which it cut may be zeros with the old length still
//     there (ext4_block_truncate_page and xfs_setattr_size write it first).
//   - Entries of directories: each call is there as a whole or not at all, also a
//     rename between two directories. Calls that have a directory in common keep
//     their order; others do not, except that no directory moves or goes before
//     what was done in it, and moves of directories between directories keep
//     their order. Half of the power cuts are stricter and keep the order of all
//     calls, as the journals of ext4 and XFS do. These are the persistence
//     properties of Pillai et al., "All File Systems Are Not Created Equal"
//     (OSDI 2014), table 1, without those that no journaling file system shows:
//     half a rename and an entry of a directory that is itself not there.
//   - An entry has nothing to do with the file's content: a file that was written
//     and renamed, and not synced, may be under its new name and empty.
//   - Extended attributes are those of any version since they were durable; times
//     are old or new.
//   - Calls for durability: a file's Sync makes its content and length durable,
//     with full also times and attributes, and not its name. A directory's Sync
//     makes its entries durable and with them every call that must come before.
//     SyncAll makes all durable. An interrupted Sync is one that did not happen:
//     what it may have written, write-back may have written as well.
//
// # What a failed sync leaves
//
// With [Fault].Lost a sync that fails takes the pages that it did not write for
// clean, as Linux does: they are seen until they leave the cache
// ([Disk.DropCaches], File.DropCache), and the next sync says that all is well.
//
// # What it does not know
//
// Hard and symbolic links, permissions, quotas, space ([Disk.StatFS] is a fixed
// answer), reuse of inode numbers, and disks that lose what they said was durable.
package crashdisk
