/*
Package keystore holds the keys of one matterfs store: a random master key in
envelopes that people open, and one random key per matter wrapped by the master key.

# Use

	identity, recipient, err := keystore.GenerateIdentity() // or the admins' own age identities
	ks, err := keystore.Init("/srv/firm/keys", keystore.InitOptions{
		Recipients: []string{recipient},
		Recovery:   []string{"age1..."},            // its identity lies in the safe
		Passphrase: []byte("break glass in case"),  // optional
	})
	id, err := ks.Create("2026-0142")               // durable when it returns
	ks.Lock()

	ks, err = keystore.Open("/srv/firm/keys", keystore.Unlock{Identity: identity})
	key, matter, version, err := ks.Key(id)         // points into locked memory
	defer ks.Lock()

A daemon calls HardenProcess before Open, gives the newest Head that it recorded (sealed
in its state log) to CheckHead before it uses a key, records Head after Open and after
Creates, and stops all use of keys before Lock.

# The directory

	keys/                 0700
	    keystore.json     store id, generation of the master key; in clear
	    admins.age        envelope: age file to the admins' recipients, plugins included
	    recovery.age      envelope: age file to the recovery recipients
	    passphrase.age    envelope: age file with scrypt
	    manifest          sealed: every key ever handed out, hashes of the envelopes
	    matters/          0700
	        KEYID         sealed: one matter key; 416 bytes, 32 hex digits for a name

All files are 0600. No matter id, title or person's name stands in clear in a file or
a file name; a recipient's age key does not either. The number of matters, and when
each file was written, can be seen. An envelope that was not asked for does not exist.

	$ cat keys/keystore.json
	{
	  "format": "matterfs-keystore-1",
	  "store": "5b1f0c3a8d94e27760c1f2ab93de4507",
	  "generation": 1
	}

The directory is backed up apart from the data, or destroying a key destroys nothing.
Since every envelope is an age file, the age command opens it without this package:
"age -d -i identity admins.age | xxd" shows the 64 bytes below.

# Formats

Integers are little endian. Envelopes hold these 64 bytes:

	 0   8  "MFSKMST1"
	 8  16  store id
	24   8  generation of the master key
	32  32  master key

matters/KEYID is a DARE 2.0 stream (sio, AES-256-GCM) of these 384 bytes, under
DeriveKey(master, "keystore/matter/" + KEYID):

	 0   8  "MFSKMAT1"
	 8  16  store id
	24  16  key id
	40  32  matter key
	72   4  key version, from 1
	76   8  time of creation, unix seconds
	84   2  length of the matter id, 1 to 255
	86   -  matter id, then zeros

manifest is a DARE 2.0 stream under DeriveKey(master, "keystore/manifest") of:

	  0   8  "MFSKLST1"
	  8  16  store id
	 24   8  generation of the master key
	 32   8  generation of the manifest, one more with each change
	 40  96  SHA-256 of admins.age, recovery.age, passphrase.age; zeros where there is none
	136   4  number of keys
	140   -  keys: key id 16, state 1 (0 live, 1 destroyed), key version 4, time 8,
	         length 2, matter id; then zeros up to a multiple of 4096

A destroyed key stays listed as a tombstone: its file is not taken back, and a matter
that has only tombstones gets no new key. Parsers accept exactly the bytes that the
package writes.

# Order of writes

One writer at a time, across processes (flock(2) on the directory). A process that
stops before any of these calls, or a machine that loses power there, leaves a
directory that opens with every key that was handed out. Init:

	mkdir .
	fsync ..
	chmod .
	create .tmp
	write .tmp
	fsync .tmp
	rename .tmp .init
	fsync .
	mkdir matters
	create .tmp
	write .tmp
	fsync .tmp
	rename .tmp admins.age
	fsync matters
	create .tmp
	write .tmp
	fsync .tmp
	rename .tmp manifest
	fsync .
	create .tmp
	write .tmp
	fsync .tmp
	rename .tmp keystore.json
	fsync .
	unlink .init
	fsync .

(further envelopes like admins.age). Without keystore.json there is no keystore; .init
says that what lies there may be overwritten by the next Init. Create:

	create matters/.tmp
	write matters/.tmp
	fsync matters/.tmp
	rename matters/.tmp matters/KEYID
	fsync matters
	create .tmp
	write .tmp
	fsync .tmp
	rename .tmp manifest
	fsync .

The key is there before it is listed, and it is listed before its id is returned. So a
listed key without its file is damage, never a crash; a key file that is not listed
was never handed out, or is listed in a newer manifest than the one found. Open and
Create adopt it if it authenticates, which is right in both cases.

# What is detected

At Open, without anything else: every change of any byte of any file, a missing file,
a key file under another name or from another store, an envelope that was exchanged
(also one that this keystore had before: a removed admin's), two halves of different
keystores, a destroyed key that was put back beside the manifest that says so. With
CheckHead, given a Head recorded elsewhere, also: an older manifest, and so an older copy
of the whole directory. Without it an older manifest alone loses no key, since newer
key files are adopted; but newer key files that were removed with it are not missed,
and a destroyed key that came back with it is adopted again.

A damaged envelope may not keep the others from being used: Unlock.Salvage. The way
out of all other damage is a replica of the directory.

# Memory

The master key and all matter keys lie in one mapping outside the Go heap: locked
into RAM (Locked says whether that worked), not in core dumps, empty in a forked child,
between two pages that nothing may touch, wiped by Lock and unusable after it. Not
covered: the cipher schedules and keys derived from these, the buffers of age and
sio while a key is read or written, the passphrase and identity the caller holds, a
suspended machine. Root on the machine can read all of it.

Plaintext buffers of this package are wiped. Keystore, Unlock and keys print nothing
secret with any verb.
*/
package keystore
