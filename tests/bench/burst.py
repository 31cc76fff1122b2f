#!/usr/bin/env python3
"""The autoscaler's rule on real workers, recorded. lab.sh burst starts it.

The rule of k8s/, with the numbers of its manifests (tests/k8s/autoscaler.py is KEDA's and the HorizontalPodAutoscaler's part), is asked every
15 s and is obeyed: a worker more is a process that starts POD_S later, one less gets SIGTERM. Twenty accounts have a quiet stream all the
time; for some minutes one tenant has a burst for 24 endpoints that take 3 s each, so that slots are what it needs. Each second the file
gets what the autoscaler could see, and what the workers did. tests/k8s/test_autoscaler.py replays the rule over the file that is kept there.
"""

import datetime
import os
import shlex
import sys
import threading
import time

import yaml
from load import ROOT, Feeder, Free, arguments, finish, in_order, say, start_kafka

sys.path.insert(0, str(ROOT / "tests/k8s"))

from autoscaler import COLUMNS, SYNC_S, Hpa  # pylint: disable=wrong-import-position

from lab.world import Hook  # pylint: disable=wrong-import-order

PARTITIONS = 24
QUIET = [f"acc_{n}" for n in range(20)]
QUIET_RATE = 60
TENANT = "acc_tenant"
ENDPOINTS = 24
ANSWER_MS = 3000
POD_S = 15  # until a pod that is wanted has started its program
SESSION_S = 300  # beyond the recording's end, until everything must have been delivered


def manifest(path):
    return yaml.safe_load((ROOT / "k8s" / path).read_text())


def slots():
    [container] = manifest("base/worker/deployment.yaml")["spec"]["template"]["spec"]["containers"]
    [entry] = [entry for entry in container["env"] if entry["name"] == "TRUEFTP_WORKER_SLOTS"]
    return entry["value"]


def hooks():
    made = [Hook(account, f"/{account}", "delay:20-80", timeout_ms=10000) for account in QUIET]
    return made + [Hook(TENANT, f"/tenant-{n}", f"delay:{ANSWER_MS}-{ANSWER_MS}", concurrency=1024, timeout_ms=10000) for n in range(ENDPOINTS)]


class Fleet:
    """As many workers as are asked for, some time later."""

    def __init__(self, world):
        self.world, self.coming, self.number, self.delivered = world, [], 0, {}

    def up(self):
        self.world.worker(f"w{self.number}")
        self.number += 1

    def scale(self, now_s, change):
        """The newest go first, as a ReplicaSet has it."""
        if change > 0:
            self.coming += [now_s + POD_S] * change
            return
        stay = [name for name, worker in self.world.workers.items() if worker.running() and not hasattr(worker, "wanted_dead")]
        for name in stay[change:]:
            self.world.workers[name].wanted_dead = True
            threading.Thread(target=self.world.stop_worker, args=(name,)).start()

    def second(self, now_s):
        while self.coming and self.coming[0] <= now_s:
            self.coming.pop(0)
            self.up()

    def look(self):
        """Sums over those that answer; delivered is of all there were."""
        sums = dict.fromkeys(("due", "posts_in_flight", "scheduled", "partitions_serving"), 0)
        running = self.world.running()
        for worker in running:
            try:
                found = self.world.metrics(worker)
            except (OSError, AssertionError):
                continue  # it starts, or has just ended
            for name in sums:
                sums[name] += int(found[f"trueftp_worker_{name}"])
            self.delivered[worker] = int(found.get('trueftp_worker_records_total{status="delivered"}', 0))
        return {**sums, "workers": len(running), "delivered": sum(self.delivered.values())}


class Recording:
    """The file: a line a second."""

    def __init__(self, path, args):
        self.out = open(path, "w", encoding="utf-8")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        command = f"tests/bench/lab.sh burst --before {args.before} --burst {args.burst} --after {args.after} --rate {args.rate}"
        self.line(f"# {command}; {now} UTC, {os.cpu_count()} cores")
        self.line(f"# {ENDPOINTS} endpoints of {ANSWER_MS} ms, {args.rate} events a second for each, beside {QUIET_RATE} of {len(QUIET)} accounts")
        self.line(f"# burst={args.before}-{args.before + args.burst}")
        self.line("\t".join(COLUMNS))

    def line(self, text):
        print(text, file=self.out, flush=True)

    def add(self, second, wanted, lags, seen):
        with_lag = ",".join(f"{p}:{lag}" for p, lag in enumerate(lags) if lag)
        fields = (second, wanted, seen["workers"], seen["due"], seen["posts_in_flight"], seen["scheduled"], seen["delivered"], with_lag or "-")
        self.line("\t".join(map(str, fields)))


def record(args, world, recording):
    """The whole time, second by second."""
    hpa = Hpa(manifest("components/keda/worker/scaledobject.yaml")["spec"])
    fleet, replicas, asked = Fleet(world), hpa.least, -1
    for _ in range(replicas):
        fleet.up()
    world.wait_serving()
    feeder, burst = Feeder(world, QUIET, QUIET_RATE), Feeder(world, [TENANT], args.rate)
    feeder.start()
    begin = time.monotonic()
    for second in range(args.before + args.burst + args.after):
        time.sleep(max(0.0, begin + second - time.monotonic()))
        if second == args.before:
            burst.start()
        if second == args.before + args.burst:
            burst.end()
        fleet.second(second)
        lags, seen = world.lags(), fleet.look()
        if lags is None:
            continue
        if second // SYNC_S > asked:
            asked = second // SYNC_S
            wanted = hpa.decide(second, replicas, lags, seen["posts_in_flight"], seen["due"])
            if wanted != replicas:
                say(f"  second {second}: {replicas} -> {wanted} (lag {sum(lags)}, due {seen['due']}, POSTs {seen['posts_in_flight']})")
                fleet.scale(second, wanted - replicas)
            replicas = wanted
        recording.add(second, replicas, lags, seen)
    feeder.end()
    left = world.wait_finished(SESSION_S, watch=False)
    world.expect_workers()
    expected = len(feeder.sent) + ENDPOINTS * len(burst.sent)
    return {"left": left, "expected": expected, "posts": len(world.posts()[0]), "unexpected": world.unexpected}


def main():
    args = arguments(__doc__, before=60, burst=300, after=1080, rate=42, file=str(ROOT / "tests/k8s/burst.tsv"))
    in_order()
    say(shlex.join(sys.argv[1:]))
    broker = start_kafka(args)
    world = Free(args.bin, args.folder / "world", broker.servers, "burst", PARTITIONS, hooks(), 1, {"TRUEFTP_WORKER_SLOTS": slots()})
    try:
        world.start()
        figures = record(args, world, Recording(args.file, args))
    finally:
        world.end()
        broker.stop()
    unwanted = figures["unexpected"] or "none"
    say(f"{figures['posts']} of {figures['expected']} deliveries were posted, {figures['left']} are open; ends that nobody wanted: {unwanted}")
    finish(args, {"id": "burst", **figures})
    return 0 if figures["posts"] == figures["expected"] and figures["left"] == 0 and not figures["unexpected"] else 1


if __name__ == "__main__":
    sys.exit(main())
