"""The benchmark of the worker; tests/bench/run.sh starts it and says what it is for."""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/scenario"))
sys.path.insert(0, str(ROOT / "tests/bench"))

import latency  # noqa: E402
from machine import Machine, Measure  # noqa: E402

GOALS = {
    "P1": ("worker CPU per delivery, 100 endpoints : tuned bare libcurl POST", "<= 0.55", lambda x: x <= 0.55),
    "P2": ("deliveries/s a core : hand-written HTTP client", ">= 0.40", lambda x: x >= 0.40),
    "P3": ("us at 5,000 endpoints : us at 1", "<= 1.5", lambda x: x <= 1.5),
    "P4a": ("with Redis : without", "<= 1.15", lambda x: x <= 1.15),
    "P4b": ("with records : without", "<= 1.20", lambda x: x <= 1.20),
    "P5": ("50 ms endpoints, 2,000 in flight : fast endpoints", "<= 1.5", lambda x: x <= 1.5),
    "P6": ("fan-out 10 : fan-out 1, a delivery", "<= 1.10", lambda x: x <= 1.10),
    "P7": ("p99 of healthy tenants beside a hanging one : alone", "<= 1.2", lambda x: x <= 1.2),
    "P8a": ("memory of a kept http connection, KiB", "<= 16", lambda x: x <= 16),
    "P8b": ("memory of a kept TLS connection, KiB", "<= 48", lambda x: x <= 48),
    "P8c": ("worker with 100,000 idle webhooks, MiB", "<= 100", lambda x: x <= 100),
    "P9a": ("226 at the FTP client to POST received, p50 ms", "<= 5", lambda x: x <= 5),
    "P9b": ("the same, p99 ms", "<= 15", lambda x: x <= 15),
    "P10": ("throughput of N workers : N x one, endpoints of 100 ms", ">= 0.9", lambda x: x >= 0.9),
    "A1": ("heap allocations of the worker's own code a delivery", "<= 0.01", lambda x: x <= 0.01),
    "R0": ("Redis: us of its CPU a delivery, of the worker's", "<= 1", lambda x: x <= 1),
    "R1": ("Redis: bytes an idempotency key", "<= 45", lambda x: x <= 45),
    "R2": ("Redis: bytes a scheduled retry beyond its payload", "<= 200", lambda x: x <= 200),
    "R3": ("Redis: deliveries a write of the worker's at saturation", ">= 32", lambda x: x >= 32),
}


class Table:
    """Rows as they come, printed and kept."""

    def __init__(self):
        self.rows = []

    def add(self, row, figure, note=""):
        text, goal, met = GOALS[row]
        figure = round(figure, 3)
        self.rows.append({"id": row.rstrip("abc"), "what": text, "goal": goal, "figure": figure, "met": bool(met(figure)), "note": note})
        print(f"{row:4} {text:62} {goal:8} {figure:9.3f}  {'met' if met(figure) else 'MISSED':6} {note}", flush=True)


def ratio(pairs):
    return statistics.median(a / b for a, b in pairs)


def us(values):
    return f"{statistics.median(values) / 1000:.1f}"


