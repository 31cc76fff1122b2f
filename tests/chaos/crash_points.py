#!/usr/bin/env python3
"""The crash points: the worker dies at a point of the protocol (worker/crash.c), Redis is kept or emptied, another worker goes on,
and the checker looks at all of it. run.sh --crash-points starts it.

One more case is no crash: sigterm_in_revoke, a worker that is told to end while it gives its partitions back, as in a rolling restart.

With :stopped the worker does not die but stands still there, another one takes over, and when all is done it goes on where it stood.

A case is POINT:N[:wiped|:stopped]. Each has topics, a Redis and a receiver of its own; all share one broker.
"""

import argparse
import concurrent.futures
import pathlib
import random
import shutil
import signal
import sys
import threading
import time

from lab import ROOT, junit
from lab import kafka as k
from lab.checker import Checker
from lab.faults import Fault
from lab.ledger import make_event
from lab.sampler import Sampler
from lab.world import Hook, World, end_in_order

from harness.broker import Kafka  # pylint: disable=wrong-import-order
from harness.waiting import wait_until  # pylint: disable=wrong-import-order

POINTS = (
    "before_claim after_claim before_take after_take before_repair after_repair before_claim_script after_claim_script "
    "before_post after_post after_produce after_ack after_apply after_commit in_drain after_revoke_commit"
).split()
TOLD_TO_END = "sigterm_in_revoke"
PARTITIONS = 8
SLOTS = 64
PASSAGES = 8  # of the full run
# Points passed for each delivery: their passages lie farther apart, so that some come before and some after the first commits.
OFTEN = {
    **dict.fromkeys(("before_post", "after_post", "after_produce", "after_ack"), 17),
    **dict.fromkeys(("before_claim_script", "after_claim_script"), 5),
    **dict.fromkeys(("after_apply", "after_commit"), 3),
}
FIRST_EVENTS, BURST, LAST_EVENTS = 60, 20, 30


class Case:
    """One case; run() returns its findings."""

    def __init__(self, args, broker, point, passage, how):
        self.name = f"{point}:{passage}" + (f":{how}" if how else "")
        self.point, self.passage, self.how = point, passage, how
        self.rng = random.Random(f"{args.seed} {self.name}")
        self.faults, self.ledger, self.number, self.numbers = [], {}, 0, {}
        folder = args.folder / self.name.replace(":", "-")
        hooks = [
            Hook("acc_one", "/steady", "delay:1-10"),
            Hook("acc_one", "/flaky", "500:30,delay:20-60", max_attempts=8),
            Hook("acc_one", "/slow", "delay:1000-1600"),  # runs while offsets are committed, once a second
        ]
        self.world = World(args.bin, folder, broker.servers, "t1." + self.name.replace(":", "."), PARTITIONS, hooks, args.seed,
                           {"TRUEFTP_WORKER_SLOTS": str(SLOTS)})
        self.sampler = Sampler(self.world, every=0.2)

    # ---- steps

    def publish(self, count):
        batch = [make_event(self.rng, "acc_one", self.number + i) for i in range(count)]
        self.number += count
        topic = self.world.topic("events")
        written = k.write_lines(self.world.servers, topic, [(key, value) for _, key, value in batch])
        assert written, "the events were not acknowledged"
        self.ledger.update((event_id, value) for event_id, _, value in batch)

    def finish(self, seconds=60):
        left = self.world.wait_finished(seconds, watch=False)
        assert not left, f"not finished within {seconds} s: {left} events and deliveries are left"

    def write_late(self):
        """As a zombie would: a first record of some deliveries, after their last one."""
        first, last = {}, {}
        for record in k.read_topic(self.world.servers, self.world.topic("deliveries")):
            if not record.key.startswith("!"):
                first.setdefault(record.key, record)
                last[record.key] = record
        late = [r for key, r in first.items() if '"status":"retrying"' in r.value and last[key].offset > r.offset]
        assert len(late) >= self.passage, f"only {len(late)} deliveries were retried"
        for record in late[: self.passage + 2]:
            topic = self.world.topic("deliveries")
            assert k.write_lines(self.world.servers, topic, [(record.key, record.value)], partition=record.partition)

    def provoke(self, worker):
        """Does what makes the armed worker pass its point."""
        if self.point in ("before_repair", "after_repair"):
            self.publish(FIRST_EVENTS)
            self.finish()
            self.write_late()
        elif self.point == "in_drain":
            self.publish(FIRST_EVENTS)
            wait_until("POSTs run", lambda: self.world.post_log.stat().st_size > 0, 30, watch=[worker])
            worker.process.terminate()
        elif self.point == "after_revoke_commit":
            self.publish(FIRST_EVENTS)
            wait_until("POSTs run", lambda: self.world.post_log.stat().st_size > 0, 30, watch=[worker])
            self.world.worker("w2")
        else:
            self.publish(BURST)

    def over(self, worker):
        """It is dead, or stands still."""
        if self.how != "stopped":
            return worker.process.poll() is not None
        state = pathlib.Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state == "T"

    def await_point(self, worker):
        """Events go on coming until the worker is there."""
        end = time.monotonic() + 40
        while not self.over(worker):
            assert time.monotonic() < end, f"the point was not reached within 40 s{worker.tail(10)}"
            if self.point not in ("in_drain", "after_revoke_commit", "before_repair", "after_repair"):
                self.publish(BURST)
            time.sleep(0.3)
        if self.how != "stopped":
            assert worker.process.returncode == -9, f"it ended with {worker.process.returncode}, not by its point{worker.tail(20)}"

    def wake(self):
        """It goes on where it stood, long after others have done its work; then both have something to do."""
        worker = self.world.workers["w1"]
        worker.signal(signal.SIGCONT)
        self.faults[-1].finish()
        wait_until("it has noticed", lambda: not worker.running() or worker.facts("partitions_revoked") or worker.facts("posts_held"), 40, every=0.1)
        self.publish(LAST_EVENTS)
        self.finish()

    def end_in_revoke(self):
        """SIGTERM in the midst of a revocation: what runs is finished all the same, and the worker ends with status 0. No fault that
        would excuse a POST that comes twice."""
        worker = self.world.worker("w1")
        self.publish(FIRST_EVENTS)
        wait_until("POSTs run", lambda: self.world.post_log.stat().st_size > 5000, 30, watch=[worker])
        self.world.worker("w2")
        wait_until("partitions are revoked", lambda: worker.facts("partitions_revoked"), 30, every=0.005, watch=[worker])
        self.world.stop_worker("w1")

    def check(self, checker):
        self.numbers = checker.numbers
        found = [f"{invariant}: {text}" for invariant, texts in checker.findings.items() for text in texts[:4]]
        return found + self.world.unexpected + self.world.sanitizer_findings()

    def play(self):
        self.world.start()
        self.sampler.start()
        if self.point == TOLD_TO_END:
            self.end_in_revoke()
        else:
            stop = ":stop" if self.how == "stopped" else ""
            worker = self.world.worker("w1", TRUEFTP_CRASH_AT=f"{self.point}:{self.passage}{stop}")
            self.provoke(worker)
            self.await_point(worker)
            self.faults.append(Fault("stop" if stop else "kill", self.name))
            if not stop:
                self.faults[-1].finish()
        if self.how == "wiped":
            self.faults.append(Fault("flush"))
            self.world.redis.command("FLUSHALL")
            self.faults[-1].finish()
        if "w2" not in self.world.workers:
            self.world.worker("w2")
        self.publish(LAST_EVENTS)
        self.finish()
        if self.how == "stopped":
            self.wake()
        self.sampler.end()
        checker = Checker(self.world, self.ledger, self.faults, self.sampler, 4 * SLOTS).capture()
        for name, worker in self.world.workers.items():
            if worker.running():
                self.world.stop_worker(name)
            elif self.how == "stopped" and worker.process.returncode != 0:
                self.world.unexpected.append(f"{name} ended with {worker.process.returncode}{worker.tail(15)}")
        return self.check(checker.run())

    def run(self):
        begin = time.monotonic()
        try:
            found = self.play()
        except (AssertionError, k.KafkaAway, OSError) as error:
            found = [str(error)]
        finally:
            self.sampler.ending.set()
            self.world.end()
        kinds = ("events", "deliveries", "webhooks", "accounts", "expectations", "audit", "events.dlq")
        k.delete_topics(self.world.servers, [self.world.topic(kind) for kind in kinds])
        if not found:
            shutil.rmtree(self.world.folder)
        return found, time.monotonic() - begin


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1000000)
    parser.add_argument("--full", action="store_true", help="eight passages of each point: 256 cases, and 16 zombies")
    parser.add_argument("--jobs", type=int, default=4, help="cases at a time")
    parser.add_argument("--junit", type=pathlib.Path, help="results are written there too")
    parser.add_argument("--case", action="append", default=[], help="POINT:N[:wiped|:stopped]; may be repeated")
    return parser.parse_args()


