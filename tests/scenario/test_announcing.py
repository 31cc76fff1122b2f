"""What no FTP server's log tells: `trueftp-producer emit`, files of users, pools; and what an operator is told about a wrong configuration."""

import json
import subprocess

import pytest
from harness.program import environment
from harness.waiting import wait_until
from test_frontends import published, wait_published

SYSTEM_EXITS = {"usage": 64, "no input": 66, "unavailable": 69, "cannot create": 73}


def run_producer(stack, *args, **settings):
    env = environment({**stack.settings, **settings})
    command = [str(part) for part in (stack.bin_dir / "trueftp-producer", *args)]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


def quiet_source(tmp_path):
    return f"[app]\nformat = jsonl\npath = {tmp_path}/app.log\naccount = constant:acc_acme\n"


# ---- emit


def test_emit_by_the_spool_and_straight(stack, tmp_path):
    """By the spool also while the agent is down; the same id given twice is one event."""
    producer = stack.producer(quiet_source(tmp_path))
    data = {"TRUEFTP_DATA_DIR": str(stack.folder / "data")}
    emit = ["emit", "--account", "acc_acme"]
    spooled = run_producer(stack, *emit, "--event", "ftp_user.created", "--username", "alice", "--home", "/srv/ftp/alice", **data)
    assert spooled.returncode == 0, spooled.stderr
    straight = run_producer(stack, *emit, "--event", "file.uploaded", "--path", "/a b", "--size", "5", "--wait", **data)
    assert straight.returncode == 0, straight.stderr
    producer.kill()
    twice = [*emit, "--event", "dir.created", "--path", "/d", "--event-id", "6fa459ea-ee8a-3ca4-894e-db77e160355e"]
    for _ in range(2):
        assert run_producer(stack, *twice, **data).returncode == 0
    stack.producer(quiet_source(tmp_path), name="producer-again")
    ids = {spooled.stdout.strip(), straight.stdout.strip(), "6fa459ea-ee8a-3ca4-894e-db77e160355e"}
    wait_until("all are there", lambda: {event["event_id"] for event in published(stack)} >= ids, 30, watch=stack.running())
    events = {event["event_id"]: event for event in published(stack)}
    assert set(events) == ids
    alice = events[spooled.stdout.strip()]
    assert (alice["event"], alice["data"]["username"], alice["data"]["home"]) == ("ftp_user.created", "alice", "/srv/ftp/alice")
    assert not list((stack.folder / "data/spool").glob("*.[0-9]*")), "what Kafka has acknowledged is deleted"


@pytest.mark.real_kafka
def test_emit_says_what_went_wrong(stack, tmp_path):
    cases = [
        (["--event", "file.uploaded"], {}, 64, "path"),
        (["--event", "file.eaten", "--path", "/a"], {}, 64, "event"),
        (["--event", "file.uploaded", "--path", "/a"], {"TRUEFTP_DATA_DIR": str(tmp_path / "nowhere")}, 69, "the agent makes the spool"),
        (["--event", "file.uploaded", "--path", "/a", "--wait=2"], {"TRUEFTP_KAFKA_BROKERS": "127.0.0.1:1"}, 75, "127.0.0.1:1"),
        (["--event", "file.uploaded", "--path", "/a", "--wait=3"], {"TRUEFTP_TOPIC_PREFIX": "nothing"}, 75, "events topic"),
    ]
    for arguments, settings, status, words in cases:
        done = run_producer(stack, "emit", "--account", "acc_acme", *arguments, **settings)
        assert (done.returncode, words in done.stderr) == (status, True), f"{arguments}: {done.returncode} {done.stderr}"


# ---- users


