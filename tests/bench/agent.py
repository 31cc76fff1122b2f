#!/usr/bin/env python3
"""What the agent costs, beside the bare cost of reading the same log and producing the same events (bench_agent.c); and how long it
takes from a record's write until a consumer has its event. agent.sh starts it. Real Kafka, one node, on this machine.

CPU is that of the process, all threads, per record. Bare cost, agent and dry run (`trueftp-producer parse`, which parses and encodes and
does nothing else) run in turns (A B C A B C ...) in one run; medians of the rounds."""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/scenario"))

from harness.broker import Kafka  # pylint: disable=wrong-import-position
from harness.program import Program, environment  # pylint: disable=wrong-import-position
from harness.stack import Service  # pylint: disable=wrong-import-position
from harness.waiting import wait_until  # pylint: disable=wrong-import-position

PARTITIONS = 8
TICKS = os.sysconf("SC_CLK_TCK")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--records", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delays", type=int, default=300, help="records of which the delay is measured")
    return parser.parse_args()


def record(number, now=None):
    """An upload as ProFTPD logs it; each tenth is the last of its session."""
    at = now or 1795467671 + number / 1000
    size = 1000 + number * 7 % 10**7
    path = f"/in/orders/2026-11/ORDERS_D96A_40123450{number:08}_20261127T071502Z.edi"
    who = f"{1000 + number // 10}\tsftp\t203.0.113.{number // 10 % 250}"
    account = f"acc_{number // 10 % 50}\tpipeline"
    text = f"@WH1\t{at:.6f}\t{who}\tSTOR\t226\tsuccess\t{size}\t0\t{size}\tfalse\t\t{account}\t{path}//\n"
    if number % 10 == 9:
        text += f"@WH1\t{at:.6f}\t{who}\tEXIT\t-\t-\t-\t-\t-\tfalse\tQuit\t{account}\t-//\n"
    return text.encode()


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.bin = args.build / "bin"
        self.broker = Kafka(ROOT / "deploy/kafka/kafka.sh", folder / "kafka").start()
        self.log = folder / "all.log"
        self.log.write_bytes(b"".join(record(n) for n in range(args.records)))
        self.events = folder / "events"
        self.encode()

    def settings(self, prefix):
        data = self.folder / prefix
        return {
            "TRUEFTP_KAFKA_BROKERS": self.broker.servers,
            "TRUEFTP_TOPIC_PREFIX": prefix,
            "TRUEFTP_DEV": "1",
            "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
            "TRUEFTP_SOURCES": str(data / "sources.conf"),
            "TRUEFTP_DATA_DIR": str(data / "data"),
        }

    def encode(self):
        """The very events, from the dry run."""
        argv = [self.bin / "trueftp-producer", "parse", "proftpd", self.log, "--host", "bench"]
        lines = subprocess.run(argv, capture_output=True, check=True, env=environment({})).stdout.splitlines()
        assert len(lines) == self.args.records
        with open(self.events, "wb") as out:
            for line in lines:
                event = json.loads(line)
                out.write(f"{event['account_id']}{event['data']['path']}\t".encode() + line + b"\n")

    def topics(self, prefix):
        argv = [self.bin / "trueftpctl", "topics", "ensure", "--partitions", PARTITIONS, "--timeout-s", 60]
        made = Program("topics", argv, self.folder, self.settings(prefix)).start()
        assert made.wait_end() == 0, made.tail()

    def agent(self, prefix):
        folder = self.folder / prefix
        folder.mkdir()
        (folder / "data").mkdir()
        (folder / "sources.conf").write_text(f"[main]\nformat = proftpd\npath = {folder}/webhook.log\naccount = group\nhost = bench\n")
        agent = Service(f"agent-{prefix}", [self.bin / "trueftp-producer"], self.folder, self.settings(prefix))
        agent.start()
        agent.wait_ready()
        return agent, folder / "webhook.log"

    # ---- A and B

    def bare(self, prefix):
        argv = [self.args.build / "tests/bench_agent", self.broker.servers, f"{prefix}.events", PARTITIONS, self.log, self.events]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=True)
        count, cpu, seconds = done.stdout.split()
        return float(cpu), int(count) / float(seconds)

    @staticmethod
    def cpu_us(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1e6 / TICKS

    def ours(self, prefix):
        agent, log = self.agent(prefix)
        shutil.copyfile(self.log, log.with_name("new"))
        before, begin = self.cpu_us(agent.pid), time.monotonic()
        log.with_name("new").rename(log)

        def acknowledged():
            return agent.metric("trueftp_producer_events_acknowledged_total") >= self.args.records

        wait_until("all is acknowledged", acknowledged, 300, every=0.1, watch=[agent])
        seconds = time.monotonic() - begin
        cpu = (self.cpu_us(agent.pid) - before) / self.args.records
        assert agent.stop() == 0
        shutil.rmtree(log.parent)
        return cpu, self.args.records / seconds

    def dry_run(self):
        """Parsing and encoding alone: CPU microseconds a record."""
        argv = [self.bin / "trueftp-producer", "parse", "proftpd", self.log, "--host", "bench"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, env=environment({}))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6 / self.args.records

    def compare(self):
        rows = []
        for n in range(self.args.rounds):
            prefix = f"b{n}"
            self.topics(prefix)
            rows.append((*self.bare(prefix), *self.ours(prefix), self.dry_run()))
        bare, bare_rate, ours, ours_rate, dry = (statistics.median(column) for column in zip(*rows))
        share = statistics.median(row[4] / row[2] for row in rows)
        print(f"{self.args.records} uploads, {self.log.stat().st_size // self.args.records} bytes of log each, {self.args.rounds} rounds")
        print("                      CPU us/upload     uploads/s")
        print(f"  bare read + produce      {bare:8.2f}      {bare_rate:8.0f}")
        print(f"  agent                    {ours:8.2f}      {ours_rate:8.0f}")
        print(f"    of it parsing, encoding{dry:9.2f}      {share:.0%} of the agent's CPU")

    # ---- the delay

    def delays(self):
        """From the write of a record until a consumer has its event, 50 records a second."""
        self.topics("delay")
        agent, log = self.agent("delay")
        argv = ["kcat", "-b", self.broker.servers, "-C", "-q", "-u", "-o", "end", "-t", "delay.events", "-f", "%s\n"]
        argv += ["-X", "fetch.wait.max.ms=500", "-X", "broker.address.family=v4", "-X", "topic.metadata.refresh.interval.ms=1000"]
        found = []
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as consumer, open(log, "ab", buffering=0) as out:
            for n in range(-1, self.args.delays):
                if n == -1:
                    time.sleep(2)  # the consumer finds its place
                begin = time.monotonic()
                out.write(record(n + 1, time.time()))
                consumer.stdout.readline()
                if n >= 0:
                    found.append((time.monotonic() - begin) * 1000)
                time.sleep(0.02)
            consumer.kill()
        assert agent.stop() == 0
        found.sort()
        p99 = found[int(len(found) * 0.99)]
        print(f"from a record's write until a consumer has its event, 50 a second: median {statistics.median(found):.1f} ms, p99 {p99:.1f} ms")


def main():
    args = parse()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="trueftp-bench."))
    bench = Bench(args, folder)
    try:
        bench.compare()
        bench.delays()
    finally:
        bench.broker.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
