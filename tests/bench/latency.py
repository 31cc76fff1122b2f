"""From the FTP server's 226 to the POST at the receiver: real ProFTPD, agent, Kafka, worker, on an idle system."""

import io
import json
import subprocess
import time

from harness.ftp import FtpServer
from machine import Measure, pinned
from harness.program import die_with_parent

USER = "pipeline"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def arrivals(log):
    found = {}
    for line in log.read_text().splitlines():
        moment, _, body = line.partition(" ")
        found[json.loads(body)["data"]["path"]] = int(moment)
    return found


def agent(machine, prefix, server):
    sources, data = machine.folder / "sources.conf", machine.folder / "agent"
    sources.write_text(server.source())
    data.mkdir()
    env = machine.environment(prefix, TRUEFTP_SOURCES=str(sources), TRUEFTP_DATA_DIR=str(data))
    with open(machine.folder / "agent.log", "ab") as out:
        return subprocess.Popen(pinned("0", machine.build / "bin/trueftp-producer"), env=env, stdout=out, stderr=out, preexec_fn=die_with_parent)


def upload(ftp, path):
    """The moment at which the client read the 226."""
    ftp.storbinary(f"STOR {path}", io.BytesIO(b"x" * 1000))
    return time.monotonic_ns()


def measure(machine, count):
    """Milliseconds of each of count uploads, 20 a second."""
    log = machine.folder / "arrivals"
    receiver = machine.receiver(log=log)
    worker = Measure(machine, "latency", 0, accounts=1, port=receiver.port)
    server = FtpServer(machine.build.parents[1] / "deploy/ftp/local.sh", machine.proftpd, machine.folder, {USER: "acc_000000"}).start()
    producer = agent(machine, "latency", server)
    sent = {}
    try:
        with worker.running() as pid, server.session(USER) as ftp:
            upload(ftp, "first.csv")
            worker.wait(lambda: receiver.count() > 0, pid)
            time.sleep(2)
            for i in range(count):
                path = f"/file-{i:04}.csv"
                sent[path] = upload(ftp, path)
                time.sleep(0.05)
            worker.wait(lambda: receiver.count() > count, pid)
    finally:
        producer.terminate()
        producer.wait()
        server.program.stop()
    got = arrivals(log)
    return [(got[path] - moment) / 1e6 for path, moment in sent.items()]
