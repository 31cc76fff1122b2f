"""ProFTPD's log as its sessions write it, and what is due for it: records in files that are rotated under the sessions, and a ledger of
the events that they mean, made by means of its own (docs/FTP_SERVERS.md, producer/event_id.h)."""

import base64
import collections
import hashlib
import os
import time
import uuid

NAMESPACE = uuid.UUID("6f1c2f0e-9d53-5c51-8a39-3f0f6f2f7b11").bytes
HOST = "ftp.example.net"
ACCOUNTS = ("acc_one", "acc_two", "acc_three")
BUSY = 40  # paths that are uploaded, fetched and deleted again and again
NAMES = ["order {n}.csv", "it's 100% \"done\" {n}.csv", "a  b {n}.txt", "日本語字幕{n}.srt", "C:\\temp\\{n}.dat", "%2e%2e{n}", "-rf {n}"]

Due = collections.namedtuple("Due", "event account path size renamed_from file offset number")


def event_id(log, fingerprint, offset, event):
    name = b"\0".join([HOST.encode(), str(log).encode(), fingerprint.encode(), str(offset).encode(), event.encode()])
    digest = bytearray(hashlib.sha1(NAMESPACE + name).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def shown(path):
    """The path in an event, and path_base64 where it is no text."""
    try:
        return path.decode(), None
    except UnicodeDecodeError:
        return path.decode("utf-8", "replace"), base64.b64encode(path).decode()


class File:
    """One file of the log, by inode, open as long as a session has it."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        status = os.fstat(self.fd)
        self.inode, self.size, self.fingerprint = status.st_ino, status.st_size, None

    def append(self, data, first_frame, split=0):
        """Where it was written; split: in two pieces."""
        if self.fingerprint is None:
            digest = hashlib.sha256(str(self.inode).encode() + b"\0" + first_frame)
            self.fingerprint = digest.hexdigest()[:32]
        offset = self.size
        for piece in (data[:split], data[split:]) if split else (data,):
            assert os.write(self.fd, piece) == len(piece)
        self.size += len(data)
        return offset


class Session:
    """A client's session: it opens the log once and writes there until it ends."""

    def __init__(self, log, pid, account, left):
        self.log, self.pid, self.account, self.left = log, pid, account, left
        self.file = log.file
        self.user = account.replace("acc_", "user_")


class Log:
    """Writes; `due` is event id -> Due. Nothing that is due is written before it stands there."""

    def __init__(self, path, rng):
        self.path, self.rng = path, rng
        self.file = File(path)
        self.due, self.sessions = {}, []
        self.pids, self.number, self.uploads, self.rotations = 1000, 0, 0, 0
        self.time_us = 0
        self.put_aside = 0
        self.busy_owner = {}

    # ---- records

    def record(self, session, command, code, status, path, size="-", reason=""):
        self.time_us = max(time.time_ns() // 1000, self.time_us + 1)
        seconds, micros = divmod(self.time_us, 1000000)
        head = f"@WH1\t{seconds}.{micros:06}\t{session.pid}\tftp\t203.0.113.{session.pid % 250}\t{command}\t{code}\t{status}\t{size}\t0\t{size}"
        return f"{head}\tfalse\t{reason}\t{session.account}\t{session.user}\t".encode() + path + b"//\n"

    def write(self, session, data, event=None, path=None, size=None, renamed_from=None):
        self.number += 1
        split = self.rng.randrange(1, len(data)) if self.rng.random() < 0.01 else 0
        if event:
            file = session.file
            fingerprint = file.fingerprint or hashlib.sha256(str(file.inode).encode() + b"\0" + data).hexdigest()[:32]
            due = Due(event, session.account, path, size, renamed_from, file, file.size, self.number)
            self.due[event_id(self.path, fingerprint, file.size, event)] = due
        session.file.append(data, data, split)

    def upload(self, session, path):
        size = self.rng.randrange(0, 10**9)
        command = self.rng.choice(["STOR", "STOR", "STOR", "APPE"])
        self.uploads += 1
        self.write(session, self.record(session, command, 226, "success", path, size), "file.uploaded", path, size)
        return size

    def deliver(self, session, path):
        """Under a temporary name, then renamed."""
        size = self.upload(session, path + b".part")
        self.write(session, self.record(session, "RNFR", 350, "-", path + b".part"))
        self.write(session, self.record(session, "RNTO", 250, "-", path), "file.uploaded", path, size, path + b".part")

    def busy(self, session):
        """One of the paths that many events are about. A session has some of them for itself while it lives."""
        number = self.rng.randrange(BUSY)
        if self.busy_owner.setdefault(number, session) is not session:
            if self.busy_owner[number] in self.sessions:
                return self.upload(session, self.name())
            self.busy_owner[number] = session
        path = f"/busy/{number}".encode()
        size = self.upload(session, path)
        if self.rng.random() < 0.5:
            self.write(session, self.record(session, "RETR", 226, "success", path, size), "file.downloaded", path, size)
        return self.write(session, self.record(session, "DELE", 250, "-", path, size), "file.deleted", path, size)

    def folders(self, session):
        path = f"/d{self.number}".encode()
        self.write(session, self.record(session, "MKD", 257, "-", path), "dir.created", path)
        self.write(session, self.record(session, "RMD", 250, "-", path), "dir.deleted", path)

    def vain(self, session):
        """What happened, but is no event."""
        status = self.rng.choice([("552", "failed"), ("426", "failed"), ("150", "timeout"), ("550", "failed")])
        self.write(session, self.record(session, self.rng.choice(["STOR", "RETR"]), *status, self.name(), 5))

    def forgery(self, session):
        """A name that looks like the end of a record and another record."""
        forged = self.record(session, "STOR", 226, "success", b"/forged", 1)[:-3]
        succeeded = self.rng.random() < 0.5
        code, status = (226, "success") if succeeded else (552, "failed")
        self.put_aside += succeeded
        self.write(session, self.record(session, "STOR", code, status, b"/x\n" + forged, 1))

    def name(self):
        text = self.rng.choice(NAMES).format(n=self.number)
        raw = f"/r\udce9sum\udce9 {self.number}.pdf".encode("utf-8", "surrogateescape")
        return raw if self.rng.random() < 0.05 else f"/in/{text}".encode()

    # ---- life

    def step(self):
        """Something that a session does."""
        while len(self.sessions) < 8:
            self.pids += 1
            self.sessions.append(Session(self, self.pids, self.rng.choice(ACCOUNTS), self.rng.randrange(5, 200)))
        session = self.rng.choice(self.sessions)
        act = self.rng.choices([lambda s: self.upload(s, self.name()), lambda s: self.deliver(s, self.name()), self.busy, self.folders, self.vain, self.forgery],
                               [60, 15, 10, 4, 10, 1])[0]
        act(session)
        session.left -= 1
        if session.left == 0:
            reason = self.rng.choice(["Quit", "Quit", "Read EOF from client"])
            self.write(session, self.record(session, "EXIT", "-", "-", b"-", reason=reason))
            self.sessions.remove(session)

    def rotate(self):
        """By rename; sessions that live go on writing the old file."""
        self.rotations += 1
        self.path.rename(self.path.with_name(f"{self.path.name}-{self.rotations}"))
        self.file = File(self.path)
