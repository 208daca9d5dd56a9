#!/usr/bin/env python3
"""office.py first|second DOCUMENT HOME SIGNALS: one person at LibreOffice, driven through UNO.

Each person has an office of their own with a profile in HOME. They meet by files in SIGNALS:
  first   opens the document for editing, sees its lock file, says `opened`; waits for `refused`; adds a paragraph,
          stores, closes, sees the lock file gone, says `closed`.
  second  waits for `opened`, opens the same document, gets it read-only, cannot store it, closes, says `refused`;
          waits for `closed`, and then may edit what the first has stored.
Prints what it saw, one fact a line; a traceback and exit 1 when something is not as it should be.
"""
import os
import subprocess
import sys
import time
import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.io import IOException
from com.sun.star.task import XInteractionHandler

LIMIT = 60  # seconds for anything to happen


def wait(what, ready):
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("waited in vain for " + what)


def start(home):
    pipe = "matterfs%d" % os.getuid()
    office = subprocess.Popen(
        ["soffice", "--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck",
         "-env:UserInstallation=file://" + home + "/profile", "--accept=pipe,name=%s;urp;" % pipe],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = uno.getComponentContext()
    resolver = context.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", context)

    def connect():
        if office.poll() is not None:
            raise AssertionError("soffice ended with %d" % office.returncode)
        try:
            return resolver.resolve("uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe)
        except Exception:
            return None
    remote = wait("the office", connect)
    return office, remote.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", remote)


def prop(name, value):
    p = PropertyValue()
    p.Name, p.Value = name, value
    return p


class Clicks(unohelper.Base, XInteractionHandler):
    """Stands for the person at the dialog "document in use", who clicks Open Read-Only. Without anybody to ask,
    LibreOffice does not open a document that another has locked."""

    def handle(self, request):
        for choice in request.getContinuations():
            if choice.queryInterface(uno.getTypeByName("com.sun.star.task.XInteractionApprove")):
                choice.select()
                return


def load(desktop, path):
    doc = desktop.loadComponentFromURL(uno.systemPathToFileUrl(path), "_blank", 0,
                                       (prop("Hidden", True), prop("InteractionHandler", Clicks())))
    assert doc is not None, "the document did not open"
    return doc


def lock_of(path):
    return os.path.join(os.path.dirname(path), ".~lock." + os.path.basename(path) + "#")


def first(desktop, path, say, hear):
    before = os.stat(path)
    doc = load(desktop, path)
    assert not doc.isReadonly(), "the first user got it read-only"
    assert os.path.exists(lock_of(path)), "no lock file: " + ", ".join(os.listdir(os.path.dirname(path)))
    print("lock", open(lock_of(path), encoding="utf-8").read().split(",")[0:1])
    say("opened")
    hear("refused")
    text = doc.getText()
    text.insertString(text.getEnd(), "补充条款：自本所收到之日起生效。", False)
    doc.store()
    assert not doc.isModified(), "still modified after store"
    after = os.stat(path)
    assert after.st_size != before.st_size or after.st_mtime_ns != before.st_mtime_ns, "store changed nothing"
    print("stored", before.st_size, after.st_size, "inode", "new" if before.st_ino != after.st_ino else "kept")
    doc.close(True)
    wait("the lock file to go", lambda: not os.path.exists(lock_of(path)))
    left = [n for n in os.listdir(os.path.dirname(path)) if n.startswith(".~") or n.endswith(".tmp")]
    assert not left, "left behind: " + ", ".join(left)
    say("closed")
    print("closed")


def second(desktop, path, say, hear):
    hear("opened")
    doc = load(desktop, path)
    assert doc.isReadonly(), "the second user may edit"
    assert "合同" in doc.getText().getString(), "the text is not there"
    try:
        doc.store()
        raise AssertionError("the second user stored")
    except IOException as e:
        print("store refused", type(e).__name__)
    doc.close(True)
    assert os.path.exists(lock_of(path)), "the second user removed the first one's lock"
    say("refused")
    print("readonly")
    hear("closed")
    doc = load(desktop, path)
    assert not doc.isReadonly(), "still read-only after the first user has closed it"
    assert "补充条款" in doc.getText().getString(), "what the first user stored is not there"
    doc.close(True)
    print("editable")


def main(role, path, home, signals):
    def say(word):
        open(os.path.join(signals, word), "w").close()

    def hear(word):
        wait(word, lambda: os.path.exists(os.path.join(signals, word)))
    office, desktop = start(home)
    try:
        {"first": first, "second": second}[role](desktop, path, say, hear)
    finally:
        try:
            desktop.terminate()
            office.wait(30)
        except Exception:
            office.kill()


main(*sys.argv[1:])
