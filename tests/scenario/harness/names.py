"""A name server that says something else each time it is asked, as a customer's may, and a way to have a program ask it.

A program asks the servers of /etc/resolv.conf, at port 53. It is started in a mount namespace of its own, where that file names ours,
which listens on a loopback address that nobody else has. Both need root."""

import collections
import ipaddress
import random
import socket
import struct
import subprocess
import threading

A, CNAME, AAAA = 1, 5, 28
NXDOMAIN = 3


def can_be_had():
    """Whether a program can be given a name server here."""
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question_of(packet):
    """The name, the type, and the bytes of the question."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack("!H", packet[at + 1 : at + 3])[0], packet[12 : at + 5]


def record(name, kind, data):
    return encoded(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data  # a time to live of 0


class Names:
    """names.turns(name, turn, ...): the n-th time that a name is asked for it has the addresses of the n-th turn, and from the last on
    those of the last. A turn is addresses, and before them names that it is an alias of, separated by spaces."""

    def __init__(self, folder):
        self.known, self.asked = {}, collections.Counter()
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        self.socket.bind((self.address, 53))
        self.file = folder / "resolv.conf"
        self.file.write_text(f"nameserver {self.address}\n")
        threading.Thread(target=self.serve, daemon=True).start()

    def turns(self, name, *turns):
        with self.lock:
            self.known[name] = [turn.split() for turn in turns]
        return name

    def questions(self, name):
        """How often its addresses have been asked for."""
        with self.lock:
            return self.asked[name, A]

    def command(self, program):
        """What starts a program that asks us."""
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$1"'
        return ["unshare", "--mount", "sh", "-c", script, str(self.file), str(program)]

    def answer(self, packet):
        name, kind, question = question_of(packet)
        with self.lock:
            turns = self.known.get(name)
            turn = turns[min(self.asked[name, kind], len(turns) - 1)] if turns else []
            self.asked[name, kind] += 1
        records, owner = [], name
        for word in turn:
            try:
                address = ipaddress.ip_address(word)
            except ValueError:
                records.append(record(owner, CNAME, encoded(word)))
                owner = word
            else:
                if kind == (A if address.version == 4 else AAAA):
                    records.append(record(owner, kind, address.packed))
        flags = 0x8180 | (0 if turns else NXDOMAIN)
        return packet[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)

    def serve(self):
        while True:
            try:
                packet, peer = self.socket.recvfrom(4096)
                if len(packet) < 12:  # what close sends
                    return
                self.socket.sendto(self.answer(packet), peer)
            except OSError:
                return

    def close(self):
        self.socket.sendto(b"", (self.address, 53))
