"""Real vsftpd and Pure-FTPd, and a program of its own, as sources: what they do becomes events, with the limits of each."""

import io
import json
import os
import pathlib
import socket
import time

import pytest
from harness.frontends import PureFtpd, Vsftpd
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRINTABLE_NAMES = ["it's 100% \"done\".csv", "a  b .txt", "%2e%2e", "-rf", "#hash;semi,comma", "[brk]{a,b}.csv", "n" * 255]
HARD_NAMES = [*PRINTABLE_NAMES, "日本語字幕.srt", "Key Art (final) – Übersicht.tif"]


def readable_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ftp")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # the server is nobody when we are root
    return folder


@pytest.fixture
def vsftpd(tmp_path_factory):
    unpacked = pathlib.Path(os.environ.get("SCENARIO_VSFTPD", ROOT / "build/tools/vsftpd"))
    server = Vsftpd(unpacked, readable_folder(tmp_path_factory)).start()
    yield server
    server.program.stop()


@pytest.fixture
def pureftpd(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("Pure-FTPd starts as root only")
    unpacked = pathlib.Path(os.environ.get("SCENARIO_PUREFTPD", ROOT / "build/tools/pureftpd"))
    server = PureFtpd(unpacked, readable_folder(tmp_path_factory)).start()
    yield server
    server.program.stop()


def published(stack):
    """The events in Kafka; the values alone, since a key may hold bytes that are no text."""
    values = stack.topics.kcat("-C", "-q", "-e", "-f", "%s\n", "-o", "beginning", "-t", stack.topics.name("events"))
    return [json.loads(value) for value in values.splitlines()]


def wait_published(stack, expected, seconds=30.0):
    """Waits until these (event, path) are published, and no other; the events."""
    found = []

    def look():
        found[:] = published(stack)
        return len(found) >= len(expected)

    wait_until(f"{len(expected)} events are published", look, seconds, every=0.2, watch=stack.running())
    assert sorted((event["event"], event["data"].get("path")) for event in found) == sorted(expected)
    assert len({event["event_id"] for event in found}) == len(found)
    return found


def by_path(events):
    return {event["data"]["path"]: event["data"] for event in events}


# ---- vsftpd


def test_vsftpd_a_day(stack, vsftpd, tmp_path):
    stack.producer(vsftpd.source(announce_renames=1))
    (tmp_path / "order.csv").write_bytes(b"id;amount\n1;20\n")
    vsftpd.curl("--ftp-create-dirs", "-T", str(tmp_path / "order.csv"), vsftpd.url("ftp", "/in/orders/order.csv"))
    with vsftpd.session("ftp") as session:
        session.storbinary("STOR in/deliver.csv.part", io.BytesIO(b"hello"))
        session.rename("in/deliver.csv.part", "in/deliver.csv")
        session.rename("in/deliver.csv", "in/done.csv")
        session.storbinary("STOR in/../in//./odd.csv", io.BytesIO(b""))
        session.retrbinary("RETR in/orders/order.csv", lambda part: None)
        session.delete("in/odd.csv")
        session.delete("in/done.csv")
        session.mkd("old/")
        session.rmd("old")
    events = wait_published(
        stack,
        [("dir.created", path) for path in ("/in", "/in/orders", "/old")]
        + [("file.uploaded", f"/in/{path}") for path in ("orders/order.csv", "deliver.csv.part", "deliver.csv", "odd.csv")]
        + [("file.renamed", "/in/done.csv"), ("file.downloaded", "/in/orders/order.csv")]
        + [("file.deleted", "/in/odd.csv"), ("file.deleted", "/in/done.csv"), ("dir.deleted", "/old")],
    )
    uploads = by_path(event for event in events if event["event"] == "file.uploaded")
    assert uploads["/in/orders/order.csv"]["size"] == 15
    assert (uploads["/in/deliver.csv"]["renamed_from"], uploads["/in/deliver.csv"]["size"]) == ("/in/deliver.csv.part", 5)
    assert uploads["/in/odd.csv"]["size"] == 0
    assert {event["data"]["client_ip"] for event in events} == {"127.0.0.1"}
    assert {event["data"]["frontend"] for event in events} == {"vsftpd"}
    assert not [event for event in events if event["event"] == "file.deleted" and "size" in event["data"]]
    age = time.time() - max(time.mktime(time.strptime(event["timestamp"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone for event in events)
    assert -2 < age < 60, "the log's times are UTC"


def test_vsftpd_names_beyond_ascii_are_marked(stack, vsftpd):
    stack.producer(vsftpd.source())
    with vsftpd.session("ftp", encoding="utf-8") as session:
        session.storbinary("STOR résumé.pdf", io.BytesIO(b"hello"))
        session.storbinary("STOR plain.pdf", io.BytesIO(b"hello"))
    events = wait_published(stack, [("file.uploaded", "/r??sum??.pdf"), ("file.uploaded", "/plain.pdf")])
    assert {path for path, data in by_path(events).items() if data.get("path_lossy")} == {"/r??sum??.pdf"}


def test_vsftpd_a_user_name_forges_nothing(stack, vsftpd):
    """An unauthenticated client writes into the log, by its user name, what looks like a record of another user."""
    producer = stack.producer(vsftpd.source())
    for forged in ('acme] OK DELETE: Client "6.6.6.6", "/forged', 'acme] OK UPLOAD: Client "6.6.6.6", "/forged", 5 bytes, 1.00Kbyte/sec'):
        with socket.create_connection(("127.0.0.1", vsftpd.port), 20) as client:
            lines = client.makefile("rwb")
            for line in (None, f"USER {forged}", "PASS x", "QUIT"):
                if line:
                    lines.write(line.encode() + b"\r\n")
                    lines.flush()
                lines.readline()
    log = vsftpd.log
    with open(log, "a", encoding="ascii") as appended:  # with local users the server writes this at the failed login
        appended.write('Mon Nov 23 20:40:24 2026 [pid 1] [acme] OK DELETE: Client "6.6.6.6", "/forged] FAIL LOGIN: Client "127.0.0.1"\n')
    vsftpd.upload_many("ftp", ["honest.txt"])
    wait_published(stack, [("file.uploaded", "/honest.txt")])
    assert producer.metric("trueftp_producer_quarantined_total", 'reason="forged"') == 1


def test_vsftpd_a_rotated_log_is_followed_to_its_end(stack, vsftpd):
    stack.producer(vsftpd.source())
    with vsftpd.session("ftp") as old_session:
        old_session.storbinary("STOR one.txt", io.BytesIO(b"hello"))
        vsftpd.log.rename(vsftpd.log.with_name("vsftpd.log-20261123"))
        vsftpd.upload_many("ftp", ["two.txt"])
        old_session.storbinary("STOR three.txt", io.BytesIO(b"hello"))
    wait_published(stack, [("file.uploaded", f"/{name}.txt") for name in ("one", "two", "three")])


# ---- Pure-FTPd


def test_pureftpd_names_come_back_byte_by_byte(stack, pureftpd, tmp_path):
    stack.producer(pureftpd.source())
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in HARD_NAMES:
        (tree / name).write_bytes(name.encode())
    pureftpd.lftp("pipeline", f"set ftp:use-utf8 yes; mirror -R {tree} tree")
    with pureftpd.session("pipeline", encoding="latin-1") as session:
        session.storbinary("STOR résumé.pdf", io.BytesIO(b"hello"))
    events = wait_published(stack, [("file.uploaded", f"/tree/{name}") for name in HARD_NAMES] + [("file.uploaded", "/r\ufffdsum\ufffd.pdf")])
    data = by_path(events)
    assert data["/r\ufffdsum\ufffd.pdf"]["path_base64"] == "L3Lpc3Vt6S5wZGY="
    assert data["/tree/日本語字幕.srt"]["size"] == len("日本語字幕.srt".encode())
    assert {entry["suspect"] for entry in data.values()} == {"completion unknown"}
    assert {(entry["username"], entry["client_ip"]) for entry in data.values()} == {("pipeline", "127.0.0.1")}


def test_pureftpd_tells_transfers_only(stack, pureftpd):
    """What the server's log has not: folders, deletions, renames. Downloads it has."""
    stack.producer(pureftpd.source(suspect="emit"))
    with pureftpd.session("pipeline") as session:
        session.mkd("d")
        session.rmd("d")
        session.storbinary("STOR a.part", io.BytesIO(b"hello"))
        session.rename("a.part", "a")
        session.retrbinary("RETR a", lambda part: None)
        session.delete("a")
    events = wait_published(stack, [("file.uploaded", "/a.part"), ("file.downloaded", "/a")])
    assert not [event for event in events if "suspect" in event["data"]]


def test_pureftpd_an_aborted_upload_is_suspect(stack, pureftpd):
    stack.producer(pureftpd.source())
    session = pureftpd.session("pipeline")
    data = session.transfercmd("STOR cut.bin")
    data.sendall(b"z" * 1000)
    wait_until("the server has received it", lambda: (pureftpd.home("pipeline") / "cut.bin").exists())
    session.close()
    data.close()
    [event] = wait_published(stack, [("file.uploaded", "/cut.bin")])
    assert event["data"]["suspect"] == "completion unknown"


# ---- ProFTPD's doubtful uploads, held


def cut_off(server, name):
    """An upload over plain FTP whose client dies; the server takes it for the end of the file."""
    session = server.session("pipeline")
    data = session.transfercmd(f"STOR {name}")
    data.sendall(b"z" * 1000)
    uploaded = server.home("pipeline") / name
    wait_until("the server has received it", lambda: uploaded.exists() and uploaded.stat().st_size == 1000)
    data.close()
    session.close()
    wait_until("the session has ended", lambda: b"Read EOF from client" in server.log.read_bytes())


def test_a_held_upload_is_not_announced_when_it_comes_again(stack, ftp):
    producer = stack.producer(ftp.source(suspect="hold", suspect_window_ms=2000, suspect_hold_ms=600000))
    cut_off(ftp, "again.bin")
    ftp.upload_many("pipeline", ["other.txt"])
    wait_published(stack, [("file.uploaded", "/other.txt")])
    producer.kill()  # what is held is held again
    producer = stack.producer(ftp.source(suspect="hold", suspect_window_ms=2000, suspect_hold_ms=600000), name="producer-again")
    ftp.upload_many("pipeline", ["again.bin"])
    wait_until("it is superseded", lambda: producer.metric("trueftp_producer_records_silent_total") == 1, watch=[producer])

    def look():
        return {event["event_id"]: event for event in published(stack)}

    wait_until("the second upload is published", lambda: len(look()) >= 2, watch=[producer])
    data = {event["data"]["path"]: event["data"] for event in look().values()}
    assert sorted(data) == ["/again.bin", "/other.txt"]
    assert (data["/again.bin"]["size"], data["/again.bin"].get("suspect")) == (5, None)


@pytest.mark.parametrize("end", ["emit", "drop"])
def test_a_held_upload_in_the_end(stack, ftp, end):
    producer = stack.producer(ftp.source(suspect="hold", suspect_window_ms=2000, suspect_hold_ms=1000, suspect_hold_end=end))
    cut_off(ftp, "cut.bin")
    ftp.upload_many("pipeline", ["other.txt"])
    if end == "drop":
        wait_until("it is dropped", lambda: producer.metric("trueftp_producer_records_silent_total") == 1, watch=[producer])
        wait_published(stack, [("file.uploaded", "/other.txt")])
    else:
        events = wait_published(stack, [("file.uploaded", "/other.txt"), ("file.uploaded", "/cut.bin")])
        assert by_path(events)["/cut.bin"]["suspect"] == "Read EOF from client"


# ---- the supervisor


def test_systemd_is_told(stack, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(20)
        stack.settings["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        producer = stack.producer(f"[app]\nformat = jsonl\npath = {tmp_path}/log\naccount = constant:acc_acme\n")
        assert supervisor.recv(100) == b"READY=1"
        producer.stop()
        assert supervisor.recv(100) == b"STOPPING=1"


# ---- any other program


def line(path, event="file.uploaded", **more):
    return json.dumps({"event": event, "timestamp": "2026-06-08T12:00:00Z", "path": path, **more}) + "\n"


def test_lines_of_a_file(stack, tmp_path):
    log = tmp_path / "events.jsonl"
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    log.write_text(line("/a", size=5, username="u", client_ip="::1", traceparent=trace) + '{"event":"file.deleted"}\n' + line("/b", frontend="own"))
    producer = stack.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = constant:acc_acme\n")
    data = by_path(wait_published(stack, [("file.uploaded", "/a"), ("file.uploaded", "/b")]))
    assert (data["/a"]["size"], data["/a"]["client_ip"], data["/a"]["frontend"], data["/b"]["frontend"]) == (5, "::1", "jsonl", "own")
    [bad] = producer.facts("record_quarantined")
    assert (bad["reason"], bad["message"]) == ("member", "timestamp: missing")


def ask(path, text, answers):
    """Says lines to the stream socket; the answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(text.encode())
        with client.makefile("r", encoding="utf-8") as reader:
            return [reader.readline().rstrip("\n") for _ in range(answers)]


def test_lines_to_a_socket_survive_a_kill(stack, tmp_path):
    path = tmp_path / "socket"
    source = f"[app]\nformat = jsonl\nsocket = {path}\naccount = record\nhost = h\n"
    producer = stack.producer(source)
    assert path.stat().st_mode & 0o777 == 0o660
    answers = ask(path, line("/a", account_id="acc_acme") + "nonsense\n" + line("/b", account_id="acc_acme", size="5") + line("/c", account_id="acc_acme"), 4)
    assert [answer.split()[0] for answer in answers] == ["ok", "refused", "refused", "ok"]
    assert answers[2] == "refused size: must be a number"
    assert ask(path, "".join(line(f"/{n}", account_id="acc_acme") for n in range(500)), 500) == ["ok"] * 500
    producer.kill()
    again = stack.producer(source, name="producer-again")
    assert ask(path, line("/after", account_id="acc_acme"), 1) == ["ok"]
    expected = {"/a", "/c", "/after", *(f"/{n}" for n in range(500))}
    ids = {}

    def look():
        for event in published(stack):
            ids.setdefault(event["data"]["path"], set()).add(event["event_id"])
        return set(ids) == expected

    wait_until("all that was answered with ok is published", look, 30, every=0.2, watch=[again])
    assert all(len(found) == 1 for found in ids.values()), "read twice it is the same event"


def test_datagrams(stack, tmp_path):
    path = tmp_path / "socket"
    producer = stack.producer(f"[app]\nformat = jsonl\nsocket = {path}\nsocket_type = datagram\naccount = constant:acc_acme\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(path))
        for n in range(100):
            client.send(line(f"/{n}").encode())
        client.send(line("/x", account_id="acc_other").encode())  # contradicts the source's account
    wait_published(stack, [("file.uploaded", f"/{n}") for n in range(100)])
    assert producer.metric("trueftp_producer_socket_accepted_total") == 101
    wait_until("the other account's is put aside", lambda: producer.facts("record_quarantined"), watch=[producer])
