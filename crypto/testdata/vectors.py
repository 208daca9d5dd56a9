#!/usr/bin/env python3
"""Writes vectors.json, the frozen known answers of format v1.

A second implementation of ../FORMAT.md that shares no code with the Go one:
python3 testdata/vectors.py > testdata/vectors.json   (needs python3-cryptography)
Running it again must not change the file.
"""
import base64, hashlib, json, struct
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

MAX64 = 2**64 - 1


def hkdf(key, info, size):
    return HKDF(hashes.SHA256(), size, None, info).derive(key)


def extract(salt, key):
    h = HMAC(salt, hashes.SHA256())
    h.update(key)
    return h.finalize()


def package(key, nonce, plain, version=0x20, cipher=0, final=True):
    nonce = bytes([nonce[0] & 0x7F | (0x80 if final else 0)]) + nonce[1:]
    head = struct.pack("<BBH", version, cipher, len(plain) - 1)
    return head + nonce + AESGCM(key).encrypt(nonce, plain, head)


def label(index, seq):
    return struct.pack("<QQ", index, seq)


def pattern(n):
    return bytes((7 * i + 3) % 251 for i in range(n))


class File:
    """Prefix and keys of one file."""

    def __init__(self, matter, content_id, salt, key_id, key_version):
        self.matter, self.salt, self.key_id, self.key_version = matter, salt, key_id, key_version
        self.content_id, self.content = content_id, hkdf(matter, b"matterfs/v1/content", 32)
        self.info = b"MTRFSv1\0" + struct.pack("<BBBBI", 1, 0, 0, 12, key_version) + content_id
        self.prk = extract(salt + key_id, self.content)
        self.commit = self.expand("commit", 16)
        self.prefix = (self.info + salt + self.commit + key_id).ljust(512, b"\0")

    def expand(self, x, n):
        info = b"matterfs/v1/file\0" + x.encode() + b"\0" + self.info
        return HKDFExpand(hashes.SHA256(), n, info).derive(self.prk)

    def vector(self):
        v = {k: getattr(self, k).hex() for k in ("matter", "content", "content_id", "salt", "key_id", "prk", "commit", "prefix")}
        v["key_version"] = self.key_version
        v.update({x: self.expand(x, 32).hex() for x in ("data", "meta", "xattr")})
        v["xattr_names"] = self.expand("xattrnames", 64).hex()
        v["names"] = hkdf(self.matter, b"matterfs/v1/names", 64).hex()
        return v


def slot_payload(s, head=None):
    b = head or label(MAX64, s["Version"])
    b += struct.pack("<6Q", s["SeqBase"], s["TruncIndex"], s["TruncSeq"], s["Size"], s["Valid"], s["BlockWrites"])
    b += struct.pack("<IBxxx", s["Flags"], s["Kind"]) + bytes.fromhex(s["Object"] + s["Parent"])
    b += struct.pack("<IIIxxxxq", s["UID"], s["GID"], s["Mode"], s["Birth"])
    return b.ljust(1504, b"\0")


def commit_payload(c, head=None):
    b = (head or label(MAX64 - 2, c["Seq"])) + struct.pack("<3Q", c["Size"], c["Valid"], c["BlockWrites"])
    return b.ljust(64, b"\0")


def dir_payload(d, head=None, name_len=None):
    name, level, matter = (d[k].encode() for k in ("Name", "Level", "Matter"))
    b = head or label(MAX64 - 1, 1)
    b += bytes.fromhex(d["Object"] + d["Parent"])
    b += struct.pack("<IIIIq", d["UID"], d["GID"], d["Mode"], d["Flags"], d["Birth"])
    b += struct.pack("<HHH", len(name) if name_len is None else name_len, len(level), len(matter))
    return (b.ljust(96, b"\0") + name + level + matter).ljust(2016, b"\0")


def siv(names, directory, padded):
    return AESSIV(names).encrypt(padded, [directory])


def stored(sealed):
    s = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    if len(s) <= 159:
        return s, None
    return ".l." + base64.urlsafe_b64encode(hashlib.sha256(sealed).digest()).rstrip(b"=").decode(), sealed


def name_vector(names, directory, padded):
    s, long = stored(siv(names, directory, padded))
    return {"dir": directory.hex(), "stored": s, "long": long.hex() if long else None}


