#!/usr/bin/python3
"""What Windows and its programs do on a share, request by request, without Windows.

smb.py PORT STORY plays one of the stories at the end of this file; the first thing that goes wrong ends it with a
traceback. A Person is one logged-on session. Several persons may share one connection, as the people of a terminal
server do; smbd then works for all of them in one process.
"""
import copy
import socket
import struct
import sys

from Cryptodome.Cipher import AES
from impacket import smb3, smb3structs as s
from impacket.nmb import NetBIOSTimeout

PASSWORD, SHARE = "Pw-1", "matters"
READ, WRITE, DELETE, WRITE_DAC, ANYTHING = 0x120089, 0x120116, 0x10000, 0x40000, 0x10000000
NORMAL, HIDDEN = 0x80, 0x22
READERS, NOBODY, EVERYBODY = 1, 0, 7  # who else may open the file meanwhile
OPEN, CREATE, OPEN_IF, OVERWRITE_IF = s.FILE_OPEN, s.FILE_CREATE, s.FILE_OPEN_IF, s.FILE_OVERWRITE_IF
END_OF_FILE, ALLOCATION, RENAME, DISPOSITION, ALTERNATE = 20, 19, 10, 13, 21  # MS-FSCC 2.4
PENDING, NO_MORE, END = 0x103, 0x80000006, 0xC0000011
DENIED, SHARING, NO_NAME, NO_PATH, EXISTS, UNSUPPORTED = 0xC0000022, 0xC0000043, 0xC0000034, 0xC000003A, 0xC0000035, 0xC0000002
MATTER, OTHER = "2026-0142/", "2026-0177/"


class Wire(smb3.SMB3):
    """One TCP connection with any number of sessions."""

    def __init__(self, port, dialect=None):
        super().__init__("127.0.0.1", "127.0.0.1", sess_port=port, timeout=30, preferredDialect=dialect)
        self.fresh = dict(self._Session)  # before anyone logs on
        self.keys = {}

    def log_on(self, name):
        self._Session = copy.deepcopy(self.fresh)
        self.login(name, PASSWORD)
        tree = self.connectTree(SHARE)
        self.keys[self._Session["SessionID"]] = self._Session["DecryptionKey"]
        return Person(self, name, self._Session, tree)

    def receive(self):
        """The next final answer, whichever session it belongs to; None when none comes."""
        while True:
            try:
                data = self._NetBIOSSession.recv_packet(3).get_trailer()
            except NetBIOSTimeout:
                return None
            head = s.SMB2_TRANSFORM_HEADER(data)
            cipher = AES.new(self.keys[head["SessionID"]], AES.MODE_CCM, head["Nonce"][:11])
            cipher.update(head.getData()[20:])
            packet = s.SMB2Packet(cipher.decrypt(data[len(s.SMB2_TRANSFORM_HEADER()):]))
            if packet["Status"] != PENDING:
                return packet


class Person:
    def __init__(self, wire, name, session, tree):
        self.wire, self.name, self.session, self.tree = wire, name, session, tree

    def turn(self):
        """Whatever the wire sends next, it sends for this person."""
        self.wire._Session = self.session
        return self.wire

    def open(self, path, access=READ, how=OPEN, share=EVERYBODY, options=0, attributes=NORMAL):
        return File(self, self.turn().create(self.tree, path, access, share, options, how, attributes))

    def put(self, path, content):
        with self.open(path, READ | WRITE, OVERWRITE_IF) as f:
            f.write(content)

    def get(self, path):
        with self.open(path) as f:
            return f.read(1 << 20)

    def rename(self, path, to, replace=False):
        with self.open(path, DELETE | READ) as f:
            f.rename(to, replace)

    def delete(self, path):
        with self.open(path, DELETE) as f:
            f.set(DISPOSITION, b"\x01")

    def folder(self, path):
        return self.open(path, READ, options=s.FILE_DIRECTORY_FILE)

    def list(self, path):
        found = []
        with self.folder(path) as d:
            try:
                while True:
                    found += names(self.turn().queryDirectory(
                        self.tree, d.id, "*", maxBufferSize=65535, informationClass=s.FILENAMES_INFORMATION))
            except smb3.SessionError as e:
                assert e.get_error_code() == NO_MORE, e
        return sorted(n for n in found if n not in (".", ".."))

    def refused(self, what, *codes):
        try:
            what()
        except smb3.SessionError as e:
            assert e.get_error_code() in codes, f"{self.name}: {e}"
        else:
            raise AssertionError(f"{self.name} was allowed")

    def send(self, command, data):
        """Sends a request and does not wait; returns its message id."""
        p = s.SMB2Packet()
        p["Command"], p["TreeID"], p["Data"] = command, self.tree, data
        return self.turn().sendSMB(p)