def test_new_users_of_a_file_are_announced(stack, tmp_path):
    """Who was there at the first look is not; who came while the agent was down is."""
    passwd = tmp_path / "ftpd.passwd"

    def write(*users):
        passwd.write_text("".join(f"{user}:$5$x:1000:1000::/srv/ftp/{user}:/bin/false\n" for user in users))

    source = f"[accounts]\nformat = users\nusers_format = proftpd\npath = {passwd}\naccount = user:{{account}}.*\n"
    write("acc_acme.old")
    producer = stack.producer(source)
    wait_until("the first look is kept", (stack.folder / "data/accounts.users").exists, watch=[producer])
    write("acc_acme.old", "acc_acme.alice")
    wait_until("alice is announced", lambda: len(published(stack)) == 1, 30, watch=[producer])
    producer.kill()
    write("acc_acme.old", "acc_acme.bob", "acc_acme.alice")
    producer = stack.producer(source, name="producer-again")
    wait_until("bob, too", lambda: len({event["event_id"] for event in published(stack)}) == 2, 30, watch=[producer])
    passwd.write_text("")
    wait_until("an empty file is an alarm", lambda: producer.metric("trueftp_producer_users_alarms_total", 'alarm="empty"') > 0, 30, watch=[producer])
    write("acc_acme.bob")
    told = {(event["event"], event["account_id"], event["data"]["username"], event["data"]["home"]) for event in published(stack)}
    assert told == {("ftp_user.created", "acc_acme", f"acc_acme.{name}", f"/srv/ftp/acc_acme.{name}") for name in ("alice", "bob")}


# ---- pools


@pytest.mark.real_kafka
def test_an_account_with_a_pool_has_its_own_topic(stack, tmp_path):
    stack.ctl("topics", "ensure", "--pool", "gold", "--partitions", 4, "--timeout-s", 60)
    stack.definitions.account("acc_gold", pool="gold")
    log = tmp_path / "app.log"

    def line(account, path):
        return json.dumps({"event": "file.uploaded", "timestamp": "2026-06-08T12:00:00Z", "path": path, "account_id": account}) + "\n"

    log.write_text(line("acc_gold", "/1") + line("acc_acme", "/2"))
    producer = stack.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = record\n")

    def paths(kind):
        return [json.loads(record.value)["data"]["path"] for record in stack.topics.read(kind)]

    wait_until("both are published", lambda: (paths("events.gold"), paths("events")) == (["/1"], ["/2"]), 30, watch=[producer])
    stack.definitions.change_account("acc_acme", pool="gold")  # it moves, for new events

    def moved():
        with open(log, "a", encoding="utf-8") as out:
            out.write(line("acc_acme", "/3"))
        return "/3" in paths("events.gold")

    wait_until("the account has moved", moved, 30, every=0.5, watch=[producer])


# ---- wrong configurations


@pytest.mark.parametrize(
    "sources, words",
    [
        ("[main]\nformat = proftp\npath = /l\naccount = group\n", "line 2: format: no such format; there are: proftpd, vsftpd"),
        ("[main]\nformat = proftpd\npath = log\naccount = group\n", "line 3: path: must be the absolute path"),
        ("[main]\nformat = proftpd\npath = /l\naccount = everybody\n", "account=everybody is none of constant:ID, group"),
        ("[main]\nformat = proftpd\npath = /l\naccount = table:/no/such/table\n", "/no/such/table: No such file"),
        ("[main]\nformat = proftpd\npath = /l\naccount = user:x\n", "has no {account}"),
        ("[main]\nformat = proftpd\npath = /l\n", "[main] has no account"),
        ("[main]\nformat = vsftpd\npath = /l\naccount = constant:a\nsuspect = hold\n", "does not tell suspect uploads"),
        ("[main]\nformat = proftpd\npath = /l\naccount = group\nsuspcet = hold\n", "line 5: suspcet: no such key"),
        ("", "no source in it"),
        ("[a]\nformat = jsonl\npath = /l\naccount = record\n[b]\nformat = jsonl\npath = /l\naccount = record\n", "[a] and [b] have one path"),
    ],
)
def test_a_wrong_sources_file_stops_the_start(stack, tmp_path, sources, words):
    path = tmp_path / "sources.conf"
    path.write_text(sources)
    done = run_producer(stack, TRUEFTP_SOURCES=str(path), TRUEFTP_DATA_DIR=str(tmp_path / "data"))
    assert done.returncode == SYSTEM_EXITS["usage"]
    [said] = [json.loads(text) for text in (done.stdout + done.stderr).splitlines() if "not_started" in text]
    assert str(path) in said["message"] and words in said["message"], said["message"]


