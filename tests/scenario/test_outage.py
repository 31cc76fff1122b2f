"""Kafka is away, slow, or the disk is full: FTP goes on, the agent's memory is bounded, its metrics tell how far behind it is, and in the
end everything is there, once per event id."""

import io
import json
import pathlib
import signal
import socket
import subprocess

import pytest
from harness.waiting import wait_until

MOST_OUTSTANDING = 10000  # PUBLISH_MAX_OUTSTANDING
ROTATED = 4
LINES = 20000  # in each file of the log that is written meanwhile


def line(number, path="/same"):
    """A JSON line whose size is its number; some 500 bytes, as paths and user names make it."""
    event = {"event": "file.uploaded", "timestamp": "2026-06-08T12:00:00Z", "path": path, "size": number, "home": "h" * 300}
    return json.dumps(event) + "\n"


def resident_bytes(program):
    for text in pathlib.Path(f"/proc/{program.pid}/status").read_text().splitlines():
        if text.startswith("VmRSS:"):
            return int(text.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def first_of_each_id(stack):
    """(event, data) of each event id, where it stands first: partitions one after the other, each in its order."""
    text = stack.topics.kcat("-C", "-q", "-e", "-o", "beginning", "-t", stack.topics.name("events"), "-f", "%p\t%o\t%s\n")
    rows = [text_line.split(b"\t", 2) for text_line in text.splitlines()]
    found = {}
    for _, _, value in sorted(rows, key=lambda row: (int(row[0]), int(row[1]))):
        event = json.loads(value)
        found.setdefault(event["event_id"], (event["event"], event["data"]))
    return list(found.values())


def wait_all(stack, producer, count, seconds=120):
    found = []

    def look():
        found[:] = first_of_each_id(stack)
        return len(found) >= count

    wait_until(f"{count} events are in Kafka", look, seconds, every=0.5, watch=[producer])
    assert len(found) == count
    return found


def checkpoint(stack, name):
    return json.loads((stack.folder / f"data/{name}.checkpoint").read_text())["files"]


@pytest.mark.real_kafka
def test_kafka_is_away_for_long(stack, own_kafka, ftp, tmp_path):
    """An hour's worth: eight times as many records as may be on their way, in four files, and a kill in the midst of it."""
    log = tmp_path / "app.log"
    sources = (ftp.source(), f"[app]\nformat = jsonl\npath = {log}\naccount = constant:acc_acme\nhost = h\n")
    producer = stack.producer(*sources)
    own_kafka.run("kill-node", "--node", "1")

    assert len(ftp.upload_many("pipeline", [f"during-{n}.txt" for n in range(50)])) == 50  # each with its 226
    log.write_text("".join(line(n) for n in range(LINES)))

    def outstanding():
        return producer.metric("trueftp_producer_events_outstanding")

    wait_until("no more may be on its way", lambda: outstanding() == MOST_OUTSTANDING, 60, watch=[producer])
    wait_until("what waits in the log is seen", lambda: producer.metric("trueftp_producer_behind_bytes") > 0, watch=[producer])
    before = resident_bytes(producer)
    for n in range(1, ROTATED):
        log.rename(tmp_path / f"app.log.{ROTATED - n}")
        log.write_text("".join(line(n * LINES + i) for i in range(LINES)))
    written = sum(path.stat().st_size for path in tmp_path.glob("app.log*"))
    behind = written - MOST_OUTSTANDING * len(line(0)) - 100_000
    wait_until("the metrics tell of it", lambda: producer.metric("trueftp_producer_behind_bytes") >= behind - len(line(0)) * 1000, watch=[producer])
    assert producer.metric("trueftp_producer_oldest_unacknowledged_seconds") > 0
    assert outstanding() == MOST_OUTSTANDING
    assert resident_bytes(producer) - before < 8_000_000 < written / 4, "the log is the buffer, not the memory"
    assert ftp.upload_many("pipeline", ["at-the-end.txt"]) == ["at-the-end.txt"]

    producer.kill()
    producer = stack.producer(*sources, name="producer-again", ready=False)
    producer.wait_fact("started")
    assert producer.get("/livez").status == 200
    assert producer.get("/readyz").status == 503
    own_kafka.run("start-node", "--node", "1")
    found = wait_all(stack, producer, ROTATED * LINES + 51)
    paths = {data["path"] for _, data in found}
    assert paths == {"/same", "/at-the-end.txt", *(f"/during-{n}.txt" for n in range(50))}
    sizes = [data["size"] for _, data in found if data["path"] == "/same"]
    assert sizes == list(range(ROTATED * LINES)), "events of one path keep their order, also over the log's files"
    wait_until("nothing is behind", lambda: producer.metric("trueftp_producer_behind_bytes") == 0, watch=[producer])
    assert producer.metric("trueftp_producer_events_outstanding") == 0


@pytest.mark.real_kafka
def test_a_rename_that_was_not_acknowledged_survives_a_kill(stack, own_kafka, ftp):
    """Its second half alone says nothing: the checkpoint stays before the upload that it is about."""
    producer = stack.producer(ftp.source(announce_temporary=0))
    session = ftp.session("pipeline")
    session.storbinary("STOR order.csv.part", io.BytesIO(b"hello"))
    own_kafka.run("kill-node", "--node", "1")
    session.rename("order.csv.part", "order.csv")
    wait_until("it is on its way", lambda: producer.metric("trueftp_producer_events_outstanding") == 1, watch=[producer])
    wait_until("the checkpoint knows of it", lambda: checkpoint(stack, "main")[0]["size"] == ftp.log.stat().st_size, watch=[producer])
    producer.kill()
    own_kafka.run("start-node", "--node", "1")
    producer = stack.producer(ftp.source(announce_temporary=0), name="producer-again")
    [(event, data)] = wait_all(stack, producer, 1)
    assert (event, data["path"], data["renamed_from"], data["size"]) == ("file.uploaded", "/order.csv", "/order.csv.part", 5)
    assert not producer.facts("record_quarantined")
    session.close()


@pytest.mark.real_kafka
def test_a_broker_that_stands_still(stack, own_kafka, ftp):
    producer = stack.producer(ftp.source())
    own_kafka.signal(signal.SIGSTOP)
    try:
        assert len(ftp.upload_many("pipeline", [f"{n}.txt" for n in range(200)])) == 200

        def waits_long():
            return producer.metric("trueftp_producer_oldest_unacknowledged_seconds") >= 3

        wait_until("the metrics tell of it", waits_long, 30, watch=[producer])
        assert producer.metric("trueftp_producer_events_outstanding") == 200
    finally:
        own_kafka.signal(signal.SIGCONT)
    found = wait_all(stack, producer, 200)
    assert {data["path"] for _, data in found} == {f"/{n}.txt" for n in range(200)}


# ---- a full disk


class SmallDisk:
    """A file system of a megabyte that can be filled to its last byte."""

    def __init__(self, folder):
        self.folder = folder
        self.filler = folder / "filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        self.filler.unlink()


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "data"  # where the stack puts the agent's data
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield SmallDisk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


def ask(path, text):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(text.encode())
        with client.makefile("r", encoding="utf-8") as reader:
            return reader.readline().rstrip("\n")


def until_refused(attempt):
    """How often it went well: what a last page still has room for."""
    for n in range(100):
        if not attempt(n):
            return n
    raise AssertionError("the disk is not full")


def test_the_disk_of_checkpoints_and_spools_is_full(small_disk, stack, ftp, tmp_path):
    """Events of logs flow on; what would have to be kept is refused with a word; and with room again nothing is missing."""
    sources = (ftp.source(), f"[app]\nformat = jsonl\nsocket = {tmp_path}/socket\naccount = constant:acc_acme\nhost = h\n")
    producer = stack.producer(*sources)
    assert ask(tmp_path / "socket", line(1, "/said")) == "ok"
    small_disk.fill()
    ftp.upload_many("pipeline", ["one.txt", "two.txt"])
    taken = until_refused(lambda n: ask(tmp_path / "socket", line(n, f"/said-{n}")) == "ok")
    assert ask(tmp_path / "socket", line(taken, f"/said-{taken}")).startswith("again ")

    def emit(n):
        path = f"/{'x' * 1000}-{n}"
        command = [stack.bin_dir / "trueftp-producer", "emit", "--account", "acc_acme", "--event", "file.deleted", "--path", path]
        return subprocess.run([*command, "--spool", small_disk.folder / "spool"], capture_output=True, text=True, check=False)

    emitted = until_refused(lambda n: emit(n).returncode == 0)
    refused = emit(emitted)
    assert refused.returncode == 75 and "no room" in refused.stderr, refused.stderr

    def checkpoints_fail():
        return producer.metric("trueftp_producer_checkpoint_errors_total") > 0

    wait_until("the checkpoint cannot be written", checkpoints_fail, watch=[producer])
    expected = {"/said", "/one.txt", "/two.txt", *(f"/said-{n}" for n in range(taken)), *(f"/{'x' * 1000}-{n}" for n in range(emitted))}
    assert {data["path"] for _, data in wait_all(stack, producer, len(expected))} == expected
    assert producer.metric("trueftp_producer_checkpoint_age_seconds") > 0
    producer.kill()  # what no checkpoint knows is read again
    small_disk.free()
    producer = stack.producer(*sources, name="producer-again")
    assert ask(tmp_path / "socket", line(taken, f"/said-{taken}")) == "ok"
    assert emit(emitted).returncode == 0
    expected |= {f"/said-{taken}", f"/{'x' * 1000}-{emitted}"}
    assert {data["path"] for _, data in wait_all(stack, producer, len(expected))} == expected
