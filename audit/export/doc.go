// Package export sends the records of a log to where a firm gathers its logs: to a syslog collector over TLS, or to a file.
//
// An exporter is a process of its own that reads the log as any auditor does. The daemon knows nothing of it, so a collector that
// hangs, or is gone, keeps nobody from a document; it keeps the exporter waiting, and the log is what waits. Nothing is buffered in
// memory: what has to be sent again is read again.
//
//	err := export.Run(ctx, export.Options{Log: "/srv/firm/log", Target: target, Format: export.Raw, Cursor: "/var/lib/…/x.cursor", Follow: true})
//
// EXPORT.md beside this file gives the messages, the fields of ECS and OCSF, and settings of collectors.
//
// # The cursor
//
// The cursor is a small file, replaced by rename and synced: number and leaf hash of the last record that the target has, for one
// target and one log. An exporter begins after it. Every record is sent at least once and in order; after a break some are sent again,
// and seq tells which. What is read is held together as the chain holds it: a record that does not continue the one before is a
// *audit.TamperedError. Where the log is not the one that the cursor was made from, being rolled back or another, [Run] refuses with
// a *CursorError; where records are gone that were never sent, because retention or somebody took them, with a *GapError. There is
// one way out of each, and a person has to choose it: Options.From.
//
// A power cut may take records that were sent already; their numbers are then used again, and Run refuses. The collector has what the
// log lost. The log's audit.recover record says from which number on to go on.
//
// # What "sent" means
//
// Syslog over TCP has no acknowledgement (RFC 6587, section 1, RFC 5425, section 5.5): bytes that a kernel took may never be read. So
// the cursor does not follow what was written. At least every ten seconds, and after 4 MiB, the exporter closes its side of the connection and waits
// for the other to close too. A system that closes a connection from which it has not read all answers with a reset instead (RFC 1122,
// 4.2.2.13), so an orderly end says that the collector has read everything. Only then are the records confirmed, and ten seconds later,
// or at an orderly stop, the cursor moves; when a connection breaks before, or is refused, all after the cursor is sent again.
//
// This does not show that the collector has stored anything: give it a queue on a disk. Nor does it help against who can forge the end
// of a TCP connection on the way, or where a proxy stands between and ends it in the collector's name: both can lose records unseen by
// the exporter, and the collector sees a gap in seq.
//
// A file is synced before the cursor moves. A crash leaves a tail that the cursor does not know, and the next start cuts it off.
package export
