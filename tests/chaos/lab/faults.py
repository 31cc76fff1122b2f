"""What is done to a run: a schedule made from the seed alone, and its execution."""

import random
import signal
import threading
import time

from .world import SESSION_MS

KINDS = ("kill", "stop", "flush", "redis_restart", "redis_rollback", "redis_stop", "redis_full", "redis_readonly", "broker_restart", "broker_stop",
         "rebalance")
LOSES_INDEX = ("flush", "redis_restart", "redis_rollback")
# These cannot make anybody send twice: whatever the index has lost is read from the log before the next claim.
HARMLESS = (*LOSES_INDEX, "redis_stop", "redis_full", "redis_readonly")


class Fault:
    def __init__(self, kind, detail="", at=None):
        """at: of what was over in a moment; otherwise it begins now."""
        self.kind, self.detail = kind, detail
        self.start = at or time.time()
        self.end = at  # None: it goes on

    def finish(self):
        self.end = time.time()

    def __str__(self):
        end = self.end or time.time()
        return f"{self.start:.3f} +{end - self.start:.3f} s {self.kind} {self.detail}".rstrip()


def make_schedule(seed, counts, gap_s):
    """[(seconds to wait, kind, a number of its own)]: all faults in random order."""
    rng = random.Random(f"faults {seed}")
    kinds = [kind for kind in KINDS for _ in range(counts[kind])]
    rng.shuffle(kinds)
    return [(rng.uniform(0.3, 2 * gap_s - 0.3), kind, rng.getrandbits(32)) for kind in kinds]


