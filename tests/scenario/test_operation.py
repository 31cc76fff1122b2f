"""What an operator sees: health, metrics, settings, the command line."""

import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest
from harness.contract import make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT, Service
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check_metrics(text, prefix):
    """The text form of Prometheus, and the names that the contract wants."""
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}
    assert names and all(name.startswith("trueftp_") for name in names), names
    assert any(name.startswith(prefix) for name in names)
    for secretive in (ACCOUNT, "http://", "webhook_id="):
        assert secretive not in text
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_health_and_metrics_of_the_worker(stack, endpoint):
    stack.webhook(max_attempts=2)
    endpoint.script("/hook", Status(500), Status(200))
    worker = stack.worker()
    assert worker.get("/livez").status == 200
    assert worker.get("/readyz").status == 200
    assert worker.get("/nothing").status == 404
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.wait_statuses({"delivered": 1})
    wait_until("the records are counted", lambda: worker.metric("trueftp_worker_records_total", 'status="delivered"') == 1)
    assert worker.metric("trueftp_worker_attempts_total", 'outcome="delivered"') == 1
    assert worker.metric("trueftp_worker_attempts_total", 'outcome="http_status"') == 1
    assert worker.metric("trueftp_worker_responses_total", 'class="5xx"') == 1
    check_metrics(worker.get("/metrics").text, "trueftp_worker_")


def test_health_and_metrics_of_the_producer(stack, ftp):
    producer = stack.producer(ftp.source())
    assert producer.get("/livez").status == 200
    assert producer.get("/readyz").status == 200
    ftp.upload_many("pipeline", ["x.txt"])
    wait_until("the upload is counted", lambda: producer.metric("trueftp_producer_records_read_total") == 1, watch=[producer])
    check_metrics(producer.get("/metrics").text, "trueftp_producer_")


@pytest.mark.parametrize("program", ["trueftp-worker", "trueftp-producer"])
@pytest.mark.parametrize(
    "name, value", [("TRUEFTP_WORKER_SLOT", "9"), ("TRUEFTP_LOG_LEVEL", "loud"), ("TRUEFTP_ALLOW_HTTP", "2"), ("TRUEFTP_ADMIN_LISTEN", "nowhere")]
)
def test_a_wrong_setting_stops_the_start(stack, program, name, value):
    sources = stack.folder / "sources.conf"
    sources.write_text(f"[main]\nformat = proftpd\npath = {stack.folder}/webhook.log\naccount = group\n")
    right = {**stack.settings, "TRUEFTP_SOURCES": str(sources), "TRUEFTP_DATA_DIR": str(stack.folder)}
    started = Service(program, [stack.bin_dir / program], stack.folder, {**right, name: value}).start()
    assert started.wait_end(20) not in (0, 99), started.tail()
    assert name in started.output() or value in started.output(), started.tail()
    assert not started.complaints(), started.complaints()


def test_settings_of_other_programs_are_ignored(stack, tmp_path):
    """One environment can serve all programs."""
    others = {"TRUEFTP_API_LISTEN": "127.0.0.1:1", "TRUEFTP_SOURCES": str(tmp_path / "none")}
    assert stack.worker(**others).get("/readyz").status == 200


def test_a_worker_waits_for_kafka_without_dying(stack):
    worker = stack.worker(ready=False, TRUEFTP_KAFKA_BROKERS="127.0.0.1:1")
    assert worker.get("/livez").status == 200
    answer = worker.get("/readyz")
    assert answer.status == 503
    assert answer.text.strip(), "the reason is told"


def test_the_command_line_shows_deliveries(stack, endpoint):
    stack.webhook(max_attempts=2)
    endpoint.script("/hook", Status(500), Status(200))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    [(key, history)] = stack.wait_statuses({"delivered": 1}) and stack.topics.deliveries().items()
    shown = [json.loads(line) for line in stack.ctl("log", "tail", "--from-beginning", "--output", "json").splitlines()]
    assert [record["revision"] for record in shown if record["delivery_id"] == key] == [record["revision"] for record in history]
    assert "/order.csv" in stack.ctl("log", "tail")


def test_events_can_be_published_from_the_command_line(stack, endpoint, tmp_path):
    stack.webhook()
    stack.worker()
    stack.ctl("events", "publish", "--account", ACCOUNT, "--event", "file.uploaded", "--path", "/by hand.txt", "--size", "7")
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert (post.json["event"], post.json["data"]["path"], post.json["data"]["size"]) == ("file.uploaded", "/by hand.txt", 7)


@pytest.mark.real_kafka
def test_topics_are_made_once_and_drift_is_told(stack):
    """ensure has run already: a second time changes nothing, and other numbers are told as drift."""
    again = stack.ctl_run("topics", "ensure", "--partitions", "4")
    assert again.returncode == 0, again.stderr
    drift = stack.ctl_run("topics", "ensure", "--partitions", "8")
    assert drift.returncode == 3, (drift.stdout, drift.stderr)


def test_the_production_configuration_is_one_that_the_server_takes(tmp_path):
    """deploy/ftp/proftpd.conf, with its files elsewhere and a user that every machine has."""
    unpacked = pathlib.Path(os.environ.get("SCENARIO_PROFTPD", ROOT / "build/tools/proftpd")) / "usr"
    for name in ("ftpd.passwd", "ftpd.group", "modules.conf"):
        (tmp_path / name).touch(0o600)
    text = (ROOT / "deploy/ftp/proftpd.conf").read_text()
    text = re.sub(r"(?m)^User .*", f"User {pwd.getpwuid(os.getuid()).pw_name}", text)
    text = text.replace("/etc/proftpd/", f"{tmp_path}/").replace("/var/log/proftpd/", f"{tmp_path}/")
    (tmp_path / "proftpd.conf").write_text(f"ModulePath {unpacked}/lib/proftpd\n{text}")
    command = [unpacked / "sbin/proftpd", "-t", "-c", tmp_path / "proftpd.conf"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "unable to include" not in checked.stderr
