"""The broker under a scenario: real Kafka, started by deploy/kafka/kafka.sh, or the embedded one. Topics are read and written with
kcat, which is nobody of ours."""

import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess

from .program import Program
from .waiting import wait_until

Record = collections.namedtuple("Record", "key value headers partition offset")
PARTITIONS = 4  # of each topic; an account owns four, and few topics make few files


def thread_states(pid):
    """The letter of each thread's state (proc(5)); a thread that ends meanwhile has none."""
    states = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return states


class Kafka:
    """Real Kafka in a folder: one node, or three."""

    embedded = False

    def __init__(self, script, folder, nodes=1):
        self.script, self.folder, self.nodes = script, folder, nodes
        self.servers = ""

    def run(self, command, *more):
        done = subprocess.run(
            [self.script, command, "--dir", self.folder, *more], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"kafka.sh {command}: {done.stderr}"
        return done.stdout.strip()

    def start(self):
        self.servers = self.run("start", "--nodes", str(self.nodes))
        return self

    def stop(self):
        self.run("stop")

    def signal(self, number, node=1):
        """A signal for the process of a node. After SIGSTOP it stands still: its threads on other processors have been reached."""
        pid = int((self.folder / f"node-{node}/pid").read_text())
        os.kill(pid, number)
        if number == signal.SIGSTOP:
            wait_until("all threads of the node stand still", lambda: all(state == "T" for state in thread_states(pid)))

    def restart(self, kill=False):
        self.run("restart-node", "--node", "1", *(["--kill"] if kill else []))


class EmbeddedBroker:
    """trueftp-devbroker: in memory, with the topics of one prefix made at its start."""

    embedded = True

    def __init__(self, program, folder, prefix):
        self.ready_file = folder / "broker.servers"
        argv = [program, "--port", 0, "--topics-prefix", prefix, "--partitions", PARTITIONS, "--ready-file", self.ready_file]
        self.program = Program("devbroker", argv, folder)
        self.servers = ""

    def start(self):
        self.program.start()
        wait_until("the embedded broker is ready", self.ready_file.exists, watch=[self.program])
        self.servers = self.ready_file.read_text().strip()
        return self

    def stop(self):
        self.program.stop()


class Topics:
    """The topics of one prefix on a broker; broker: one of the above, or the text that names its servers."""

    def __init__(self, broker, prefix):
        self.broker, self.prefix = broker, prefix

    @property
    def servers(self):
        return self.broker if isinstance(self.broker, str) else self.broker.servers

    def name(self, kind):
        return f"{self.prefix}.{kind}"

    def kcat(self, *args, data=None):
        command = ["kcat", "-b", self.servers, "-X", "fetch.wait.max.ms=10", "-X", "broker.address.family=v4", *args]
        done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
        return done.stdout

    def read(self, kind):
        """All records of a topic, by partition and offset."""
        lines = self.kcat("-C", "-q", "-J", "-e", "-o", "beginning", "-t", self.name(kind)).splitlines()
        records = []
        for line in lines:
            r = json.loads(line)
            headers = r.get("headers") or []
            named = dict(zip(headers[::2], headers[1::2]))
            records.append(Record(r["key"], r["payload"], named, r["partition"], r["offset"]))
        return sorted(records, key=lambda r: (r.partition, r.offset))

    def written_s(self, kind):
        """When each record of a topic was written, as wall seconds."""
        return [int(ms) / 1000 for ms in self.kcat("-C", "-q", "-e", "-o", "beginning", "-t", self.name(kind), "-f", "%T\n").split()]

    def write(self, kind, key, value, partition=None):
        """One record of any bytes."""
        where = [] if partition is None else ["-p", str(partition)]
        self.kcat("-P", "-t", self.name(kind), "-k", key, *where, data=value)

    def tombstone(self, kind, key):
        self.kcat("-P", "-Z", "-t", self.name(kind), "-K", "\t", data=f"{key}\t\n".encode())

    def write_lines(self, kind, pairs, partition=None):
        """Many records in one go; keys and values are text without TAB and newline."""
        where = [] if partition is None else ["-p", str(partition)]
        text = "".join(f"{key}\t{value}\n" for key, value in pairs)
        self.kcat("-P", "-t", self.name(kind), "-K", "\t", *where, data=text.encode())

    def publish(self, *events):
        """Events as a frontend would write them."""
        self.write_lines("events", [(f"{e['account_id']}{e['data'].get('path', '')}", json.dumps(e, ensure_ascii=False)) for e in events])

    def deliveries(self):
        """delivery id -> its records, oldest first; the workers' own records are not among them."""
        found = collections.defaultdict(list)
        for record in self.read("deliveries"):
            if not record.key.startswith("!"):
                found[record.key].append(json.loads(record.value))
        return found

    def last_deliveries(self):
        """delivery id -> its last record."""
        return {key: records[-1] for key, records in self.deliveries().items()}