class Injector:
    def __init__(self, world, broker, names):
        self.world, self.broker, self.names = world, broker, names
        self.done = []
        self.extra = []  # workers that were added, and not yet removed
        self.added, self.rebalances = 0, 0
        self.restarts = []  # (when, name): by this thread, since a child is killed when the thread that made it ends
        self.timers = []

    def run(self, schedule, tell):
        for number, (gap_s, kind, salt) in enumerate(schedule, 1):
            self.wait(gap_s)
            rng = random.Random(salt)
            getattr(self, kind)(rng)
            tell(number, len(schedule), self.done[-1])
        for timer in self.timers:
            timer.join()
        while self.restarts:
            self.wait(0.1)

    def wait(self, seconds):
        """Until then: who was killed comes back in its time, and who ended by itself is noticed."""
        end = time.monotonic() + seconds
        while True:
            for entry in [entry for entry in self.restarts if entry[0] <= time.monotonic()]:
                self.restarts.remove(entry)
                self.world.worker(entry[1])
            self.world.expect_workers()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(0.05, left))

    def begin(self, kind, detail=""):
        fault = Fault(kind, detail)
        self.done.append(fault)
        return fault

    def later(self, seconds, what):
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()
        self.timers.append(timer)

    def candidates(self):
        """Workers that run and are not stopped."""
        workers = self.world.workers
        return [name for name in self.names if workers[name].running() and not getattr(workers[name], "busy", False)]

    # ---- the kinds

    def kill(self, rng):
        names = self.candidates()
        while not names:
            self.wait(0.1)
            names = self.candidates()
        name = rng.choice(names)
        worker = self.world.workers[name]
        fault = self.begin("kill", name)
        worker.wanted_dead = True
        worker.kill()
        fault.finish()
        self.restarts.append((time.monotonic() + rng.choice((0, 0.2, 0.5, 1.5, 3)), name))

    def stop(self, rng):
        names = self.candidates()
        seconds = rng.choice((1, 0.5 * SESSION_MS / 1000, 1.5 * SESSION_MS / 1000, 3 * SESSION_MS / 1000))
        name = rng.choice(names or self.names)
        worker = self.world.workers[name]
        fault = self.begin("stop", f"{name} for {seconds:g} s")
        worker.busy = True
        worker.signal(signal.SIGSTOP)

        def go_on():
            worker.signal(signal.SIGCONT)
            worker.busy = False
            fault.finish()

        self.later(seconds, go_on)

    def flush(self, _rng):
        fault = self.begin("flush")
        try:
            self.world.redis.command("FLUSHALL")
        finally:
            fault.finish()

    def redis_restart(self, rng):
        away = rng.choice((0, 0.3, 2))
        fault = self.begin("redis_restart", f"away {away:g} s")
        self.world.redis.program.kill()
        time.sleep(away)
        self.world.redis.start()
        fault.finish()

    def redis_rollback(self, rng):
        """As by a failover to a replica that was behind: what it knew some seconds ago."""
        age = rng.choice((0.3, 1, 3, 6))
        self.world.redis.command("SAVE")
        self.wait(age)
        fault = self.begin("redis_rollback", f"by {age:g} s")
        self.world.redis.program.kill()
        self.world.redis.start()
        (self.world.folder / "dump.rdb").unlink()
        fault.finish()

    def redis_stop(self, rng):
        """It hangs. Beyond the worker's patience of 2 s, what was sent to it is carried out when nobody waits for the answer any more."""
        seconds = rng.choice((0.3, 1, 2.5, 4))
        fault = self.begin("redis_stop", f"for {seconds:g} s")
        self.world.redis.program.signal(signal.SIGSTOP)
        self.wait(seconds)
        self.world.redis.program.signal(signal.SIGCONT)
        fault.finish()

    def redis_full(self, rng):
        """Each write is answered with OOM."""
        seconds = rng.choice((0.3, 1, 3))
        fault = self.begin("redis_full", f"for {seconds:g} s")
        self.world.redis.command("CONFIG", "SET", "maxmemory", "1")
        self.wait(seconds)
        self.world.redis.command("CONFIG", "SET", "maxmemory", "0")
        fault.finish()

    def redis_readonly(self, rng):
        """As after a failover that the worker has not heard of: a replica, of nobody that answers."""
        seconds = rng.choice((0.3, 1, 3))
        fault = self.begin("redis_readonly", f"for {seconds:g} s")
        self.world.redis.command("REPLICAOF", "127.0.0.1", "1")
        self.wait(seconds)
        self.world.redis.command("REPLICAOF", "NO", "ONE")
        fault.finish()

    def broker_stop(self, rng):
        """It hangs: connections stay, nothing is answered."""
        seconds = rng.choice((1, 2 * SESSION_MS / 1000, 8))
        fault = self.begin("broker_stop", f"for {seconds:g} s")
        self.broker.signal(signal.SIGSTOP)
        self.wait(seconds)
        self.broker.signal(signal.SIGCONT)
        fault.finish()

    def broker_restart(self, rng):
        hard = rng.random() < 0.5
        fault = self.begin("broker_restart", "kill -9" if hard else "SIGTERM")
        self.broker.restart(kill=hard)
        fault.finish()

    def rebalance(self, _rng):
        """In turn: a worker comes; it goes while another one comes, in the midst of giving its partitions back; that one goes."""
        self.rebalances += 1
        if self.rebalances % 3 == 1:
            fault = self.begin("rebalance", "a worker comes")
            self.come()
        elif self.rebalances % 3 == 2:
            fault = self.begin("rebalance", "a worker goes while another one comes")
            leaving = self.world.workers[self.extra[0]]
            before = len(leaving.facts("partitions_revoked"))
            self.come()
            end = time.monotonic() + 2 * SESSION_MS / 1000
            while len(leaving.facts("partitions_revoked")) == before and time.monotonic() < end:
                time.sleep(0.01)
            self.go()
        else:
            fault = self.begin("rebalance", "a worker goes")
            self.go()
        fault.finish()

    def come(self):
        self.added += 1
        name = f"w-extra{self.added}"
        self.world.worker(name)
        self.extra.append(name)

    def go(self):
        name = self.extra.pop(0)
        self.world.workers[name].wanted_dead = True
        self.world.stop_worker(name)
