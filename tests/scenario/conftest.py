"""Fixtures of the scenarios. tests/run.sh starts pytest with these in the environment:

SCENARIO_BIN      folder of the programs (the sanitized ones)
SCENARIO_PROFTPD  folder where ProFTPD was unpacked
SCENARIO_VSFTPD, SCENARIO_PUREFTPD  likewise vsftpd and Pure-FTPd
SCENARIO_REDIS    redis-server
SCENARIO_SCHEMATHESIS  the tool that holds the API against its description, or nothing
SCENARIO_AXE      axe-core's file, or nothing
SCENARIO_SHOTS    a folder for pictures of the dashboard's pages, or nothing
SCENARIO_KAFKA    a folder for real Kafka, or nothing: the embedded broker
"""

import itertools
import os
import pathlib
import re

import pytest
from harness.broker import PARTITIONS, EmbeddedBroker, Kafka, Topics
from harness.endpoint import Endpoint
from harness.ftp import FtpServer
from harness.redis import Redis
from harness.stack import ACCOUNT, Stack

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA_SCRIPT = ROOT / "deploy/kafka/kafka.sh"
FTP_SCRIPT = ROOT / "deploy/ftp/local.sh"
REAL_KAFKA = bool(os.environ.get("SCENARIO_KAFKA"))

numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "real_kafka: needs what the embedded broker does not have")
    config.addinivalue_line("markers", "slow: not part of a run without --full")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("real_kafka") and not REAL_KAFKA:
            item.add_marker(pytest.mark.skip(reason="needs real Kafka"))
        if item.get_closest_marker("slow") and not os.environ.get("SCENARIO_FULL"):
            item.add_marker(pytest.mark.skip(reason="only with --full"))


@pytest.fixture(scope="session")
def bin_dir():
    return pathlib.Path(os.environ.get("SCENARIO_BIN", ROOT / "build/dev/bin"))


@pytest.fixture(scope="session")
def kafka():
    """One real Kafka for all scenarios of this process; each has topics of its own."""
    of_this_process = os.environ.get("PYTEST_XDIST_WORKER", "shared")
    broker = Kafka(KAFKA_SCRIPT, pathlib.Path(os.environ["SCENARIO_KAFKA"]) / of_this_process).start()
    yield broker
    broker.stop()


@pytest.fixture
def own_kafka(tmp_path):
    """A real Kafka for one scenario, which may break it."""
    broker = Kafka(KAFKA_SCRIPT, tmp_path / "kafka").start()
    yield broker
    broker.stop()


@pytest.fixture
def prefix(request):
    """Topics of this name alone."""
    word = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:40]
    return f"s{next(numbers)}-{os.getpid()}-{word}"


@pytest.fixture
def broker(request, bin_dir, tmp_path, prefix):
    """Real Kafka, or the embedded broker with this scenario's topics."""
    if "own_kafka" in request.fixturenames:
        yield request.getfixturevalue("own_kafka")
    elif REAL_KAFKA:
        yield request.getfixturevalue("kafka")
    else:
        embedded = EmbeddedBroker(bin_dir / "trueftp-devbroker", tmp_path, prefix).start()
        yield embedded
        embedded.stop()


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path, os.environ.get("SCENARIO_REDIS", "redis-server")).start()
    yield server
    server.program.kill()


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.close()
    assert not server.errors, server.errors


@pytest.fixture
def stack(bin_dir, tmp_path, broker, prefix, redis, endpoint):
    """A system with topics, a key, and an account on a paid plan; nothing of ours runs yet."""
    made = Stack(bin_dir, tmp_path, Topics(broker, prefix), redis, endpoint)
    yield made.prepare(None if broker.embedded else PARTITIONS)
    wrong = made.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def ftp(tmp_path_factory, request):
    """ProFTPD with the users pipeline (of the account) and stranger (of an account that nobody made)."""
    folder = tmp_path_factory.mktemp("ftp")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)  # the server is nobody when we are root
    script, unpacked = FTP_SCRIPT, os.environ.get("SCENARIO_PROFTPD", ROOT / "build/tools/proftpd")
    server = FtpServer(script, unpacked, folder, {"pipeline": ACCOUNT, "stranger": "acc_stranger"}).start()
    yield server
    server.program.stop()
