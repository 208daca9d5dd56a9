#!/usr/bin/env python3
"""Runs the same work on several mounted file systems and prints medians, ratios and spread.

  bench.py [--quick] [--rounds N] --work DIR --tree DIR [--save FILE] NAME=DIRECTORY[@PID] ...

Targets take turns: round 1 has every target, then round 2 in another order, and so on, so that a slow minute of the
machine hits all of them. A figure is the median over the rounds; work that can be slow is capped in time and reported
as a rate. The first target is the one that is compared. PID is its daemon, for CPU time and memory.
Only fio, tar, find, grep, rsync and Python's standard library are used.
"""
import argparse
import json
import mmap
import os
import random
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

MB = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")
NOISE = os.urandom(4 * MB)

# What is measured: id -> (label, unit). The order is that of the table.
ROWS = {
    "write1m": ("seq write 1M + fsync", "MB/s"), "read_cold": ("seq read 128K, cold", "MB/s"),
    "read_warm": ("seq read 1M, warm, new open", "MB/s"), "mmap": ("mmap read, cold", "MB/s"),
    "rr4k": ("fio rand read 4K, O_DIRECT", "IOPS"), "rr4k_j4": ("fio rand read 4K, 4 jobs, O_DIRECT", "IOPS"),
    "rw4k": ("fio rand write 4K", "IOPS"), "rw4k_fs": ("fio rand write 4K + fsync each", "IOPS"),
    "mix": ("fio mixed 70/30 4K, O_DIRECT", "IOPS"),
    "create": ("create 4K files", "files/s"), "open_cold": ("open+read 4K files, cold", "files/s"),
    "open_warm": ("open+read 4K files, warm", "files/s"), "find": ("find -ls, cold", "files/s"),
    "find_warm": ("find -ls, warm", "files/s"), "unlink": ("unlink 4K files", "files/s"),
    "tar": ("tar extract", "files/s"), "grep": ("grep -r, cold", "files/s"), "rsync": ("rsync -nc check", "files/s"),
    "rm": ("rm -rf tree", "files/s"), "office": ("office save (200K temp+fsync+rename)", "saves/s"),
    "sqlite": ("sqlite 1-row transactions", "txn/s"),
}
FIO = {
    "rr4k": "rw=randread bs=4k direct=1", "rr4k_j4": "rw=randread bs=4k numjobs=4 direct=1", "rw4k": "rw=randwrite bs=4k",
    "rw4k_fs": "rw=randwrite bs=4k fsync=1", "mix": "rw=randrw rwmixread=70 bs=4k direct=1",
}


