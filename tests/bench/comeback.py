#!/usr/bin/env python3
"""The return of an endpoint that hung while a backlog came in for it. lab.sh comeback starts it.

The backlog is parked, the circuit breakers are open. Then the endpoint answers, each POST after --answer-ms. What it gets from then on is read
from its log: POSTs a second, and how many were in flight. The cap is what it can take within the webhook's concurrency (16), or its rate limit.
"""

import sys
import time

from load import Backlog, Bench, arguments, finish, in_order, say, start_kafka, wait_until

from lab.world import Hook  # pylint: disable=wrong-import-order

PARTITIONS = 8
CONCURRENCY = 16
TIMEOUT_MS = 1000
STEP_S = 5


def rates(posts, begin, end):
    """[(seconds after the return, POSTs a second, most in flight)] in steps."""
    found = []
    at = begin
    while at < end:
        here = [p for p in posts if at <= p.wall_s < at + STEP_S]
        found.append((at - begin, len(here) / STEP_S, max((p.in_flight for p in here), default=0)))
        at += STEP_S
    return found


def report(args, posts, returned, drained, cap):
    """What was in flight when the endpoint turned never gets an answer: the first second is not of the table."""
    begin = returned + TIMEOUT_MS / 1000
    steps = rates(posts, begin, drained)
    say(f"\n| seconds after the return | POSTs a second | most in flight |\n|---|---|---|")
    shown = steps if len(steps) <= 14 else steps[:8] + steps[8:: max(1, len(steps) // 6)]
    for after, rate, in_flight in shown:
        say(f"| {after:.0f} to {after + STEP_S:.0f} | {rate:.0f} | {in_flight} |")
    full = [rate for _, rate, _ in steps[2:-2]]
    sustained = sum(full) / len(full) if full else float("nan")
    most = max(in_flight for _, _, in_flight in steps)
    say(f"\n{args.backlog} parked deliveries were gone after {drained - returned:.0f} s; {sustained:.0f} POSTs a second between the ramp and the end, "
        f"{sustained / cap:.2f} of the cap of {cap:.0f}; never more than {most} in flight (allowed: {CONCURRENCY})")
    return {"seconds": drained - returned, "sustained_per_second": sustained, "cap_per_second": cap, "of_the_cap": sustained / cap,
            "most_in_flight": most, "steps": steps}


def main():
    args = arguments(__doc__, backlog=100000, pace=20000, answer_ms=20, rate=0)
    in_order()
    hook = Hook("acc_hang", "/hang", "stall:100", later=f"delay:{args.answer_ms}-{args.answer_ms}", max_attempts=20, concurrency=CONCURRENCY,
                rate=args.rate, timeout_ms=TIMEOUT_MS)
    broker = start_kafka(args)
    world = Bench(args.bin, args.folder / "world", broker.servers, "comeback", PARTITIONS, [hook], 1)
    try:
        world.start()
        worker = world.worker("w1")
        world.wait_serving()
        Backlog("acc_hang", args.backlog, PARTITIONS).write(world, world.topic("events"), args.pace)
        wait_until("the backlog is parked", lambda: world.lag() == 0, 300, every=0.2, watch=[worker])
        wait_until("the breakers are open", lambda: world.gauge("trueftp_worker_breakers_open") >= 4, 180, every=0.2, watch=[worker])
        returned = time.time()
        world.change_answers()
        wait_until("nothing is scheduled any more", lambda: world.gauge("trueftp_worker_scheduled") == 0 and world.gauge("trueftp_worker_jobs") == 0,
                   900, every=0.5, watch=[worker])
        drained = time.time()
        world.stop_worker("w1")
        first, posts = world.posts()
        assert len(first) == args.backlog, f"{len(first)} of {args.backlog} deliveries came"
        cap = min(CONCURRENCY * 1000 / args.answer_ms, args.rate or float("inf"))
        figures = report(args, posts, returned, drained, cap)
    finally:
        world.end()
        broker.stop()
    finish(args, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
