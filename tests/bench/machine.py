"""What the benchmarks run on: Kafka, Redis, receivers, and the worker with a backlog before it. The worker and the yardsticks have the
first core, all else the second."""

import collections
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time

from harness.program import die_with_parent

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTITIONS = 4
CLIENT, OTHERS = "0", "1"
WARM, END = 0.15, 0.95  # of the backlog: between these it is measured

Run = collections.namedtuple("Run", "ns rate redis_ns per_write")


def cpu_ns(pid):
    """User and system time of a process, all its threads, as getrusage counts it (the kernel's per-process CPU clock)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(core, *argv):
    return ["taskset", "-c", core, *[str(arg) for arg in argv]]


class Receiver:
    def __init__(self, machine, number, delay_ms, tls, log):
        self.counter = machine.folder / f"count-{number}"
        argv = [machine.build / "bench/bench_receiver", "--counter", self.counter, "--delay-ms", delay_ms]
        if log:
            argv += ["--log", log]
        if tls:
            argv += ["--tls", *machine.certificate()]
        self.process = subprocess.Popen(pinned(OTHERS, *argv), stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def count(self):
        return struct.unpack("Q", self.counter.read_bytes())[0]


class Redis:
    def __init__(self, machine, server):
        self.port = free_port()
        argv = [server, "--port", self.port, "--bind", "127.0.0.1", "--dir", machine.folder, "--save", "", "--maxmemory-policy", "noeviction"]
        self.process = subprocess.Popen(pinned(OTHERS, *argv), stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.url = f"redis://127.0.0.1:{self.port}"
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.command("PING")
                return
            time.sleep(0.05)
        raise RuntimeError("Redis does not answer")

    def command(self, *words):
        """One command; its answer parsed."""
        request = b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(word).encode() if not isinstance(word, bytes) else word for word in words))
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(b"*%d\r\n%s" % (len(words), request))
            return self.answer(connection.makefile("rb"))

    def answer(self, stream):
        line = stream.readline().rstrip(b"\r\n")
        kind, text = line[:1], line[1:]
        if kind == b"$":
            return stream.read(int(text) + 2)[:-2] if int(text) >= 0 else None
        if kind == b"*":
            return [self.answer(stream) for _ in range(int(text))]
        return int(text) if kind == b":" else text

    def load(self, commands):
        """Many commands in one go; their answers are only counted."""
        sent = b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in commands)
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            sender = threading.Thread(target=connection.sendall, args=(sent,))
            sender.start()
            stream = connection.makefile("rb")
            for _ in commands:
                self.answer(stream)
            sender.join()

    def key_bytes(self, each):
        """Bytes an idempotency key, laid out as worker/scripts/done.lua does, so many to a bucket."""
        count = each * 4096
        ids = [os.urandom(16) for _ in range(count)]
        names = {i: b"{bench:0}:done:01234567:41666:" + bytes([i // 16, ord("A") + i % 16]) for i in range(4096)}
        before = self.info("used_memory")
        self.load([(b"HSET", names[i[0] * 16 + i[1] // 16], i, b"3 1 1") for i in ids])
        self.load([(b"PEXPIREAT", name, b"4102444800000") for name in names.values()])
        grown = self.info("used_memory") - before
        self.load([(b"DEL", name) for name in names.values()])  # at once: UNLINK would give back its memory during the next count
        return grown / count

    def info(self, name):
        for line in self.command("INFO", "all").decode().splitlines():
            if line.startswith(name + ":"):
                return int(line.partition(":")[2])
        return 0


class Machine:
    def __init__(self, args, folder):
        self.build, self.proftpd, self.folder = args.build, args.proftpd, folder
        self.kafka_dir = folder / "kafka"
        self.redis = Redis(self, args.redis)
        self.receivers = []
        self.numbers = 0
        self.brokers = self.kafka("start", "--nodes", "1")
        self.keys = folder / "keys"
        self.settings = {
            "TRUEFTP_KAFKA_BROKERS": self.brokers,
            "TRUEFTP_REDIS_URL": self.redis.url,
            "TRUEFTP_SECRETS_KEY_FILE": str(self.keys),
            "TRUEFTP_ALLOW_TARGETS": "127.0.0.0/8",
            "TRUEFTP_ALLOW_HTTP": "1",
            "TRUEFTP_DEV": "1",
            "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
            "TRUEFTP_LOG_LEVEL": "warn",
        }
        self.ctl("bench", "key-file", "create", "--file", self.keys)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_receivers()
        self.redis.process.terminate()
        self.redis.process.wait()
        self.kafka("stop")

    def kafka(self, command, *more):
        argv = pinned(OTHERS, ROOT / "deploy/kafka/kafka.sh", command, "--dir", self.kafka_dir, *more)
        return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def environment(self, prefix, **more):
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRUEFTP_")}
        return {**env, **self.settings, "TRUEFTP_TOPIC_PREFIX": prefix, **more}

    def ctl(self, prefix, *argv):
        done = subprocess.run([self.build / "bin/trueftpctl", *map(str, argv)], env=self.environment(prefix), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"trueftpctl {argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def feed(self, what, *argv):
        subprocess.run(pinned(OTHERS, self.build / "bench/bench_feed", what, self.brokers, *argv), check=True)

    def receiver(self, delay_ms=0, tls=False, log=None):
        self.numbers += 1
        receiver = Receiver(self, self.numbers, delay_ms, tls, log)
        self.receivers.append(receiver)
        return receiver

    def receiver_of(self, port):
        return next((r for r in self.receivers if r.port == port), None)

    def stop_receivers(self):
        for receiver in self.receivers:
            receiver.process.terminate()
            receiver.process.wait()
        self.receivers.clear()

    def certificate(self):
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        if not certificate.exists():
            config = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=bench.example", "-addext", "subjectAltName=DNS:*.bench.example"]
            subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, *config], check=True, stderr=subprocess.DEVNULL)
        return certificate, key

    def yard(self, *argv):
        """One number that bench_yard prints."""
        env = dict(os.environ)
        if (self.folder / "certificate.pem").exists():
            env["CURL_CA_BUNDLE"] = str(self.folder / "certificate.pem")
        argv = pinned(CLIENT, self.build / "bench/bench_yard", *argv)
        return float(subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout)


class Measure:
    """The worker with topics of its own, accounts, and webhooks on a port."""

    def __init__(self, machine, prefix, events, accounts, port, hooks=1, slots=1024, program="bin/trueftp-worker"):
        self.m, self.prefix, self.accounts, self.port, self.hooks = machine, prefix, accounts, port, hooks
        self.events, self.slots, self.program = events // hooks, slots, program
        machine.ctl(prefix, "topics", "ensure", "--partitions", PARTITIONS, "--timeout-s", 60)
        machine.feed("define", prefix, machine.keys, accounts, hooks, port)

    @contextlib.contextmanager
    def running(self, **more):
        log = self.m.folder / f"{self.prefix}.log"
        with open(log, "ab") as out:
            env = self.m.environment(self.prefix, TRUEFTP_WORKER_SLOTS=str(self.slots), **more)
            worker = subprocess.Popen(pinned(CLIENT, self.m.build / self.program), env=env, stdout=out, stderr=out, preexec_fn=die_with_parent)
        try:
            yield worker.pid
        finally:
            worker.terminate()
            status = worker.wait(60)
            assert status == 0, f"{self.program} ended with {status}\n{log.read_text()}"

    def wait(self, condition, pid, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and pathlib.Path(f"/proc/{pid}").exists(), (self.m.folder / f"{self.prefix}.log").read_text()[-2000:]
            time.sleep(0.002)

    @contextlib.contextmanager
    def saturated(self, **more):
        """The worker's pid once it is well within the backlog."""
        receiver = self.m.receiver_of(self.port)
        before = receiver.count()
        self.m.feed("events", self.prefix, PARTITIONS, self.accounts, self.events)
        with self.running(**more) as pid:
            self.wait(lambda: receiver.count() - before > WARM * self.events * self.hooks, pid)
            yield pid

    def run(self):
        redis, receiver = self.m.redis, self.m.receiver_of(self.port)
        all_of_them = self.events * self.hooks
        before = receiver.count()
        with self.saturated() as pid:
            reads_before = redis.info("total_reads_processed")
            first, t0, cpu0, redis0 = receiver.count(), time.monotonic_ns(), cpu_ns(pid), cpu_ns(redis.process.pid)
            self.wait(lambda: receiver.count() - before >= END * all_of_them, pid)
            last, t1, cpu1, redis1 = receiver.count(), time.monotonic_ns(), cpu_ns(pid), cpu_ns(redis.process.pid)
            reads = redis.info("total_reads_processed") - reads_before
        count = last - first
        return Run((cpu1 - cpu0) / count, count * 1e9 / (t1 - t0), (redis1 - redis0) / count, count / max(reads, 1))

    def allocations(self):
        """Heap allocations a delivery, by who asks for them (bench_count_malloc)."""
        owners = ("worker", "librdkafka", "hiredis", "libcurl", "libcrypto", "other")
        file, receiver = self.m.folder / "allocations", self.m.receiver_of(self.port)
        before = receiver.count()
        counts = lambda: struct.unpack(f"{len(owners)}Q", file.read_bytes())  # noqa: E731
        with self.saturated(LD_PRELOAD=str(self.m.build / "bench/bench_count_malloc.so"), BENCH_ALLOCATIONS=str(file)) as pid:
            # By half of the backlog as many deliveries as may be were in hand at once.
            self.wait(lambda: receiver.count() - before >= 0.5 * self.events * self.hooks, pid)
            first, begin = receiver.count(), counts()
            self.wait(lambda: receiver.count() - before >= END * self.events * self.hooks, pid)
            last, end = receiver.count(), counts()
        return {owner: (b - a) / (last - first) for owner, a, b in zip(owners, begin, end)}

    def resident(self):
        """Resident bytes of the worker when it has its tables and nothing to do."""
        receiver = self.m.receiver_of(self.port)
        before = receiver.count()
        with self.running() as pid:
            self.m.feed("events", self.prefix, PARTITIONS, 1, 4)
            self.wait(lambda: receiver.count() > before, pid)
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def record_bytes(self):
        """Mean length of the records in the delivery log."""
        argv = ["kcat", "-b", self.m.brokers, "-C", "-q", "-e", "-o", "beginning", "-t", f"{self.prefix}.deliveries", "-f", "%k %S\\n"]
        lines = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        sizes = [int(line.split()[1]) for line in lines if not line.startswith("!")]
        return sum(sizes) / len(sizes)

    def retry_bytes(self):
        """(Redis' bytes for a delivery in the schedule, its record's in the log)."""
        redis = self.m.redis
        keys = [f"{{{self.prefix}.events:{p}}}:due" for p in range(PARTITIONS)]
        scheduled = lambda: sum(redis.command("ZCARD", due) for due in keys)  # noqa: E731
        self.m.feed("events", self.prefix, PARTITIONS, self.accounts, self.events)
        before = redis.info("used_memory")
        with self.running() as pid:
            self.wait(lambda: scheduled() >= 0.95 * self.events, pid)
            time.sleep(0.3)
            growth, count = redis.info("used_memory") - before, scheduled()
        return growth / count, self.record_bytes()
