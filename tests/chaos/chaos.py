#!/usr/bin/env python3
"""The random run of the chaos lab; run.sh starts it and explains its options. A run is a seed: it makes the events, the receiver's
answers and the schedule of faults. What the machine does between two faults is not repeated to the microsecond, so replay a failing
seed a few times."""

import argparse
import pathlib
import shutil
import sys
import time

from lab import ROOT
from lab.checker import Checker
from lab.faults import KINDS, Injector, make_schedule
from lab.ledger import Publisher
from lab.sampler import Sampler
from lab.world import Hook, World, end_in_order

from harness.broker import Kafka  # pylint: disable=wrong-import-order

SLOTS = 64
PARTITIONS = 8
# A tenth of the events is for the slow endpoint: each change of hands makes a worker begin with a small window again, so that a slow
# endpoint takes little while faults go on, and the run would test patience.
ACCOUNTS = ["acc_one"] * 5 + ["acc_two"] * 4 + ["acc_slow"]
SMALL = {
    "deliveries": 20000, "kills": 20, "stops": 3, "flushall": 3,
    "redis_restarts": 1, "redis_rollbacks": 2, "redis_stops": 1, "redis_full": 1, "redis_readonly": 1,
    "broker_restarts": 1, "broker_stops": 1, "rebalances": 2,
}
FULL = {
    "deliveries": 200000, "kills": 200, "stops": 20, "flushall": 20,
    "redis_restarts": 5, "redis_rollbacks": 10, "redis_stops": 8, "redis_full": 5, "redis_readonly": 5,
    "broker_restarts": 10, "broker_stops": 5, "rebalances": 10,
}
OPTION_OF = dict(zip(KINDS, list(FULL)[1:]))  # in the same order


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1000000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--gap", type=float, default=3.2, help="mean seconds between faults")
    parser.add_argument("--full", action="store_true")
    for name in SMALL:
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    args = parser.parse_args()
    for name, value in (FULL if args.full else SMALL).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def hooks():
    """Each event is owed to two webhooks. The slow one keeps POSTs running while offsets are committed, once a second."""
    return [
        Hook("acc_one", "/steady", "delay:1-20"),
        Hook("acc_one", "/flaky", "500:8,503:1,429:1,reset:2,close:1,delay:5-100", max_attempts=6),
        Hook("acc_two", "/even", "delay:20-150"),
        Hook("acc_two", "/failing", "500:25,302:2,delay:1-30", max_attempts=3),
        Hook("acc_slow", "/slow", "delay:600-1600"),
        Hook("acc_slow", "/quick", "delay:1-5"),
    ]


def say(text):
    print(text, flush=True)


def run_faults(args, world, broker):
    """Publishes, breaks and waits for the end; the publisher, the injector, the sampler."""
    names = [f"w{n}" for n in range(1, args.workers + 1)]
    for name in names:
        world.worker(name)
    counts = {kind: getattr(args, option) for kind, option in OPTION_OF.items()}
    schedule = make_schedule(args.seed, counts, args.gap)
    seconds = sum(gap for gap, _, _ in schedule) + 3 * counts["broker_restart"] + 5
    say(f"{args.deliveries} deliveries, {args.workers} workers, {len(schedule)} faults over about {seconds:.0f} s")
    publisher = Publisher(world, ACCOUNTS, args.deliveries // 2, seconds, args.seed)
    sampler = Sampler(world)
    injector = Injector(world, broker, names)
    publisher.start()
    sampler.start()
    injector.run(schedule, lambda n, of, fault: say(f"  {n}/{of} {fault}"))
    publisher.join(seconds + 300)
    return publisher, injector, sampler


def settle(world, publisher, injector, sampler):
    """Waits until all is delivered, and ends the workers in order. The checker, with what the end looks like."""
    if publisher.is_alive() or publisher.failure:
        world.unexpected.append(f"the publisher did not come to its end: {publisher.failure}")
    say("  faults are over; waiting until all deliveries have ended")
    left = world.wait_finished(600)
    sampler.end()
    if left:
        world.unexpected.append(f"not finished long after the last fault: {left} events and deliveries are left")
    # In hand: the slots, and what waits for its record meanwhile.
    checker = Checker(world, publisher.ledger, injector.done, sampler, 4 * SLOTS).capture()
    for name, worker in world.workers.items():
        if worker.running():
            world.stop_worker(name)
    return checker


def report(args, world, injector, checker, seconds):
    say("\nfaults:")
    for kind in KINDS:
        say(f"  {kind:40} {sum(1 for f in injector.done if f.kind == kind):8}")
    say("numbers:")
    for name, value in checker.numbers.items():
        say(f"  {name:40} {value:8}")
    say(f"  {'seconds':40} {seconds:8.0f}")
    bad = 0
    for invariant, texts in sorted(checker.findings.items()):
        bad += len(texts)
        say(f"\n{invariant} is violated {len(texts)} times:")
        for text in texts[:8]:
            say(f"  {text}")
    for text in world.unexpected + world.sanitizer_findings():
        bad += 1
        say(f"\nunexpected: {text}")
    say(f"\nseed {args.seed}: " + ("all invariants hold" if bad == 0 else f"{bad} violations; logs in {world.folder}"))
    return bad


def main():
    args = parse()
    end_in_order()
    begin = time.monotonic()
    say(f"seed {args.seed}")
    broker = Kafka(ROOT / "deploy/kafka/kafka.sh", args.folder / "kafka").start()
    world = World(args.bin, args.folder / "world", broker.servers, "chaos", PARTITIONS, hooks(), args.seed,
                  {"TRUEFTP_WORKER_SLOTS": str(SLOTS)})
    try:
        world.start()
        publisher, injector, sampler = run_faults(args, world, broker)
        checker = settle(world, publisher, injector, sampler).run()
        bad = report(args, world, injector, checker, time.monotonic() - begin)
    finally:
        world.end()
        broker.stop()
    if bad == 0:
        shutil.rmtree(args.folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
