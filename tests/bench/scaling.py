#!/usr/bin/env python3
"""P10: the throughput of N workers against endpoints of 100 ms, and what a rebalance costs. lab.sh scaling starts it.

Each worker has 16 slots, so 160 POSTs a second are what it can do, whatever the machine: this measures that workers do not stand in each
other's way, not how quick one is. Half as many events again come as they can deliver: accounts are not spread evenly, and of eight workers
the one with the least gets 71 % of the mean. Then one more worker joins: the POSTs that are missing in the ten seconds after that, against
the rate before, are the rebalance's price, in seconds of work; and the longest time without any POST.
"""

import sys
import time

from load import Feeder, Free, arguments, finish, in_order, say, start_kafka, wait_until

from lab.world import Hook  # pylint: disable=wrong-import-order

PARTITIONS = 24
SLOTS = 16
ANSWER_MS = 100
OVERLOAD = 1.5
WARM_S = 8
AFTER_S = 10
ACCOUNTS = [f"acc_{n}" for n in range(48)]
EACH = SLOTS * 1000 / ANSWER_MS


def rate_of(times, begin, end):
    return sum(1 for t in times if begin <= t < end) / (end - begin)


def longest_gap(times, begin, end):
    here = [begin] + [t for t in times if begin <= t < end] + [end]
    return max(b - a for a, b in zip(here, here[1:]))


def one(args, servers, count):
    """So many workers: (POSTs a second, seconds of work that a newcomer costs, the longest silence)."""
    hooks = [Hook(account, f"/{account}", f"delay:{ANSWER_MS}-{ANSWER_MS}", concurrency=256, timeout_ms=10000) for account in ACCOUNTS]
    world = Free(args.bin, args.folder / f"n{count}", servers, f"p10.n{count}", PARTITIONS, hooks, 1, {"TRUEFTP_WORKER_SLOTS": str(SLOTS)})
    try:
        world.start()
        for n in range(count):
            world.worker(f"w{n}")
        world.wait_serving()
        wait_until("each has its share", lambda: all(world.metric(w, "trueftp_worker_partitions_serving") == PARTITIONS // count for w in world.running()),
                   60, every=0.1, watch=world.running())
        feeder = Feeder(world, ACCOUNTS, EACH * count * OVERLOAD)
        feeder.start()
        time.sleep(WARM_S)
        begin = time.time()
        time.sleep(args.seconds)
        end = time.time()
        world.worker("newcomer")
        time.sleep(AFTER_S)
        feeder.end()
        _, posts = world.posts()
    finally:
        world.end()
    times = sorted(p.wall_s for p in posts)
    rate = rate_of(times, begin, end)
    lost = max(0.0, 1 - rate_of(times, end, end + AFTER_S) / rate) * AFTER_S
    return rate, lost, longest_gap(times, end, end + AFTER_S)


def main():
    args = arguments(__doc__, workers="1,2,4,8", seconds=10.0)
    in_order()
    broker = start_kafka(args)
    rows = []
    say("| workers | POSTs/s | of each | N : N x one | a newcomer's price, s of work | longest silence, s |\n|---|---|---|---|---|---|")
    try:
        for count in [int(n) for n in args.workers.split(",")]:
            rate, lost, gap = one(args, broker.servers, count)
            first = rows[0] if rows else {"rate": rate, "workers": count}
            ratio = rate / count / (first["rate"] / first["workers"])
            rows.append({"workers": count, "rate": rate, "ratio": ratio, "rebalance_s": lost, "silence_s": gap})
            say(f"| {count} | {rate:.0f} | {rate / count:.0f} | {ratio:.2f} | {lost:.2f} | {gap:.2f} |")
    finally:
        broker.stop()
    worst = min(row["ratio"] for row in rows)
    say(f"\nP10: {worst:.2f} (goal 0.9); the most that one can do with {SLOTS} slots is {EACH:.0f} POSTs a second")
    finish(args, {"id": "P10", "goal": 0.9, "figure": worst, "met": worst >= 0.9, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
