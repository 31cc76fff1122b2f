"""ProFTPD, vsftpd and Pure-FTPd as deploy/ftp configures them, with the clients that people use: what was done becomes exactly its events,
with the limits that docs/FTP_SERVERS.md states."""

import os
import pathlib
import shutil
import subprocess

import pytest
from harness.deployed import Proftpd, PureFtpd, Vsftpd
from harness.waiting import wait_until
from test_frontends import HARD_NAMES, PRINTABLE_NAMES, by_path, published, readable_folder, wait_published

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = {"proftpd": (Proftpd, "SCENARIO_PROFTPD"), "vsftpd": (Vsftpd, "SCENARIO_VSFTPD"), "pureftpd": (PureFtpd, "SCENARIO_PUREFTPD")}
NAMES_OF_A_TREE = 1000
PIECE = b"z" * 1000

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the servers start as root only")


@pytest.fixture
def make_server(tmp_path_factory):
    started = []

    def make(name, address="127.0.0.1"):
        kind, variable = KINDS[name]
        unpacked = os.environ.get(variable, ROOT / "build/tools" / name)
        server = kind(unpacked, readable_folder(tmp_path_factory), address).start()
        started.append(server)
        return server

    yield make
    for server in started:
        server.program.stop()


def content(tmp_path, size, name="content"):
    path = tmp_path / name
    path.write_bytes(b"x" * size)
    return str(path)


def uploads(events):
    return by_path(event for event in events if event["event"] == "file.uploaded")


# ---- a tree


def make_tree(folder, names):
    """A thousand files in ten folders; the relative paths."""
    paths = []
    for number in range(NAMES_OF_A_TREE):
        name = names[number % 100] if number % 100 < len(names) else f"file {number}.dat"
        path = folder / f"f{number // 100}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (number % 700))
        paths.append(f"f{number // 100}/{name}")
    return paths


@pytest.mark.parametrize("name", KINDS)
def test_a_tree_is_mirrored(stack, make_server, tmp_path, name):
    """A thousand files, many with hard names, by lftp; the log is rotated by logrotate in the middle."""
    server = make_server(name)
    producer = stack.producer(server.source())
    paths = make_tree(tmp_path / "tree", PRINTABLE_NAMES if name == "vsftpd" else HARD_NAMES)
    half = "|".join(f"f{n}/" for n in range(5, 10))
    mirror = "set ftp:use-utf8 yes; mirror -R --parallel=3"
    server.lftp(server.USER, f"{mirror} -x '^({half})' {tmp_path}/tree tree")
    server.rotate()
    server.lftp(server.USER, f"{mirror} {tmp_path}/tree tree")
    expected = [("file.uploaded", f"/tree/{path}") for path in paths]
    if name != "pureftpd":
        expected += [("dir.created", "/tree")] + [("dir.created", f"/tree/f{n}") for n in range(10)]
    events = wait_published(stack, expected, 120)
    sizes = {path: data["size"] for path, data in uploads(events).items()}
    assert sizes == {f"/tree/{path}": number % 700 for number, path in enumerate(paths)}
    assert not producer.facts("log_alarm") and not producer.facts("record_quarantined")


# ---- protocols


@pytest.mark.parametrize("name", KINDS)
def test_over_tls(stack, make_server, tmp_path, name):
    """Also a client that is killed within an upload: vsftpd can tell that now, ProFTPD has its second witness, Pure-FTPd's log cannot say."""
    server = make_server(name)
    stack.producer(server.source(**({"suspect_window_ms": 2000} if name == "proftpd" else {})))
    server.curl("--ssl-reqd", "-k", "-T", content(tmp_path, 20000), server.url(server.USER, "/whole.bin"))
    slow = ["curl", "-sS", "--ssl-reqd", "-k", "--limit-rate", "20k", "-T", content(tmp_path, 900_000, "large"), server.url(server.USER, "/cut.bin")]
    with subprocess.Popen(slow) as client:
        cut = server.home(server.USER) / "cut.bin"
        wait_until("it is on its way", lambda: cut.exists() and cut.stat().st_size > 0, watch=[server.program])
        client.kill()
    server.curl("--ssl-reqd", "-k", "-T", content(tmp_path, 5), server.url(server.USER, "/after.bin"))
    expected = [("file.uploaded", "/whole.bin"), ("file.uploaded", "/after.bin")]
    if name != "vsftpd":
        expected.append(("file.uploaded", "/cut.bin"))
    data = uploads(wait_published(stack, expected))
    assert data["/whole.bin"]["size"] == 20000
    marks = {"proftpd": "Read EOF from client", "vsftpd": None, "pureftpd": "completion unknown"}
    assert data.get("/cut.bin", {}).get("suspect") == marks[name]
    assert data["/whole.bin"].get("protocol") == ("ftps" if name == "proftpd" else None)


