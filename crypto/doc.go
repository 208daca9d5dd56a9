// Package crypto turns keys, names and file contents into the bytes that
// matterfs keeps on disk, and back. It knows no paths, no FUSE and no policy:
// package crypto/store arranges these bytes in files, crypto/keystore keeps the
// keys. FORMAT.md beside this file gives every byte.
//
// # Packages
//
// Everything sealed is one final DARE 2.0 package (github.com/minio/sio opens
// it and the other way round): 4 bytes of header, a 12-byte random nonce, the
// AES-256-GCM ciphertext and a 16-byte tag, 32 bytes more than the plaintext.
// A [Sealer] makes and opens them without allocating:
//
//	s, err := crypto.NewSealer(key)
//	pkg := s.Seal(nil, []byte("agreed"))   // 38 bytes, other ones each time
//	text, err := s.Open(nil, pkg)
//
// DARE authenticates neither the nonce in the header nor, for single packages,
// their order: a package may be moved by XORing its nonce. So whatever must not
// move carries a label inside the sealed payload. [Sealer.SealBlock] writes the
// block's index there and [Sealer.OpenBlock] refuses any other.
//
// # Files
//
// A file is a plaintext prefix, two slots of sealed metadata and its blocks:
//
//	0x0000  prefix   "MTRFSv1\0", key version, content id, salt, commitment, key id
//	0x0200  slot A   sealed sizes, object id, parent, owner, mode
//	0x0800  slot B   the other one of the two: the higher version is the truth
//	0x1000  block 0  label (index, sequence) and up to 4096 bytes, 4144 on disk
//
// The keys of a file come from its matter's content key and every byte of the
// prefix, so a changed prefix opens nothing:
//
//	prefix, keys, err := crypto.NewFile(crypto.ContentKey(matterKey), keyID, 1)
//	block := keys.Data.SealBlock(nil, 0, 1, data)
//	...
//	p, err := crypto.ParsePrefix(header)          // p.KeyID says which matter key
//	keys, err = p.Keys(crypto.ContentKey(matterKey))
//
// A directory keeps the same kind of prefix and one sealed package in its
// .mfs.dir ([SealDir], [OpenDir]).
//
// # Names
//
// A [NameCipher] seals names with AES-256-SIV: the same name in the same
// directory always gives the same stored name, in another directory another.
//
// # Not protected
//
// An older package of the same place is as authentic as the newest one:
// rolling back single blocks, slots or whole files is not noticed here. Sizes
// of files to the byte, lengths of names in steps of 32 bytes and which matter
// key a file belongs to (not which matter) are visible on the disk. Keys of
// [Sealer] and [NameCipher] live in the Go heap as cipher schedules and cannot
// be wiped.
package crypto
