"""What the measurements share: worlds of the chaos lab with the worker on a core of its own, a feeder that puts events where a frontend
would put them, and figures from the receiver's log."""

import argparse
import collections
import functools
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import struct
import sys
import threading
import time
import uuid
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/chaos"))

from lab import kafka as k  # pylint: disable=wrong-import-position
from lab.world import World  # pylint: disable=wrong-import-position

from harness.broker import Kafka  # pylint: disable=wrong-import-order,wrong-import-position
from harness.contract import delivery_id  # pylint: disable=wrong-import-order,wrong-import-position
from harness.stack import http_get  # pylint: disable=wrong-import-order,wrong-import-position
from harness.waiting import wait_until  # pylint: disable=wrong-import-order,wrong-import-position

TICK_S = 0.01
OWNED = 4  # partitions of an account
NOT_YET = (3, 5, 6)  # UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER
PIECE = 100  # events of a backlog, at once

Post = collections.namedtuple("Post", "wall_s path in_flight")


def say(text=""):
    print(text, flush=True)


def arguments(doc, **defaults):
    """The command line that all measurements have, and the numbers of this one."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    for name, value in defaults.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    return parser.parse_args()


def in_order():
    """SIGTERM ends a measurement as Ctrl-C does: what it started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def start_kafka(args):
    return Kafka(ROOT / "deploy/kafka/kafka.sh", args.folder / "kafka").start()


def finish(args, figures):
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    if not args.keep:
        shutil.rmtree(args.folder)


def event_line(account, path):
    """(event id, Kafka key, value) of one event."""
    event_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
    event = {
        "event_id": event_id,
        "event": "file.uploaded",
        "timestamp": stamp,
        "account_id": account,
        "data": {"path": path, "size": 20480, "username": "pipeline", "client_ip": "203.0.113.5"},
    }
    return event_id, account + path, json.dumps(event, separators=(",", ":"))


@functools.cache
def owned_by(account, partitions):
    """The contract's partitioner: an account owns four."""
    weights = [int.from_bytes(hashlib.sha256(f"{account}/{i}".encode()).digest()[:8], "big") for i in range(partitions)]
    return sorted(range(partitions), key=lambda i: -weights[i])[:OWNED]


def partition_of(account, path, partitions):
    """The path picks one of them."""
    return owned_by(account, partitions)[int.from_bytes(hashlib.sha256(path.encode()).digest(), "big") % OWNED]


def message(key, value):
    """One record in the form that Produce 2 takes (Kafka protocol guide: message format 1)."""
    body = struct.pack(">bbqi", 1, 0, int(time.time() * 1000), len(key)) + key.encode() + struct.pack(">i", len(value)) + value.encode()
    sized = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", 0, len(sized)) + sized


class Writer:
    """Writes to the partitions of a topic over a connection of its own, and waits for each acknowledgement. kcat reads its input in
    pieces, which would be the most of what is measured here."""

    def __init__(self, servers, topic):
        host, _, port = servers.split(",")[0].rpartition(":")
        self.topic = topic
        self.connection = socket.create_connection((host, int(port)), 10)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, messages):
        """partition -> its messages, as bytes. A partition that was just made may have no leader yet."""
        while messages := self.refused(messages):
            time.sleep(0.05)

    def refused(self, messages):
        sets = k.array([struct.pack(">ii", partition, len(data)) + data for partition, data in messages.items()])
        body = struct.pack(">hi", 1, 30000) + k.array([k.string(self.topic) + sets])
        request = struct.pack(">hhi", 0, 2, 1) + k.string("bench") + body
        self.connection.sendall(struct.pack(">i", len(request)) + request)
        answer = k.Answer(k.receive(self.connection, struct.unpack(">i", k.receive(self.connection, 4))[0])[4:])
        answer.take("i")
        answer.string()
        again = {}
        for _ in range(answer.take("i")):
            partition, error, _, _ = answer.take("ihqq")
            assert error in (0, *NOT_YET), f"partition {partition} answers {error}"
            if error:
                again[partition] = messages[partition]
        return again