class File:
    def __init__(self, person, id):
        self.person, self.id = person, id

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.person.turn().close(self.person.tree, self.id)

    def write(self, content, at=0):
        n = self.person.turn().write(self.person.tree, self.id, content, at, len(content))
        assert n == len(content), n

    def read(self, size):
        got = b""
        try:
            while len(got) < size:
                got += self.person.turn().read(self.person.tree, self.id, len(got), 65536)
        except smb3.SessionError as e:
            assert e.get_error_code() == END, e
        return got

    def set(self, kind, blob, info=s.SMB2_0_INFO_FILE, more=0):
        self.person.turn().setInfo(self.person.tree, self.id, blob, infoType=info, fileInfoClass=kind, additionalInformation=more)

    def set_size(self, size, kind=END_OF_FILE):
        self.set(kind, struct.pack("<q", size))

    def flush(self):
        self.person.turn().flush(self.person.tree, self.id)

    def rename(self, to, replace=False):
        name = to.replace("/", "\\").encode("utf-16le")
        self.set(RENAME, struct.pack("<B7xQI", replace, 0, len(name)) + name)

    def short_name(self):
        info = self.person.turn().queryInfo(self.person.tree, self.id, fileInfoClass=ALTERNATE)
        return info[4:4 + struct.unpack("<I", info[:4])[0]].decode("utf-16le")

    def ask(self, at, size):
        r = s.SMB2Read()
        r["Padding"], r["FileID"], r["Length"], r["Offset"] = 0x50, self.id, size, at
        return self.person.send(s.SMB2_READ, r)

    def watch(self):
        """Asks to be told of every change below this folder."""
        n = s.SMB2ChangeNotify()
        n["Flags"], n["OutputBufferLength"], n["FileID"], n["CompletionFilter"] = 1, 65535, self.id, 0xFFF
        return self.person.send(s.SMB2_CHANGE_NOTIFY, n)


def names(buffer):
    """FileNamesInformation: offset of the next, index, length, name."""
    found = []
    while True:
        following, _, size = struct.unpack("<III", buffer[:12])
        found.append(buffer[12:12 + size].decode("utf-16le"))
        if following == 0:
            return found
        buffer = buffer[following:]


# The stories. zhang.wei leads 2026-0142, li.na is a member of it, zhao.min may only read; chen.jie leads 2026-0177, and a
# wall keeps her from 2026-0142.

def matters(port):
    """Each sees their own matter, writes in it and reads it back; the other's does not exist."""
    for name, own, other in (("zhang.wei", MATTER, OTHER), ("chen.jie", OTHER, MATTER)):
        p = Wire(port).log_on(name)
        mine = "我的访问-" + name
        assert sorted(p.list("")) == [own[:-1], mine], p.list("")
        assert "被拒绝" in p.get(mine + "/被拒绝.txt").decode()
        p.refused(lambda: p.put(mine + "/新.txt", b""), DENIED)
        p.put(own + "甲方来函.txt", "此致".encode())
        assert p.get(own + "甲方来函.txt") == "此致".encode()
        for path in other, other + "甲方来函.txt", "2099-0001/":
            p.refused(lambda: p.get(path), NO_NAME, NO_PATH)
        p.refused(lambda: p.put("新案件.txt", b""), DENIED)


def plain(port):
    """Who cannot encrypt gets nothing."""
    wire = Wire(port, s.SMB2_DIALECT_21)
    person = Person(wire, "zhang.wei", None, None)
    person.session = wire._Session
    person.refused(lambda: wire.log_on("zhang.wei"), DENIED)


def private(port):
    """What one member saved 0600 on the server, in a folder 0700, opens for another; a reader may only read."""
    li, zhao = Wire(port).log_on("li.na"), Wire(port).log_on("zhao.min")
    for path in "私/合同.txt", "私.txt":
        assert li.get(MATTER + path) == "原稿".encode()
        assert zhao.get(MATTER + path) == "原稿".encode()
        li.put(MATTER + path, "改稿".encode())
        zhao.refused(lambda: zhao.put(MATTER + path, b""), DENIED)
        zhao.refused(lambda: zhao.delete(MATTER + path), DENIED)
    zhao.refused(lambda: zhao.put(MATTER + "新.txt", b""), DENIED)
    li.put(MATTER + "私/新.txt", b"1")
    assert li.list(MATTER + "私") == ["合同.txt", "新.txt"]
    li.delete(MATTER + "私/新.txt")


def permissions(port):
    """Permissions set in Windows' security tab change nothing: here a list that lets nobody in."""
    zhang, li = Wire(port).log_on("zhang.wei"), Wire(port).log_on("li.na")
    zhang.put(MATTER + "权限.txt", b"1")
    with zhang.open(MATTER + "权限.txt", READ | WRITE_DAC) as f:
        nobody = struct.pack("<BBHIIIIBBHHH", 1, 0, 0x8004, 0, 0, 0, 20, 2, 0, 8, 0, 0)
        f.set(0, nobody, info=s.SMB2_0_INFO_SECURITY, more=4)
    li.put(MATTER + "权限.txt", b"2")
    assert zhang.get(MATTER + "权限.txt") == b"2"
    zhang.delete(MATTER + "权限.txt")


