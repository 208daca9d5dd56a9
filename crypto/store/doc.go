// Package store keeps the encrypted tree on a disk: sealed files, directories,
// symbolic links and extended attributes of many matters, opened, read, written
// and renamed with the semantics of a POSIX file system.
package store