class Size:
    """How much work there is."""

    def __init__(self, quick):
        self.rounds = 2 if quick else 3
        self.big = (128 if quick else 512) * MB
        self.files = 800 if quick else 3000
        self.cap = 2.0 if quick else 4.0  # seconds for capped work
        self.fio = 0.5 if quick else 1.0  # seconds a fio job runs


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def cpu_seconds(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    except OSError:
        return 0.0


def peak_mib(pid):
    try:
        with open("/proc/%d/status" % pid) as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0.0


def command(argv, limit):
    """Seconds that a program took, and its exit code (124: out of time)."""
    start = time.monotonic()
    code = subprocess.run(["timeout", str(limit)] + argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return time.monotonic() - start, code


class Turn:
    """One target's turn in one round."""

    def __init__(self, size, where, tree, tarball):
        self.size, self.dir = size, os.path.join(where, "bench")
        self.tree, self.tarball = tree, tarball
        self.result = {}

    def row(self, name, work):
        try:
            self.result[name] = work()
        except Exception as e:  # one broken row must not hide the others; the table says n/a
            print("    %s: %s: %s" % (name, type(e).__name__, e), file=sys.stderr)
            self.result[name] = None

    def capped(self, items, work):
        """Rate of work over the items, and how many were done before time was up."""
        start, n = time.monotonic(), 0
        for item in items:
            work(item)
            n += 1
            if n % 16 == 0 and time.monotonic() - start > self.size.cap:
                break
        return n / (time.monotonic() - start), n

    def run(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        for part in (self.big_file, self.small_files, self.tree_of_files, self.office, self.sqlite):
            part()
        shutil.rmtree(self.dir)
        return self.result

    # One big file.

    def big_file(self):
        path = os.path.join(self.dir, "big")
        self.row("write1m", lambda: self.write(path))
        drop_caches()
        self.row("read_cold", lambda: self.read(path, 128 << 10))
        self.row("read_warm", lambda: self.read(path, MB))
        drop_caches()
        self.row("mmap", lambda: self.mapped(path))
        for name, options in FIO.items():
            os.sync()  # what the job before left dirty must not count
            self.row(name, lambda: self.fio(path, options))
        os.unlink(path)

    def write(self, path):
        fd, n, start = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644), 0, time.monotonic()
        while n < self.size.big and time.monotonic() - start < self.size.cap:
            n += os.write(fd, memoryview(NOISE)[n % len(NOISE):][:MB])
        os.fsync(fd)
        took = time.monotonic() - start
        os.close(fd)
        return n / took / 1e6

    def read(self, path, block):
        fd, n, start, buf = os.open(path, os.O_RDONLY), 0, time.monotonic(), bytearray(block)
        while (got := os.readv(fd, [buf])) and time.monotonic() - start < self.size.cap:
            n += got
        took = time.monotonic() - start
        os.close(fd)
        return n / took / 1e6

    def mapped(self, path):
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
            n, start = 0, time.monotonic()
            while n < len(m) and time.monotonic() - start < self.size.cap:
                n += len(m[n:n + MB])
            return n / (time.monotonic() - start) / 1e6

    def fio(self, path, options):
        argv = ["fio", "--name=job", "--filename=" + path, "--size=%d" % os.path.getsize(path), "--ioengine=psync", "--time_based",
                "--runtime=%dms" % (self.size.fio * 1000), "--group_reporting", "--thread", "--norandommap", "--randrepeat=0",
                "--invalidate=0", "--fallocate=none", "--overwrite=1", "--output-format=json"]
        argv += ["--" + o for o in options.split()]
        out = subprocess.run(["timeout", "60"] + argv, capture_output=True, text=True, check=True).stdout
        job = json.loads(out[out.index("{"):])["jobs"][0]
        return job["read"]["iops"] + job["write"]["iops"]

    # Many small ones.

    def small_files(self):
        top = os.path.join(self.dir, "small")
        for k in range(50):
            os.makedirs("%s/%02d" % (top, k))
        names = ["%s/%02d/证据-%05d.txt" % (top, i % 50, i) for i in range(self.size.files)]

        def create():
            rate, made = self.capped(names, write_small)
            del names[made:]
            return rate
        self.row("create", create)
        drop_caches()
        self.row("find", lambda: len(names) / command(["find", top, "-ls"], 60)[0])
        self.row("find_warm", lambda: len(names) / command(["find", top, "-ls"], 60)[0])
        shuffled = names[:]
        random.Random(1).shuffle(shuffled)
        drop_caches()
        self.row("open_cold", lambda: self.capped(shuffled, read_small)[0])
        self.row("open_warm", lambda: self.capped(shuffled, read_small)[0])
        self.row("unlink", lambda: self.capped(names, os.unlink)[0])
        shutil.rmtree(top)

    def tree_of_files(self):
        top, limit = os.path.join(self.dir, "tree"), self.size.cap * 6
        os.mkdir(top)

        def extract():
            took, _ = command(["tar", "-xf", self.tarball, "-C", top], limit)
            return count(top) / took
        self.row("tar", extract)
        n = count(top)

        def rate(argv, good):
            took, code = command(argv, limit)
            if code != good:
                raise OSError("%s exits with %d" % (argv[0], code))
            return n / took
        drop_caches()
        self.row("grep", lambda: rate(["grep", "-r", "no such words in it", top], 1))
        self.row("rsync", lambda: rate(["rsync", "-rnc", self.tree + "/", top + "/"], 0))
        self.row("rm", lambda: rate(["rm", "-rf", top], 0))

    # What staff wait for.

    def office(self):
        temp, doc = os.path.join(self.dir, ".~文书.tmp"), os.path.join(self.dir, "文书.docx")

        def save(i):
            fd = os.open(temp, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
            os.write(fd, memoryview(NOISE)[i * 4096 % MB:][:200 << 10])
            os.fsync(fd)
            os.close(fd)
            os.rename(temp, doc)
        self.row("office", lambda: self.capped(range(300), save)[0])

    def sqlite(self):
        def work():
            db = sqlite3.connect(os.path.join(self.dir, "案件.db"), isolation_level=None)
            db.execute("create table t(id integer primary key, v text)")
            rate, _ = self.capped(range(2000), lambda i: db.execute("insert into t(v) values(?)", ("x" * 100,)))
            ok = db.execute("pragma integrity_check").fetchone()[0]
            db.close()
            if ok != "ok":
                raise OSError("integrity_check: " + ok)
            return rate
        self.row("sqlite", work)


def write_small(path):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644)
    os.write(fd, NOISE[:4096])
    os.close(fd)


def read_small(path):
    fd = os.open(path, os.O_RDONLY)
    got = len(os.read(fd, 65536)) + len(os.read(fd, 65536))
    os.close(fd)
    if got != 4096:
        raise OSError("%s has %d bytes, want 4096" % (path, got))


def count(top):
    return sum(len(files) for _, _, files in os.walk(top))


def source_tree(src, work, n):
    """A tree of n real source files, and a tarball of it."""
    tree, tarball = os.path.join(work, "tree"), os.path.join(work, "tree.tar")
    names = sorted(os.path.relpath(os.path.join(d, f), src) for d, _, fs in os.walk(src) for f in fs
                   if not os.path.islink(os.path.join(d, f)) and os.path.getsize(os.path.join(d, f)) < 512 << 10)[:n]
    os.makedirs(tree)
    with tempfile.NamedTemporaryFile("w") as listing:
        listing.write("\n".join(names))
        listing.flush()
        subprocess.run(["tar", "-cf", tarball, "-C", src, "-T", listing.name], check=True)
    subprocess.run(["tar", "-xf", tarball, "-C", tree], check=True)
    return tree, tarball


def short(value):
    if value is None:
        return "n/a"
    return "%.0f" % value if value >= 100 else "%.1f" % value if value >= 10 else "%.2f" % value


def table(head, rows):
    print("\n| " + " | ".join(head) + " |")
    print("|--|" + "--:|" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def report(size, rounds, results, cpu, rss):
    names = list(results)
    own, peers = names[0], names[1:]

    def values(name, row):
        return [r[row] for r in results[name] if r.get(row) is not None]

    def median(name, row):
        v = values(name, row)
        return statistics.median(v) if v else None

    def ratio(row, peer):
        a, b = median(own, row), median(peer, row)
        return "%.2f" % (a / b) if a and b else "n/a"

    def spread(row, name):
        v = values(name, row)
        return "%.0f%%" % ((max(v) - min(v)) / statistics.median(v) * 100) if len(v) > 1 else "-"
    print("\nMedians of %d rounds; %d MiB file, %d small files. Quote no difference below 25 %%, and no row whose spread "
          "is above 50 %%." % (rounds, size.big // MB, size.files))
    table(["test", "unit"] + names + ["%s / %s" % (own, p) for p in peers],
          [[label, unit] + [short(median(n, row)) for n in names] + [ratio(row, p) for p in peers]
           for row, (label, unit) in ROWS.items()])
    table(["spread (max-min)/median"] + names, [[ROWS[row][0]] + [spread(row, n) for n in names] for row in ROWS])
    table(["daemon"] + names, [
        ["CPU s a round"] + ["%.1f" % statistics.median(cpu[n]) for n in names],
        ["peak RSS, MiB"] + [short(rss[n]) for n in names]])


def parse(spec):
    name, rest = spec.split("=", 1)
    where, _, pid = rest.partition("@")
    return name, where, int(pid or 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--quick", action="store_true")
    p.add_argument("--rounds", type=int)
    p.add_argument("--work", required=True)
    p.add_argument("--tree", required=True)
    p.add_argument("--save")
    p.add_argument("targets", nargs="+", type=parse)
    a = p.parse_args()
    size = Size(a.quick)
    rounds = a.rounds or size.rounds
    tree, tarball = source_tree(a.tree, a.work, size.files)
    names = [name for name, _, _ in a.targets]
    results, cpu, rss = {n: [] for n in names}, {n: [] for n in names}, {}
    for r in range(rounds):
        k = r % len(a.targets)
        for name, where, pid in a.targets[k:] + a.targets[:k]:
            start, used = time.monotonic(), cpu_seconds(pid)
            results[name].append(Turn(size, where, tree, tarball).run())
            cpu[name].append(cpu_seconds(pid) - used)
            rss[name] = peak_mib(pid)
            print("round %d of %d: %-12s %5.1f s" % (r + 1, rounds, name, time.monotonic() - start), file=sys.stderr, flush=True)
    if a.save:
        with open(a.save, "w") as f:
            json.dump({"rounds": rounds, "results": results, "cpu": cpu, "rss": rss}, f)
    report(size, rounds, results, cpu, rss)
    if any(v is None for turns in results.values() for turn in turns for v in turn.values()):
        sys.exit("some rows are n/a; see above")


main()