def cases(args):
    """[(point, passage, how)]: those named, all, or one passage of each point by the seed."""
    if args.case:
        split = [(text + "::").split(":") for text in args.case]
        return [(parts[0], int(parts[1]), parts[2]) for parts in split]
    rng = random.Random(f"crash points {args.seed}")
    steps = {point: range(PASSAGES) if args.full else [rng.randrange(PASSAGES)] for point in POINTS}
    crashes = [(point, 1 + n * OFTEN.get(point, 1), how) for point in POINTS for n in steps[point] for how in ("", "wiped")]
    zombies = [(point, 1 + steps[point][0] * OFTEN.get(point, 1), "stopped") for point in POINTS if args.full]
    return [(TOLD_TO_END, 1, ""), *crashes, *zombies]


def in_threads(jobs, wanted, play):
    """Each thread lives until all is done: what it started dies with it."""
    over = threading.Event()
    results, left = [], list(reversed(wanted))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not left:
                    break
                item = left.pop()
            results.append(play(item))
        over.wait()

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work) for _ in range(jobs)]
        try:
            while len(results) < len(wanted) and not any(f.done() for f in futures):
                time.sleep(0.1)
        finally:
            left.clear()
            over.set()
        for future in futures:
            future.result()
    return results


def main():
    args = parse()
    end_in_order()
    begin = time.monotonic()
    print(f"seed {args.seed}", flush=True)
    broker = Kafka(ROOT / "deploy/kafka/kafka.sh", args.folder / "kafka").start()
    bad, results = [], []

    def play(wanted):
        case = Case(args, broker, *wanted)
        found, seconds = case.run()
        extra = case.numbers.get("extra POSTs", "-")
        word = "FAILED" if found else "ok"
        print(f"  {word:7} {case.name:28} {seconds:5.1f} s, {len(case.ledger):4} events, {extra} extra POSTs", flush=True)
        for text in found[:10]:
            print(f"          {text}", flush=True)
        bad.extend([case.name] if found else [])
        results.append((case.name, seconds, found))

    try:
        wanted = cases(args)
        in_threads(min(args.jobs, len(wanted)), wanted, play)
    finally:
        broker.stop()
        if args.junit:
            junit.write(args.junit, "crash", sorted(results))
    print(f"\nseed {args.seed}: {len(wanted) - len(bad)} passed, {len(bad)} failed, {time.monotonic() - begin:.0f} s", flush=True)
    if bad:
        print(f"logs in {args.folder}; one case alone: --case {bad[0]}")
        return 1
    shutil.rmtree(args.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