@pytest.mark.parametrize("name", KINDS)
def test_over_ipv6(stack, make_server, tmp_path, name):
    server = make_server(name, "::1")
    stack.producer(server.source())
    server.curl("-T", content(tmp_path, 5), server.url(server.USER, "/six.txt"))
    [event] = wait_published(stack, [("file.uploaded", "/six.txt")])
    assert event["data"]["client_ip"] == "::1"


def test_sftp_by_openssh(stack, make_server, tmp_path):
    server = make_server("proftpd")
    stack.producer(server.source(root=server.home("{user}"), announce_renames=1))
    local = tmp_path / "local"
    local.mkdir()
    names = [name for name in HARD_NAMES if "\"" not in name]
    for name in names:
        (local / name).write_bytes(name.encode())
    (local / "file").write_bytes(b"hello")
    server.sftp(["mkdir tree", f"put {local}/* tree"])
    server.sftp(["mkdir d", f"put {local}/file deliver.part", "rename deliver.part deliver", f"get deliver {tmp_path}/got", "rename deliver done", "rm done", "rmdir d"])
    events = wait_published(
        stack,
        [("file.uploaded", f"/tree/{name}") for name in [*names, "file"]]
        + [("dir.created", "/tree"), ("dir.created", "/d"), ("file.uploaded", "/deliver.part"), ("file.uploaded", "/deliver")]
        + [("file.downloaded", "/deliver"), ("file.renamed", "/done"), ("file.deleted", "/done"), ("dir.deleted", "/d")],
    )
    data = uploads(events)
    assert {entry["protocol"] for entry in data.values()} == {"sftp"}
    assert data["/tree/日本語字幕.srt"]["size"] == len("日本語字幕.srt".encode())
    assert (data["/deliver"]["renamed_from"], data["/deliver"]["size"]) == ("/deliver.part", 5)
    assert not [event for event in events if "suspect" in event["data"]]


# ---- parts of files


@pytest.mark.parametrize("name", KINDS)
def test_resumed_and_appended(stack, make_server, tmp_path, name):
    """The whole file's size where the server tells it, else that of the transfer."""
    server = make_server(name)
    stack.producer(server.source())
    (server.home(server.USER) / "resumed.bin").write_bytes(b"x" * 600)
    (server.home(server.USER) / "grown.bin").write_bytes(b"x" * 600)
    for path in server.home(server.USER).iterdir():
        shutil.chown(path, *server.OWNER)
    server.curl("-C", "600", "-T", content(tmp_path, 1000), server.url(server.USER, "/resumed.bin"))
    server.curl("-a", "-T", content(tmp_path, 250), server.url(server.USER, "/grown.bin"))
    assert (server.home(server.USER) / "resumed.bin").stat().st_size == 1000
    data = uploads(wait_published(stack, [("file.uploaded", "/resumed.bin"), ("file.uploaded", "/grown.bin")]))
    whole = name == "proftpd"
    assert (data["/resumed.bin"]["size"], data["/grown.bin"]["size"]) == ((1000, 850) if whole else (400, 250))


@pytest.mark.parametrize("name", ["proftpd", "pureftpd"])
def test_a_quota_refuses(stack, make_server, tmp_path, name):
    server = make_server(name)
    stack.producer(server.source())
    large = content(tmp_path, 3_000_000)
    refused = subprocess.run(["curl", "-sS", "-T", large, server.url(server.USER, "/large.bin")], capture_output=True, timeout=60, check=False)
    assert refused.returncode != 0
    server.curl("-T", content(tmp_path, 5, "small"), server.url(server.USER, "/small.bin"))
    told = ("file.uploaded", "/small.bin")
    wait_until("the small one is told", lambda: told in [(e["event"], e["data"]["path"]) for e in published(stack)], 30, watch=stack.running())
    data = uploads(published(stack))
    if name == "proftpd":
        assert list(data) == ["/small.bin"]
    else:
        assert {entry["suspect"] for entry in data.values()} == {"completion unknown"}  # it may be told, and says what it is worth


@pytest.mark.parametrize("name", KINDS)
def test_a_killed_client_over_plain_ftp(stack, make_server, name):
    """No server can tell it from the end of the file: ProFTPD's event is marked, Pure-FTPd's are all, vsftpd's is not."""
    server = make_server(name)
    stack.producer(server.source(**({"suspect_window_ms": 2000} if name == "proftpd" else {})))
    session = server.session(server.USER)
    data = session.transfercmd("STOR cut.bin")
    data.sendall(PIECE)
    cut = server.home(server.USER) / "cut.bin"
    wait_until("the server has it", lambda: cut.exists() and cut.stat().st_size == len(PIECE), watch=[server.program])
    data.close()
    session.close()
    [event] = wait_published(stack, [("file.uploaded", "/cut.bin")])
    marks = {"proftpd": "Read EOF from client", "vsftpd": None, "pureftpd": "completion unknown"}
    assert (event["data"].get("suspect"), event["data"]["size"]) == (marks[name], len(PIECE))


# ---- what stands beside the configurations


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_units_are_understood(tmp_path):
    for unit in (ROOT / "deploy/ftp/systemd").glob("*.service"):
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/usr/bin/trueftp-producer", "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
