"""The world of one run: topics of its own, a Redis of its own, the receiver, and as many workers as are wanted."""

import datetime
import json
import pathlib
import signal
import subprocess
import sys
import time

from harness.broker import Topics
from harness.definitions import Definitions
from harness.program import Program, environment
from harness.redis import Redis
from harness.waiting import wait_until

from . import kafka as k
from . import redis as r

SESSION_MS = 3000  # of the group; half of it without a commit's answer, which come each second, makes a worker hold its POSTs
STUCK_S = 60


def wall_s(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def end_in_order():
    """SIGTERM ends a run as Ctrl-C does: what it started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Hook:
    """A webhook: whose events it gets, what its path answers (later: after change_answers), and its options."""

    def __init__(self, account, path, answers, later=None, max_attempts=3, concurrency=64, rate=0, timeout_ms=5000):
        self.account, self.path, self.answers, self.later = account, path, answers, later
        self.max_attempts, self.concurrency, self.rate, self.timeout_ms = max_attempts, concurrency, rate, timeout_ms
        self.id = None


class World:
    session_ms = SESSION_MS

    def __init__(self, bin_dir, folder, servers, prefix, partitions, hooks, seed, settings=()):
        self.bin_dir, self.folder = pathlib.Path(bin_dir), pathlib.Path(folder)
        self.servers, self.prefix, self.partitions, self.hooks, self.seed = servers, prefix, partitions, hooks, seed
        self.folder.mkdir(parents=True, exist_ok=True)
        self.redis = Redis(self.folder, "redis-server")
        self.definitions = Definitions(Topics(servers, prefix), self.folder / "keys")
        self.receiver = None
        self.workers = {}
        self.unexpected = []  # ends of programs that nobody wanted
        self.settings = {
            "TRUEFTP_KAFKA_BROKERS": servers,
            "TRUEFTP_KAFKA_CONFIG": str(self.folder / "kafka.conf"),
            "TRUEFTP_REDIS_URL": self.redis.url,
            "TRUEFTP_TOPIC_PREFIX": prefix,
            "TRUEFTP_SECRETS_KEY_FILE": str(self.folder / "keys"),
            "TRUEFTP_ALLOW_TARGETS": "127.0.0.1/32",
            "TRUEFTP_ALLOW_HTTP": "1",
            "TRUEFTP_DEV": "1",
            "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
            "TRUEFTP_RETRY_BASE_MS": "200",
            "TRUEFTP_RETRY_FACTOR": "2",
            "TRUEFTP_RETRY_MAX_MS": "2000",
            **dict(settings),
        }

    # ---- names

    def topic(self, kind):
        return f"{self.prefix}.{kind}"

    @property
    def group(self):
        return f"{self.prefix}-worker"

    @property
    def post_log(self):
        return self.folder / "posts.log"

    # ---- start and end

    def start(self):
        (self.folder / "kafka.conf").write_text(f"session.timeout.ms={self.session_ms}\nheartbeat.interval.ms=400\n")
        self.redis.start()
        self.start_receiver()
        self.ctl("key-file", "create", "--file", self.folder / "keys")
        self.ctl("topics", "ensure", "--partitions", self.partitions)
        for account in sorted({hook.account for hook in self.hooks}):
            self.definitions.account(account)
        for hook in self.hooks:
            self.create_webhook(hook)
        return self

    def start_receiver(self):
        ready = self.folder / "receiver.port"
        argv = [self.bin_dir / "chaos_receiver", "--log", self.post_log, "--ready-file", ready, "--seed", self.seed]
        for hook in self.hooks:
            argv += ["--answer", f"{hook.path}={hook.answers}"]
            argv += ["--later", f"{hook.path}={hook.later}"] if hook.later else []
        self.receiver = Program("receiver", argv, self.folder).start()
        wait_until("the receiver is ready", ready.exists, watch=[self.receiver])
        self.receiver_port = int(ready.read_text())

    def change_answers(self):
        """From now on the endpoints answer as their hooks say in `later`."""
        self.receiver.signal(signal.SIGUSR1)

    def ctl(self, *args):
        argv = [str(self.bin_dir / "trueftpctl"), *[str(a) for a in args]]
        done = subprocess.run(argv, capture_output=True, text=True, env=environment(self.settings), timeout=120, check=False)
        assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def create_webhook(self, hook):
        url = f"http://127.0.0.1:{self.receiver_port}{hook.path}"
        options = {"max_attempts": hook.max_attempts, "max_concurrency": hook.concurrency, "rate_limit": hook.rate, "timeout_ms": hook.timeout_ms}
        hook.id, _secret = self.definitions.webhook(hook.account, url, **options)

    def end(self):
        """Ends everything; nothing is expected of it any more."""
        for worker in self.workers.values():
            if worker.running():
                worker.kill()
        for program in (self.receiver, self.redis.program):
            if program and program.running():
                program.kill()

    # ---- workers

    def worker_argv(self):
        return [self.bin_dir / "trueftp-worker"]

    def worker(self, name, **settings):
        """Starts a worker; one of that name that has ended starts again, with the same log."""
        known = self.workers.get(name)
        assert not (known and known.running())
        worker = Program(name, self.worker_argv(), self.folder, {**self.settings, **settings})
        self.workers[name] = worker
        return worker.start()

    def running(self):
        return [w for w in self.workers.values() if w.running()]

    def stop_worker(self, name, seconds=60):
        """SIGTERM. What does not end in order is a finding."""
        worker = self.workers[name]
        worker.process.terminate()
        try:
            status = worker.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = "not ended"
            worker.kill()
        if status != 0:
            self.unexpected.append(f"{name} ended with {status} after SIGTERM{worker.tail(15)}")

    def sanitizer_findings(self):
        marks = ("Sanitizer", "runtime error:", "check failed")
        found = []
        for log in sorted(self.folder.glob("w*.log")):
            with open(log, encoding="utf-8", errors="replace") as lines:
                found += [f"{log.name}: {line.strip()}" for line in lines if any(m in line for m in marks)]
        return found[:20]

    # ---- facts

    def evictions(self):
        """[(wall seconds, worker)]: when the group took everything from a member that it had not heard of, as workers were told."""
        found = []
        for log in sorted(self.folder.glob("w*.log")):
            with open(log, encoding="utf-8", errors="replace") as lines:
                facts = [json.loads(line) for line in lines if '"fact":"partitions_revoked"' in line and line.endswith("}\n")]
            found += [(wall_s(fact["time"]), log.stem) for fact in facts if fact["lost"]]
        return found

    def committed(self):
        return k.committed(self.servers, self.group, self.topic("events"), self.partitions)

    def index(self, partition):
        return r.read_index(self.redis.port, self.topic("events"), partition)

    def backlog(self):
        """What is not finished: events not committed, deliveries that the index has or has not read yet; None where nobody can tell."""
        try:
            log_ends = k.ends(self.servers, self.topic("deliveries"), self.partitions)
            ends = k.ends(self.servers, self.topic("events"), self.partitions)
            left = sum(max(0, end - max(0, done)) for end, done in zip(ends, self.committed()))
            for partition in range(self.partitions):
                index = self.index(partition)
                if index is None:
                    return None
                left += len(index.open) + len(index.in_hand | index.due) + max(0, log_ends[partition] - 1 - index.applied)
            return left
        except (k.KafkaAway, r.RedisError):
            return None

    def wait_finished(self, seconds, watch=True):
        """Waits until nothing is left to do, and says how much was left when time ran out, or when nothing had ended for a minute."""
        least, end, stuck = None, time.monotonic() + seconds, time.monotonic() + STUCK_S
        while time.monotonic() < min(end, stuck):
            if watch:
                self.expect_workers()
            left = self.backlog()
            if left == 0:
                return 0
            if left is not None and (least is None or left < least):
                least, stuck = left, time.monotonic() + STUCK_S
            time.sleep(0.3)
        return least if least is not None else "unknown"

    def expect_workers(self):
        """A worker that has ended by itself is a finding, and starts again."""
        for name, worker in list(self.workers.items()):
            status = worker.process.poll()
            if status is not None and not getattr(worker, "wanted_dead", False):
                self.unexpected.append(f"{name} ended by itself with {status}{worker.tail(25)}")
                self.worker(name)