def pad32(name):
    b = name.encode()
    return b.ljust((len(b) + 31) // 32 * 32, b"\0")


def flip(b, at, bits=1):
    return b[:at] + bytes([b[at] ^ bits]) + b[at + 1:]


NONCE = bytes(range(0x10, 0x1C))
DIR = bytes([0xD1] * 16)
PLAIN = File(bytes(range(32)), b"\x5a" * 16, b"\xa5" * 32, bytes(16), 1)
OTHER = File(bytes(range(32, 64)), b"\x11" * 16, b"\x22" * 32, b"\x33" * 16, 7)
DATA, META, NAMES = OTHER.expand("data", 32), OTHER.expand("meta", 32), hkdf(OTHER.matter, b"matterfs/v1/names", 64)

SLOT = dict(Version=3, SeqBase=2**40, TruncIndex=5, TruncSeq=77, Size=10000, Valid=8192, BlockWrites=9, Flags=0, Kind=1,
            Object="0b" * 16, Parent="d1" * 16, UID=10021, GID=10000, Mode=0o640, Birth=1790000000123456789)
COMMIT = dict(Seq=2**33 + 7, Size=10000, Valid=8192, BlockWrites=9)
META_DIR = dict(Object="d1" * 16, Parent="00" * 16, Name="2026-0142", Level="机密", Matter="2026-0142",
                UID=10021, GID=10000, Mode=0o770, Birth=-1, Flags=0)


def good():
    names = ["合同.docx", "a", "x" * 32, "x" * 33, "n" * 96, "n" * 97, "汉" * 85]
    return {
        "files": [PLAIN.vector(), OTHER.vector()],
        "packages": [{"key": DATA.hex(), "nonce": NONCE.hex(), "plain": p.hex(), "package": package(DATA, NONCE, p).hex()}
                     for p in (b"\0", b"agreed", pattern(300))],
        "blocks": [{"index": i, "seq": q, "data": pattern(n).hex(), "package": package(DATA, NONCE, label(i, q) + pattern(n)).hex()}
                   for i, q, n in ((0, 1, 1), (5, 2**33, 100), (2**40, 9, 4096))],
        "slot": {"fields": SLOT, "bytes": package(META, NONCE, slot_payload(SLOT)).hex()},
        "commit": {"fields": COMMIT, "bytes": package(META, NONCE, commit_payload(COMMIT)).hex()},
        "dir": {"fields": META_DIR, "bytes": (OTHER.prefix + package(META, NONCE, dir_payload(META_DIR))).hex()},
        "names": [dict(name_vector(NAMES, DIR, pad32(n)), name=n) for n in names],
    }


def broken():
    """Each part must be refused with just this error; all blocks are opened as index 5."""
    block = package(DATA, NONCE, label(5, 8) + b"data")
    moved = package(DATA, NONCE, label(9, 8) + b"data")
    body = label(5, 8) + b"data"
    a_slot = lambda **kw: package(META, NONCE, slot_payload(dict(SLOT, **kw)))
    a_dir = lambda payload: OTHER.prefix + package(META, NONCE, payload)
    cases = [
        ("block", "bit flipped in the ciphertext", "auth", flip(block, 20)),
        ("block", "bit flipped in the tag", "auth", flip(block, len(block) - 1)),
        ("block", "bit flipped in the nonce", "auth", flip(block, 9)),
        ("block", "version 1.0", "format", package(DATA, NONCE, body, version=0x10)),
        ("block", "cipher 1", "format", package(DATA, NONCE, body, cipher=1)),
        ("block", "not final", "format", package(DATA, NONCE, body, final=False)),
        ("block", "final flag removed", "format", flip(block, 4, 0x80)),
        ("block", "one byte short", "format", block[:-1]),
        ("block", "one byte long", "format", block + b"\0"),
        ("block", "label without data", "format", package(DATA, NONCE, label(5, 8))),
        ("block", "more than a block", "format", package(DATA, NONCE, label(5, 8) + bytes(4097))),
        ("block", "of index 9", "label", moved),
        ("block", "of index 9, sealed for sequence number 9^5 and so moved", "auth", flip(moved, 12, 9 ^ 5)),
        ("block", "sealed with the meta key", "auth", package(META, NONCE, body)),
        ("slot", "label of a block", "label", package(META, NONCE, slot_payload(SLOT, label(0, 3)))),
        ("slot", "label of a directory", "label", package(META, NONCE, slot_payload(SLOT, label(MAX64 - 1, 3)))),
        ("slot", "kind 0", "format", a_slot(Kind=0)),
        ("slot", "kind 4", "format", a_slot(Kind=4)),
        ("slot", "valid above size", "format", a_slot(Valid=10001)),
        ("slot", "last reserved byte set", "format", package(META, NONCE, flip(slot_payload(SLOT), 1503))),
        ("slot", "sealed with the data key", "auth", package(DATA, NONCE, slot_payload(SLOT))),
        ("slot", "longer payload", "format", package(META, NONCE, slot_payload(SLOT) + b"\0")),
        ("slot", "shorter payload", "format", package(META, NONCE, slot_payload(SLOT)[:-1])),
        ("commit", "label of a slot", "label", package(META, NONCE, commit_payload(COMMIT, label(MAX64, 3)))),
        ("commit", "label of a block", "label", package(META, NONCE, commit_payload(COMMIT, label(0, 3)))),
        ("commit", "valid above size", "format", package(META, NONCE, commit_payload(dict(COMMIT, Valid=10001)))),
        ("commit", "first reserved byte set", "format", package(META, NONCE, flip(commit_payload(COMMIT), 40))),
        ("commit", "last reserved byte set", "format", package(META, NONCE, flip(commit_payload(COMMIT), 63))),
        ("commit", "sealed with the data key", "auth", package(DATA, NONCE, commit_payload(COMMIT))),
        ("commit", "longer payload", "format", package(META, NONCE, commit_payload(COMMIT) + b"\0")),
        ("commit", "shorter payload", "format", package(META, NONCE, commit_payload(COMMIT)[:-1])),
        ("dir", "label of a slot", "label", a_dir(dir_payload(META_DIR, label(MAX64, 1)))),
        ("dir", "layout 2", "format", a_dir(dir_payload(META_DIR, label(MAX64 - 1, 2)))),
        ("dir", "name length beyond the name", "format", a_dir(dir_payload(META_DIR, name_len=300))),
        ("dir", "byte behind the strings", "format", a_dir(flip(dir_payload(META_DIR), 2015))),
        ("dir", "name with a slash", "format", a_dir(dir_payload(dict(META_DIR, Name="a/b")))),
        ("dir", "no name", "format", a_dir(dir_payload(dict(META_DIR, Name="")))),
        ("dir", "longer payload", "format", a_dir(dir_payload(META_DIR) + b"\0")),
        ("dir", "shorter payload", "format", a_dir(dir_payload(META_DIR)[:-1])),
        ("dir", "key id changed", "wrong key", flip(a_dir(dir_payload(META_DIR)), 80)),
        ("prefix", "salt changed", "wrong key", flip(OTHER.prefix, 40)),
        ("prefix", "commitment changed", "wrong key", flip(OTHER.prefix, 64)),
        ("prefix", "key version changed", "wrong key", flip(OTHER.prefix, 12)),
        ("prefix", "magic changed", "format", flip(OTHER.prefix, 6)),
        ("prefix", "format 0", "format", flip(OTHER.prefix, 8)),
        ("prefix", "cipher 1", "format", flip(OTHER.prefix, 9)),
        ("prefix", "block log2 13", "format", flip(OTHER.prefix, 11)),
        ("prefix", "last reserved byte set", "format", flip(OTHER.prefix, 511)),
        ("prefix", "of another matter", "wrong key", PLAIN.prefix),
        ("prefix", "short", "format", OTHER.prefix[:511]),
    ]
    return [{"part": p, "what": w, "error": e, "bytes": b.hex()} for p, w, e, b in cases]


def broken_names():
    short, long = name_vector(NAMES, DIR, pad32("a")), name_vector(NAMES, DIR, pad32("n" * 97))
    sealed = siv(NAMES, DIR, pad32("a"))
    hashed = ".l." + base64.urlsafe_b64encode(hashlib.sha256(sealed).digest()).rstrip(b"=").decode()
    raw = {"padded too far": b"a".ljust(64, b"\0"), "not padded": b"a", "NUL inside": b"a\0b".ljust(32, b"\0"), "empty": b"", "zeros": bytes(32),
           "slash": b"a/b".ljust(32, b"\0"), "dot": b".".ljust(32, b"\0"), "dot dot": b"..".ljust(32, b"\0"), "256 bytes": b"n" * 256}
    cases = [dict(name_vector(NAMES, DIR, p), what=w, error="format") for w, p in raw.items()]
    cases += [
        dict(short, what="other directory", dir="d2" * 16, error="auth"),
        dict(short, what="line feed", stored=short["stored"] + "\n", error="format"),
        dict(short, what="padding sign", stored=short["stored"] + "=", error="format"),
        dict(short, what="long form beside an inline name", long=sealed.hex(), error="format"),
        dict(short, what="short name in the long form", stored=hashed, long=sealed.hex(), error="format"),
        dict(long, what="long form missing", long=None, error="format"),
        dict(long, what="long form changed", long=flip(bytes.fromhex(long["long"]), 3).hex(), error="format"),
    ]
    return cases


print(json.dumps(dict(good(), broken=broken(), broken_names=broken_names()), ensure_ascii=False, indent=1))