class Bench:
    def __init__(self, args, machine):
        self.m = machine
        self.table = Table()
        self.rounds = 2 if args.quick else 5
        self.events = 8000 if args.quick else 40000
        self.only = set(args.only.split(",")) if args.only else None

    def wanted(self, *rows):
        return self.only is None or any(row in self.only or row.rstrip("abc") in self.only for row in rows)

    def interleave(self, *measures):
        """Each in turn, round after round; a list of results for each. The first round warms up and does not count."""
        results = [[] for _ in measures]
        for i in range(self.rounds + 1):
            for kept, measure in zip(results, measures):
                value = measure()
                if i > 0:
                    kept.append(value)
        return results

    def worker(self, kind, **more):
        return Measure(self.m, kind, self.events, **more)

    # ---- rows

    def delivery(self):
        receiver = self.m.receiver()
        worker = self.worker("hundred", accounts=100, port=receiver.port)
        posts = self.events
        yards = [lambda kind=kind: self.m.yard(kind, "http", receiver.port, 100, 100, posts) for kind in ("curl", "hand", "ours")]
        curl, hand, ours, runs = self.interleave(*yards, worker.run)
        cost = [run.ns for run in runs]
        note = f"worker {us(cost)} us, libcurl {us(curl)}, by hand {us(hand)}, our transport alone {us(ours)}"
        self.table.add("P1", ratio(zip(cost, curl)), note)
        rate = statistics.median(run.rate for run in runs)
        self.table.add("P2", ratio(zip(hand, cost)), f"{1e9 / statistics.median(cost):.0f}/s a core; {rate:.0f}/s seen; Redis {us([r.redis_ns for r in runs])} us a delivery")
        self.table.add("R3", statistics.median(run.per_write for run in runs))
        self.table.add("R0", ratio((run.redis_ns, run.ns) for run in runs), f"{us([run.redis_ns for run in runs])} us")

    def allocations(self):
        receiver = self.m.receiver()
        # So few in flight that each connection and request has been made when counting begins.
        by = Measure(self.m, "allocations", self.events, accounts=100, port=receiver.port, slots=128).allocations()
        others = ", ".join(f"{owner} {count:.2f}" for owner, count in by.items() if owner != "worker")
        self.table.add("A1", by["worker"], others)

    def tls(self):
        receiver = self.m.receiver(tls=True)
        yards = [lambda kind=kind: self.m.yard(kind, "https", receiver.port, 20, 20, 4000) for kind in ("curl", "ours")]
        curl, ours = self.interleave(*yards)
        print(f"     https kept alive: our transport {us(ours)} us, libcurl {us(curl)}, ratio {ratio(zip(ours, curl)):.2f}", flush=True)

    def endpoints(self):
        receiver = self.m.receiver()
        many = self.worker("fivethousand", accounts=5000, port=receiver.port)
        one = self.worker("one", accounts=1, port=receiver.port)
        a, b = self.interleave(many.run, one.run)
        cost = [run.ns for run in a], [run.ns for run in b]
        self.table.add("P3", ratio(zip(*cost)), f"{us(cost[0])} us : {us(cost[1])}")

    def stages(self):
        receiver = self.m.receiver()
        whole = self.worker("whole", accounts=100, port=receiver.port)
        no_redis = self.worker("noredis", accounts=100, port=receiver.port, program="bench/bench_worker_without_redis")
        no_records = self.worker("norecords", accounts=100, port=receiver.port, program="bench/bench_worker_without_records")
        runs = self.interleave(whole.run, no_redis.run, no_records.run)
        cost = [[run.ns for run in kind] for kind in runs]
        self.table.add("P4a", ratio(zip(cost[0], cost[1])), f"{us(cost[0])} us : {us(cost[1])}")
        self.table.add("P4b", ratio(zip(cost[0], cost[2])), f"{us(cost[0])} us : {us(cost[2])}")

    def slow(self):
        slow, fast = self.m.receiver(delay_ms=50), self.m.receiver()
        a = self.worker("slow", accounts=1000, port=slow.port, slots=2000)
        b = self.worker("fast", accounts=1000, port=fast.port, slots=2000)
        runs = self.interleave(a.run, b.run)
        cost = [[run.ns for run in kind] for kind in runs]
        rate = statistics.median(run.rate for run in runs[0])
        self.table.add("P5", ratio(zip(*cost)), f"{us(cost[0])} us : {us(cost[1])}; {rate:.0f}/s, so {rate * 0.05:.0f} in flight")

    def fan_out(self):
        receiver = self.m.receiver()
        ten = self.worker("ten", accounts=10, hooks=10, port=receiver.port)
        one = self.worker("single", accounts=100, port=receiver.port)
        a, b = self.interleave(ten.run, one.run)
        cost = [run.ns for run in a], [run.ns for run in b]
        self.table.add("P6", ratio(zip(*cost)), f"{us(cost[0])} us : {us(cost[1])}")

    def memory(self):
        plain, tls = self.m.receiver(), self.m.receiver(tls=True)
        self.table.add("P8a", self.m.yard("memory", "http", plain.port, 1000) / 1024)
        self.table.add("P8b", self.m.yard("memory", "https", tls.port, 500) / 1024)
        idle = Measure(self.m, "idle", 0, accounts=1000, hooks=100, port=plain.port)
        self.table.add("P8c", idle.resident() / 2**20)

    def retries(self):
        others = ", ".join(f"{each}: {self.m.redis.key_bytes(each):.0f}" for each in (1, 5, 20, 400, 600))
        self.table.add("R1", self.m.redis.key_bytes(100), f"100 keys to a bucket; {others}")
        refused = Measure(self.m, "refused", 20000, accounts=100, port=9)
        whole, record = refused.retry_bytes()
        self.table.add("R2", whole - record, f"{whole:.0f} bytes in all, of a record of {record:.0f}")

    def latency(self):
        values = latency.measure(self.m, 100 if self.rounds == 2 else 300)
        note = f"p90 {latency.percentile(values, 90):.1f}, greatest {max(values):.1f}"
        self.table.add("P9a", latency.percentile(values, 50), note)
        self.table.add("P9b", latency.percentile(values, 99))

    def lab(self, row, measurement, *options):
        """A row that tests/bench/lab.sh measures."""
        answer = self.m.folder / f"{measurement}.json"
        command = [ROOT / "tests/bench/lab.sh", measurement, *options, "--json", answer, "--bin", self.m.build / "bin"]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            self.table.add(row, json.loads(answer.read_text())["figure"], " ".join(["tests/bench/lab.sh", measurement, *options]))
        else:
            print(f"{row:4} tests/bench/lab.sh {measurement} failed ({done.returncode})", flush=True)

    def all(self):
        steps = [
            (("P1", "P2", "R0", "R3"), self.delivery),
            (("A1",), self.allocations),
            (("P1",), self.tls),
            (("P3",), self.endpoints),
            (("P4a", "P4b"), self.stages),
            (("P5",), self.slow),
            (("P6",), self.fan_out),
            (("P8a", "P8b", "P8c"), self.memory),
            (("R1", "R2"), self.retries),
            (("P9a", "P9b"), self.latency),
            (("P7",), lambda: self.lab("P7", "isolation", "--rounds", "1" if self.rounds == 2 else "2")),
            (("P10",), lambda: self.lab("P10", "scaling")),
        ]
        for rows, step in steps:
            if self.wanted(*rows):
                step()
                self.m.stop_receivers()


