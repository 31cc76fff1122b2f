#!/usr/bin/env python3
"""The agent under fire: uploads are logged while it is killed, the broker restarted and the log rotated; in the end Kafka is held against
what was due. producer.sh starts it.

Asserted, by event id: every event that was due is there at least once; none is there that was not due; what is there twice is the same;
events of one path in one file came in their order; the agent never ended by itself, and sounded no alarm."""

import argparse
import collections
import json
import pathlib
import random
import shutil
import sys
import threading
import time

from lab import ROOT
from lab import kafka as k
from lab.ftplog import HOST, Log, shown
from lab.world import end_in_order

from harness.broker import Kafka, Topics  # pylint: disable=wrong-import-order
from harness.program import Program  # pylint: disable=wrong-import-order
from harness.stack import Service  # pylint: disable=wrong-import-order
from harness.waiting import wait_until  # pylint: disable=wrong-import-order

PARTITIONS = 8
PREFIX = "p1"
BURST = 100  # records between two looks at the schedule


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1000000)
    parser.add_argument("--uploads", type=int, default=100000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--broker-restarts", type=int, default=5)
    parser.add_argument("--rotations", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0, help="over which the faults are spread (default: 2.5 for each kill)")
    return parser.parse_args()


class World:
    def __init__(self, args):
        self.args, self.folder = args, args.folder
        self.rng = random.Random(args.seed)
        self.broker = Kafka(ROOT / "deploy/kafka/kafka.sh", args.folder / "kafka").start()
        self.settings = {
            "TRUEFTP_KAFKA_BROKERS": self.broker.servers,
            "TRUEFTP_TOPIC_PREFIX": PREFIX,
            "TRUEFTP_DEV": "1",
            "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
            "TRUEFTP_SOURCES": str(args.folder / "sources.conf"),
            "TRUEFTP_DATA_DIR": str(args.folder / "data"),
        }
        logs = args.folder / "log"
        logs.mkdir()
        self.log = Log(logs / "webhook.log", self.rng)
        (args.folder / "sources.conf").write_text(f"[main]\nformat = proftpd\npath = {self.log.path}\naccount = group\nhost = {HOST}\n")
        self.make_topics()
        self.agent = Service("agent", [args.bin / "trueftp-producer"], args.folder, self.settings)
        self.findings, self.restarts, self.lives = [], [], 0

    def make_topics(self):
        argv = [self.args.bin / "trueftpctl", "topics", "ensure", "--partitions", PARTITIONS, "--timeout-s", 60]
        made = Program("topics", argv, self.folder, self.settings).start()
        assert made.wait_end() == 0, made.tail()

    # ---- the agent's lives

    def start_agent(self):
        self.lives += 1
        self.agent.start()

    def look_back(self):
        """What the life that ended here had to say."""
        if complaint := self.agent.complaints():
            self.findings.append(complaint)
        for alarm in self.agent.facts("log_alarm"):
            self.findings.append(f"an alarm: {alarm}")

    def kill_agent(self):
        if not self.agent.running():
            self.findings.append(f"the agent ended by itself with {self.agent.process.returncode}{self.agent.tail()}")
        self.agent.kill()
        self.look_back()

    def stop_agent(self):
        if self.agent.stop() != 0:
            self.findings.append(f"SIGTERM ended it with {self.agent.process.returncode}{self.agent.tail()}")
        self.look_back()

    # ---- faults

    def kill(self):
        self.kill_agent()
        self.start_agent()

    def restart_broker(self):
        """Beside all else; one at a time."""

        def restart(kill):
            try:
                self.broker.restart(kill=kill)
            except AssertionError as error:
                self.findings.append(str(error))

        for thread in self.restarts:
            thread.join()
        self.restarts.append(threading.Thread(target=restart, args=(len(self.restarts) % 2 == 0,)))
        self.restarts[-1].start()

    def schedule(self, seconds):
        """[(when, fault)]: each kind spread over the time, at chance."""
        args = self.args
        kinds = [(self.kill, args.kills), (self.restart_broker, args.broker_restarts), (self.log.rotate, args.rotations)]
        plan = []
        for fault, count in kinds:
            plan += [(seconds * (n + self.rng.random()) / count, fault) for n in range(count)]
        return sorted(plan, key=lambda item: item[0])

    # ---- the run

    def write_until(self, deadline, uploads):
        """Records at the pace that has all uploads written by then; at once where it lags."""
        while self.log.uploads < uploads:
            self.log.step()
            if self.log.number % BURST == 0:
                return
        time.sleep(max(0.0, min(0.02, deadline - time.monotonic())))

    def play(self):
        seconds = self.args.seconds or 2.5 * max(self.args.kills, 4)
        plan, begin = self.schedule(seconds), time.monotonic()
        self.start_agent()
        while plan or self.log.uploads < self.args.uploads:
            passed = time.monotonic() - begin
            while plan and plan[0][0] <= passed:
                plan.pop(0)[1]()
            self.write_until(begin + seconds, int(self.args.uploads * min(1.0, passed / seconds)))
        for thread in self.restarts:
            thread.join()

    def drain(self):
        def all_told():
            waiting = ("behind_bytes", "oldest_unacknowledged_seconds", "events_outstanding")
            return all(self.agent.metric(f"trueftp_producer_{name}") == 0 for name in waiting)

        self.agent.wait_ready(120)
        wait_until("nothing waits any more", all_told, 180, every=0.2, watch=[self.agent])
        if self.agent.metric("trueftp_producer_checkpoint_errors_total"):
            self.findings.append("checkpoints could not be written")
        self.stop_agent()

    # ---- what came of it

    def read(self):
        """event id -> the events of this id, in the order of their partition."""
        topic = Topics(self.broker, PREFIX).name("events")
        text = k.kcat(self.broker.servers, "-C", "-q", "-e", "-o", "beginning", "-X", "check.crcs=true", "-t", topic, "-f", "%p\t%o\t%s\n")
        assert text is not None, "the topic could not be read"
        found, rows = collections.defaultdict(list), []
        for line in text.decode().splitlines():
            partition, offset, value = line.split("\t", 2)
            rows.append((int(partition), int(offset), json.loads(value)))
        for place, (_, _, event) in enumerate(sorted(rows, key=lambda row: row[:2])):
            found[event["event_id"]].append((place, event))
        return found

    def check(self, found):
        due = self.log.due
        missing, strange = due.keys() - found.keys(), found.keys() - due.keys()
        self.findings += [f"missing: {identity} {due[identity]}" for identity in list(missing)[:5]]
        self.findings += [f"not due: {found[identity][0][1]}" for identity in list(strange)[:5]]
        if missing or strange:
            self.findings.append(f"{len(missing)} of {len(due)} are missing, {len(strange)} were not due")
        for identity in due.keys() & found.keys():
            self.check_event(due[identity], [event for _, event in found[identity]])
        self.check_order(found)

    def check_event(self, wanted, events):
        """The same event each time; a second reading may know better whether its session ended badly."""
        for event in events:
            event["data"].pop("suspect", None)
        if any(event != events[0] for event in events):
            self.findings.append(f"one id, different events: {events[0]} {next(e for e in events if e != events[0])}")
        data = events[0]["data"]
        said = (events[0]["event"], events[0]["account_id"], data["path"], data.get("path_base64"), data.get("size"), data.get("renamed_from"))
        renamed_from = shown(wanted.renamed_from)[0] if wanted.renamed_from else None
        if said != (wanted.event, wanted.account, *shown(wanted.path), wanted.size, renamed_from):
            self.findings.append(f"not as it was logged: {events[0]} {wanted}")

    def check_order(self, found):
        last = {}
        for identity, wanted in sorted(self.log.due.items(), key=lambda item: item[1].number):
            if identity not in found:
                continue
            place, key = found[identity][0][0], (wanted.file.inode, wanted.account, wanted.path)
            if place < last.get(key, -1):
                self.findings.append(f"out of order: {wanted}")
            last[key] = place


def main():
    args = parse()
    end_in_order()
    begin = time.monotonic()
    print(f"seed {args.seed}", flush=True)
    world = World(args)
    try:
        world.play()
        world.drain()
        found = world.read()
    finally:
        world.agent.kill() if world.agent.process else None  # pylint: disable=expression-not-assigned
        world.broker.stop()
    world.check(found)
    repeated = sum(len(events) - 1 for events in found.values())
    print(
        f"{world.log.uploads} uploads, {world.log.number} records, {len(world.log.due)} events due, {len(found)} found, {repeated} sent again; "
        f"{args.kills} kills, {len(world.restarts)} broker restarts, {world.log.rotations} rotations, {time.monotonic() - begin:.0f} s",
        flush=True,
    )
    for finding in world.findings[:20]:
        print(f"  {finding}", flush=True)
    if world.findings:
        print(f"seed {args.seed}: FAILED, {len(world.findings)} findings; logs in {args.folder}")
        return 1
    shutil.rmtree(args.folder)
    print(f"seed {args.seed}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
