#!/usr/bin/env python3
"""P7: healthy accounts beside bad neighbours. lab.sh isolation starts it.

A: twenty accounts with quick endpoints get a steady stream of events, and the backlog's bytes go to a topic that nobody reads, so that
the broker has the same work. B: the same, and the bytes are events of the neighbours:

hang   takes requests and never answers; its backlog comes at once
drip   answers a byte each 100 ms and never comes to an end; 20 events a second
flood  an endpoint of 20 ms that gets events far beyond its cap: a backlog of its own, and 200 events a second

Each half of a round has topics, a Redis and a worker of its own. Latency is from writing the event to the POST's arrival. While a backlog
comes in, an event that was written behind it into one of its account's four partitions waits until all before it were looked at; so these are
told apart. P7's figure is the p99 beside the parked backlog against the p99 alone.
"""

import sys
import time

from load import Backlog, Bench, Feeder, arguments, cpu_seconds, finish, in_order, median, owned_by, percentile, say, start_kafka, wait_until

from lab.world import Hook  # pylint: disable=wrong-import-order

PARTITIONS = 24
RATE = 200
WARM_S = 4
HEALTHY = [f"acc_{n}" for n in range(20)]
PARKED = "p99 while the backlog is parked, ms"
NEIGHBOURS = {"hang": "stall:100", "drip": "drip:100", "flood": "delay:20-20"}
STREAM = {"drip": 20, "flood": 200}


def hooks(neighbours):
    found = [Hook(account, f"/{account}", "delay:1-3", concurrency=16, timeout_ms=10000) for account in HEALTHY]
    return found + [Hook(f"acc_{name}", f"/{name}", NEIGHBOURS[name], concurrency=16, timeout_ms=10000) for name in neighbours]


class Half:
    """One world for some seconds."""

    def __init__(self, args, servers, name, neighbours):
        self.args, self.neighbours = args, neighbours
        self.world = Bench(args.bin, args.folder / name, servers, f"p7.{name}", PARTITIONS, hooks(neighbours), 1,
                           {"TRUEFTP_RETRY_BASE_MS": "10000", "TRUEFTP_RETRY_FACTOR": "6", "TRUEFTP_RETRY_MAX_MS": "21600000"})

    def run(self):
        world = self.world
        try:
            world.start()
            worker = world.worker("w1")
            world.wait_serving()
            return self.measure(worker)
        finally:
            world.end()

    def measure(self, worker):
        world, seconds = self.world, self.args.seconds
        feeder = Feeder(world, HEALTHY, RATE)
        streams = [Feeder(world, [f"acc_{name}"], STREAM[name]) for name in self.neighbours if name in STREAM]
        backlogs = [Backlog("acc_hang", self.args.backlog, PARTITIONS)]
        backlogs += [Backlog("acc_flood", self.args.backlog // 4, PARTITIONS)] if "flood" in self.neighbours else []
        for stream in [feeder, *streams]:
            stream.start()
        time.sleep(WARM_S)
        cpu, begin = cpu_seconds(worker.process), time.time()
        topic = world.topic("events" if self.neighbours else "audit")
        for backlog in backlogs:
            backlog.write(world, topic)
        wait_until("the lag is zero", lambda: world.lag() is not None and world.lag() < RATE * 2, 300, every=0.1, watch=[worker])
        settled = time.time()
        cpu_in = cpu_seconds(worker.process)
        time.sleep(seconds)
        end = time.time()
        cpu_out = cpu_seconds(worker.process)
        for stream in [feeder, *streams]:
            stream.end()
        wait_until("the healthy events are posted", lambda: world.lag() == 0, 60, every=0.1, watch=[worker])
        world.expect_workers()
        backlogged = [p for name in ("acc_hang", "acc_flood") for p in owned_by(name, PARTITIONS)]
        coming, parked = world.latencies(feeder, begin, settled), world.latencies(feeder, settled, end)
        elsewhere = world.latencies(feeder, begin, settled, without=backlogged)
        return {
            "p99_coming_ms": percentile(coming, 99),
            "p99_elsewhere_ms": percentile(elsewhere, 99),
            "p50_parked_ms": percentile(parked, 50),
            "p99_parked_ms": percentile(parked, 99),
            "max_ms": max(parked),
            "lag_zero_s": settled - begin,
            "cpu_coming": (cpu_in - cpu) / (settled - begin),
            "cpu_parked": (cpu_out - cpu_in) / (end - settled),
            "scheduled": world.gauge("trueftp_worker_scheduled"),
        }


def table(alone, beside):
    rows = [(PARKED, "p99_parked_ms", "p99_parked_ms"), ("the same, p50, ms", "p50_parked_ms", "p50_parked_ms"),
            ("the same, worst, ms", "max_ms", "max_ms"),
            ("p99 while it comes in, other partitions, ms", "p99_parked_ms", "p99_elsewhere_ms"),
            ("p99 while it comes in, all partitions, ms", "p99_parked_ms", "p99_coming_ms"),
            ("the worker's core, while it comes in", "cpu_parked", "cpu_coming"),
            ("the worker's core, while it is parked", "cpu_parked", "cpu_parked")]
    say(f"\n| healthy accounts | A: alone | B: beside | B : A |\n|---|---|---|---|")
    figures = {}
    for text, a, b in rows:
        one, two = median([r[a] for r in alone]), median([r[b] for r in beside])
        ratio = median([y[b] / x[a] for x, y in zip(alone, beside)])
        say(f"| {text} | {one:.2f} | {two:.2f} | {ratio:.2f} |")
        figures[text] = {"alone": one, "beside": two, "ratio": ratio}
    say(f"\nlag zero after {median([r['lag_zero_s'] for r in beside]):.1f} s, with {median([r['scheduled'] for r in beside]):.0f} deliveries in the schedule")
    return figures


def main():
    args = arguments(__doc__, rounds=5, seconds=10.0, backlog=100000, neighbours="hang")
    in_order()
    neighbours = args.neighbours.split(",")
    broker = start_kafka(args)
    alone, beside = [], []
    try:
        for n in range(args.rounds):
            alone.append(Half(args, broker.servers, f"a{n}", []).run())
            beside.append(Half(args, broker.servers, f"b{n}", neighbours).run())
            say(f"  round {n + 1}: p99 A {alone[-1]['p99_parked_ms']:.2f} ms, B {beside[-1]['p99_parked_ms']:.2f} ms, lag zero after {beside[-1]['lag_zero_s']:.1f} s")
        figures = table(alone, beside)
    finally:
        broker.stop()
    finish(args, {"id": "P7", "neighbours": neighbours, "goal": 1.2, "figure": figures[PARKED]["ratio"],
                  "met": figures[PARKED]["ratio"] <= 1.2, "rows": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