def word(port):
    """Word saves: a hidden lock file that goes when it is closed; the new version in a file of its own, its size set
    first and filled then; the old one renamed away, the new one renamed in."""
    zhang, li = Wire(port).log_on("zhang.wei"), Wire(port).log_on("li.na")
    doc, lock, new, old = (MATTER + n for n in ("买卖合同.docx", "~$卖合同.docx", "~WRD0001.tmp", "~WRL0002.tmp"))
    zhang.put(doc, b"first version")
    held = zhang.open(lock, READ | WRITE | DELETE, CREATE, READERS, s.FILE_DELETE_ON_CLOSE, HIDDEN)
    held.write("\x05张伟".encode())
    li.refused(lambda: li.open(lock, READ | WRITE | DELETE, OPEN_IF), SHARING)
    with zhang.open(new, READ | WRITE | DELETE, CREATE, NOBODY) as f:
        f.set_size(300000, ALLOCATION)
        f.set_size(300000)
        for i in 2, 0, 4, 1, 3:
            f.write(bytes([65 + i]) * 60000, i * 60000)
        f.set_size(290000)
        f.flush()
    zhang.refused(lambda: zhang.rename(new, doc), EXISTS)
    zhang.rename(doc, old)
    zhang.rename(new, doc)
    zhang.delete(old)
    held.close()
    assert li.get(doc) == b"".join(bytes([65 + i]) * 60000 for i in range(5))[:290000]
    assert [n for n in li.list(MATTER) if n.startswith("~")] == []
    with li.open(lock, READ | WRITE | DELETE, CREATE, READERS, s.FILE_DELETE_ON_CLOSE, HIDDEN) as f:
        f.write("\x05李娜".encode())
    zhang.delete(doc)


def replace(port):
    """The other way to save: one rename over the old version. A member who may write may do it to a colleague's file,
    but may not rename that away or delete it."""
    zhang, li = Wire(port).log_on("zhang.wei"), Wire(port).log_on("li.na")
    zhang.put(MATTER + "台账.xlsx", b"1")
    li.refused(lambda: li.rename(MATTER + "台账.xlsx", MATTER + "他处.xlsx"), DENIED)
    li.refused(lambda: li.delete(MATTER + "台账.xlsx"), DENIED)
    li.put(MATTER + "6F3A1D00", b"2")
    li.rename(MATTER + "6F3A1D00", MATTER + "台账.xlsx", replace=True)
    assert zhang.get(MATTER + "台账.xlsx") == b"2"
    zhang.delete(MATTER + "台账.xlsx")


def short(port):
    """Programs of old know a file by its alternate name, which for Chinese names is all invented."""
    p = Wire(port).log_on("zhang.wei")
    long = MATTER + "关于买卖合同纠纷一案的代理意见.docx"
    p.put(long, b"1")
    with p.open(long) as f:
        name = f.short_name()
    assert name.isascii() and len(name) <= 12, name
    p.put(MATTER + name, b"22")
    assert p.get(long) == b"22"
    p.delete(MATTER + name)
    p.refused(lambda: p.get(long), NO_NAME)


def sessions(port):
    """Two people on one connection, their reads mixed without waiting: each gets their own, and only that."""
    wire = Wire(port)
    zhang, chen = wire.log_on("zhang.wei"), wire.log_on("chen.jie")
    assert (sorted(zhang.list("")), sorted(chen.list(""))) == ([MATTER[:-1], "我的访问-zhang.wei"], [OTHER[:-1], "我的访问-chen.jie"])
    held, want = {}, {}
    for p, path in (zhang, MATTER + "会话甲.txt"), (chen, OTHER + "会话乙.txt"):
        want[p] = bytes(range(1, 251)) * 80 if p is zhang else bytes(range(251, 1, -1)) * 80
        p.put(path, want[p])
        held[p] = p.open(path)
    for p, path in (zhang, OTHER), (chen, MATTER):
        p.refused(lambda: p.list(path), NO_NAME, NO_PATH)
    for _ in range(10):
        asked = {}
        for at in range(0, 20000, 1000):
            for p in held:
                asked[held[p].ask(at, 1000)] = p, at
        while asked:
            answer = wire.receive()
            p, at = asked.pop(answer["MessageID"])
            assert answer["Status"] == 0, f"{p.name} at {at}: {answer['Status']:x}"
            assert s.SMB2Read_Response(answer["Data"])["Buffer"] == want[p][at:at + 1000], f"{p.name} at {at}"
    for f in held.values():
        f.close()


def watching(port):
    """Nobody is told what happens where they may not look."""
    wire, other = Wire(port), Wire(port)
    chen, zhang = wire.log_on("chen.jie"), other.log_on("zhang.wei")
    asked = chen.folder("").watch()
    answer = wire.receive()
    if answer is None:  # the server watches: does it tell?
        zhang.put(MATTER + "并购方案.txt", b"1")
        zhang.delete(MATTER + "并购方案.txt")
        answer = wire.receive()
    assert answer is not None and answer["MessageID"] == asked and answer["Status"] == UNSUPPORTED, \
        answer and answer["Data"].decode("utf-16le", "replace")


if __name__ == "__main__":
    socket.setdefaulttimeout(30)
    globals()[sys.argv[2]](int(sys.argv[1]))