def test_other_wrong_starts(stack, tmp_path):
    path = tmp_path / "sources.conf"
    path.write_text(quiet_source(tmp_path))
    good = {"TRUEFTP_SOURCES": str(path), "TRUEFTP_DATA_DIR": str(tmp_path / "data")}
    (tmp_path / "file").write_text("")
    (tmp_path / "data").mkdir()
    cases = [
        ({**good, "TRUEFTP_SOURCES": str(tmp_path / "none")}, "usage", f"{tmp_path}/none: open: No such file"),
        ({**good, "TRUEFTP_DATA_DIR": str(tmp_path / "file")}, "cannot create", f"{tmp_path}/file"),
        ({**good, "TRUEFTP_KAFKA_BROKERS": ""}, "usage", "TRUEFTP_KAFKA_BROKERS"),
        ({**good, "TRUEFTP_SUORCES": "x"}, "usage", "TRUEFTP_SUORCES"),
    ]
    for settings, status, words in cases:
        done = run_producer(stack, **settings)
        assert done.returncode == SYSTEM_EXITS[status], (words, done.stdout, done.stderr)
        assert words in done.stdout + done.stderr, (words, done.stdout, done.stderr)
    (tmp_path / "data/app.checkpoint").write_text('{"schema":"trueftp.checkpoint/1","log":"/another","files":[]}')
    done = run_producer(stack, **good)
    assert done.returncode == 64 and "is the checkpoint of /another" in done.stdout + done.stderr


def test_a_folder_has_one_agent(stack, tmp_path):
    stack.producer(quiet_source(tmp_path))
    settings = {"TRUEFTP_SOURCES": str(stack.folder / "sources.conf"), "TRUEFTP_DATA_DIR": str(stack.folder / "data")}
    second = run_producer(stack, **settings)
    assert second.returncode == SYSTEM_EXITS["cannot create"]
    assert "another trueftp-producer uses this folder" in second.stdout + second.stderr


def test_a_log_that_cannot_be_read_is_an_alarm(stack, tmp_path):
    """A folder stands in its place; the others go on."""
    (tmp_path / "folder").mkdir()
    producer = stack.producer(f"[broken]\nformat = jsonl\npath = {tmp_path}/folder\naccount = constant:acc_acme\n", quiet_source(tmp_path), ready=False)
    (tmp_path / "app.log").write_text('{"event":"dir.created","timestamp":"2026-06-08T12:00:00Z","path":"/d"}\n')
    wait_published(stack, [("dir.created", "/d")])
    assert producer.metric("trueftp_producer_alarms_total", 'alarm="unreadable"') > 0
    assert producer.facts("log_alarm")[0]["detail"] == "not a regular file"


# ---- looking before switching on


def test_the_dry_run(stack, tmp_path):
    log = tmp_path / "webhook.log"
    record = "@WH1\t1795467671.000100\t7\tftp\t203.0.113.5\tSTOR\t226\tsuccess\t5\t0\t5\tfalse\t\tacc_1\tuser\t/in/{}//\n"
    log.write_text(record.format("a.csv") + "rubbish//\n" + record.format("b.csv"))
    done = run_producer(stack, "parse", "proftpd", log)
    assert done.returncode == 1, "something was put aside"
    events = [json.loads(text) for text in done.stdout.splitlines()]
    assert [(e["event"], e["account_id"], e["data"]["path"], e["data"]["size"]) for e in events] == [
        ("file.uploaded", "acc_1", "/in/a.csv", 5),
        ("file.uploaded", "acc_1", "/in/b.csv", 5),
    ]
    assert "quarantined (no_marker), 10 bytes: rubbish//" in done.stderr
    producer = stack.producer(f"[main]\nformat = proftpd\npath = {log}\naccount = group\n")
    found = wait_published(stack, [("file.uploaded", "/in/a.csv"), ("file.uploaded", "/in/b.csv")])
    assert {event["event_id"] for event in found} == {event["event_id"] for event in events}, "the dry run tells the ids, too"
    assert producer.metric("trueftp_producer_quarantined_total", 'reason="no_marker"') == 1
    other = run_producer(stack, "parse", "proftpd", log, "--account", "acc_9", "--host", "elsewhere")
    assert {json.loads(text)["account_id"] for text in other.stdout.splitlines()} == {"acc_9"}
    for arguments, status, words in [
        (["parse", "proftp", log], 64, "there are: proftpd"),
        (["parse", "proftpd", tmp_path / "none"], 66, "No such file"),
        (["parse", "proftpd"], 64, "usage: trueftp-producer parse"),
    ]:
        done = run_producer(stack, *arguments)
        assert (done.returncode, words in done.stderr) == (status, True), done.stderr