def profile(machine):
    """Where the worker's time goes at saturation."""
    receiver = machine.receiver()
    worker = Measure(machine, "profile", 60000, accounts=100, port=receiver.port)
    data = machine.folder / "perf.data"
    with worker.saturated() as pid:
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-g", "-o", data, "-p", str(pid), "--", "sleep", "3"], check=True)
    if os.environ.get("KEEP_PERF"):
        subprocess.run(["cp", data, os.environ["KEEP_PERF"]], check=True)
    for options in (["--no-children", "-g", "none", "--sort", "comm"], ["--no-children", "-g", "none", "--sort", "symbol"], ["--no-children", "-g", "none", "--sort", "dso"]):
        done = subprocess.run(["perf", "report", "-q", "--stdio", "-i", data, "--percent-limit", "0.8", *options], capture_output=True, text=True, check=True)
        print("\n".join(line.rstrip() for line in done.stdout.splitlines() if line.strip()))
        print()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--proftpd", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="trueftp-bench.") as folder, Machine(args, pathlib.Path(folder)) as machine:
        os.chmod(folder, 0o755)
        if args.profile:
            profile(machine)
            return
        print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, tests/bench/run.sh {' '.join(sys.argv[7:])}", flush=True)
        bench = Bench(args, machine)
        bench.all()
        if args.json:
            args.json.write_text(json.dumps({"rows": bench.table.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