class Backlog:
    """Events of one account, made beforehand, so that writing them costs us nothing."""

    def __init__(self, account, count, partitions):
        self.requests, piece = [], collections.defaultdict(bytes)
        for n in range(count):
            path = f"/backlog/{n}.csv"
            _, key, value = event_line(account, path)
            piece[partition_of(account, path, partitions)] += message(key, value)
            if n % PIECE == PIECE - 1 or n == count - 1:
                self.requests.append(piece)
                piece = collections.defaultdict(bytes)

    def write(self, world, topic, rate):
        """At so many events a second at most: the broker has other work too."""
        writer, begin = Writer(world.servers, topic), time.monotonic()
        for number, request in enumerate(self.requests):
            time.sleep(max(0, begin + number * PIECE / rate - time.monotonic()))
            writer.send(request)


class Feeder(threading.Thread):
    """Events at a steady rate, spread over accounts; sent holds when and where each was written, by event id."""

    def __init__(self, world, accounts, rate, topic=None):
        super().__init__(daemon=True)
        self.world, self.accounts, self.rate = world, accounts, rate
        self.sent = {}  # event id -> (wall seconds, account)
        self.ending = threading.Event()
        self.writer = Writer(world.servers, topic or world.topic("events"))

    def run(self):
        begin, number = time.monotonic(), 0
        while not self.ending.wait(TICK_S):
            wanted = int((time.monotonic() - begin) * self.rate)
            if wanted > number:
                self.send(range(number, wanted))
            number = wanted

    def send(self, numbers):
        messages = collections.defaultdict(bytes)
        for number in numbers:
            account, path = self.accounts[number % len(self.accounts)], f"/steady/{number}.csv"
            event_id, key, value = event_line(account, path)
            partition = partition_of(account, path, self.world.partitions)
            messages[partition] += message(key, value)
            self.sent[event_id] = (time.time(), account)
        self.writer.send(messages)

    def end(self):
        self.ending.set()
        self.join()


class Bench(World):
    """A world whose workers have the first core."""

    session_ms = 30000

    def worker_argv(self):
        pinned = ["taskset", "-c", "0"] if os.cpu_count() > 1 else []
        return pinned + super().worker_argv()

    def lags(self):
        """Events of each partition that no commit covers; None where Kafka does not tell."""
        try:
            ends = k.ends(self.servers, self.topic("events"), self.partitions)
            return [max(0, end - max(0, done)) for end, done in zip(ends, self.committed())]
        except k.KafkaAway:
            return None

    def lag(self):
        lags = self.lags()
        return None if lags is None else sum(lags)

    def wait_serving(self, seconds=90):
        """All partitions are served."""
        wait_until("all partitions are served", lambda: self.gauge("trueftp_worker_partitions_serving") == self.partitions, seconds, every=0.1,
                   watch=self.running())

    def gauge(self, name):
        """The sum over the running workers."""
        return sum(self.metric(worker, name) for worker in self.running())

    @staticmethod
    def metrics(worker):
        """name, with its labels -> value."""
        lines = http_get(worker.wait_fact("started")["admin_port"], "/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def metric(self, worker, name):
        return self.metrics(worker).get(name, 0.0)

    def posts(self):
        """delivery id -> its first POST; and all POSTs in order."""
        first, every = {}, []
        with open(self.post_log, encoding="utf-8") as lines:
            for line in lines:
                wall_ms, delivery, _, _, _, path, in_flight, _, _ = line.split()
                post = Post(float(wall_ms) / 1000, path, int(in_flight))
                first.setdefault(delivery, post)
                every.append(post)
        return first, every

    def latencies(self, feeder):
        """(when it was written, milliseconds from then to its POST's arrival) of each event, in order. None of them may be missing."""
        hook_of = {hook.account: hook.id for hook in self.hooks}
        first, _ = self.posts()
        return sorted((sent_s, (first[delivery_id(event_id, hook_of[account])].wall_s - sent_s) * 1000)
                      for event_id, (sent_s, account) in feeder.sent.items())


class Free(Bench):
    """Workers on all cores: they are many."""

    def worker_argv(self):
        return [self.bin_dir / "trueftp-worker"]


def cpu_seconds(process):
    """User and system time of a process."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(ordered, percent):
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


def median(values):
    return statistics.median(values)
