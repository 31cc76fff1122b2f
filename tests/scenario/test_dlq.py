"""Dead letters from the command line: what there is, and sending it again."""

import json

import pytest
from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until

USAGE, FAILED = 64, 1


def dead_letter(stack, value, partition=1, code="malformed", source=None, key="k", **headers):
    """A dead letter as a worker leaves it, e.g. one that knew less than those of today."""
    told = {"reason": "not known", "reason_code": code, "source_topic": source or stack.topics.name("events"), "source_partition": "2"}
    told.update({"source_offset": "77"}, **headers)
    named = [part for name, text in told.items() for part in ("-H", f"{name}={text}")]
    stack.topics.kcat("-P", "-t", stack.topics.name("events.dlq"), "-p", str(partition), "-k", key, *named, data=value.encode())


def listed(stack, *args):
    return [json.loads(line) for line in stack.ctl("dlq", "list", "--output", "json", *args).splitlines()]


def test_what_a_worker_could_not_understand_is_listed(stack):
    stack.worker()
    stack.topics.write_lines("events", [("acc/first", "not json"), ("acc/second", '{"event":"\\u001b[2J"}')], partition=3)
    wait_until("they are dead letters", lambda: len(stack.topics.read("events.dlq")) == 2, every=0.2, watch=stack.running())
    letters = {letter["source_offset"]: letter for letter in listed(stack)}
    assert sorted(letters) == [0, 1]
    first = letters[0]
    assert (first["key"], first["value"], first["code"]) == ("acc/first", "not json", "malformed")
    assert (first["source_topic"], first["source_partition"]) == (stack.topics.name("events"), 3)
    assert first["reason"] and first["written_at"].endswith("Z")
    text = stack.ctl("dlq", "list")
    assert len(text.splitlines()) == 2
    assert "acc/first" in text and first["reason"] in text and "\x1b" not in text


def test_the_newest_are_listed(stack):
    for number in range(6):
        dead_letter(stack, str(number), partition=number % 3)
    assert [letter["value"] for letter in listed(stack)] == [str(number) for number in range(6)]
    assert [letter["value"] for letter in listed(stack, "--limit", "2")] == ["4", "5"]


def test_one_is_sent_again(stack, endpoint):
    """Its key, its value, its partition and its trace."""
    stack.webhook()
    stack.worker()
    event = make_event(ACCOUNT, "/later.txt")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    dead_letter(stack, json.dumps(event), key="the key", traceparent=trace)
    dead_letter(stack, json.dumps(make_event(ACCOUNT, "/other.txt")))
    said = stack.ctl("dlq", "reinject", "--partition", "1", "--offset", "0", "--output", "json")
    assert json.loads(said) == {"reinjected": 1, "left_out": 0}
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert post.json["data"] == event["data"]
    assert post.header("traceparent").split("-")[1] == trace.split("-")[1]
    [record] = stack.topics.read("events")
    assert (record.key, json.loads(record.value), record.partition) == ("the key", event, 2)
    assert record.headers == {"reinjected_from": f"{stack.topics.name('events.dlq')}/1/0", "traceparent": trace}
    assert len(stack.topics.read("events.dlq")) == 2, "they stay"


def test_all_of_a_code_are_sent_again(stack, endpoint):
    """Those that are still not understood come back, once."""
    stack.webhook()
    stack.worker()
    for number in range(3):
        dead_letter(stack, json.dumps(make_event(ACCOUNT, f"/{number}")), partition=number)
    dead_letter(stack, "still not json")
    dead_letter(stack, json.dumps(make_event(ACCOUNT, "/another code")), code="too_big")
    assert "4 reinjected, 0 left out" in stack.ctl("dlq", "reinject", "--all", "--code", "malformed")
    posts = endpoint.wait_posts(3, watch=stack.running())
    wait_until("one has come back", lambda: len(stack.topics.read("events.dlq")) == 6, every=0.2, watch=stack.running())
    assert sorted(post.json["data"]["path"] for post in posts) == ["/0", "/1", "/2"]
    assert len(endpoint.posts) == 3

    assert "6 reinjected, 0 left out" in stack.ctl("dlq", "reinject", "--all")
    endpoint.wait_posts(4, watch=stack.running())
    wait_until("two have come back", lambda: len(stack.topics.read("events.dlq")) == 8, every=0.2, watch=stack.running())
    assert len(endpoint.posts) == 4, "what was delivered is not delivered again"


def test_what_belongs_nowhere_is_left_out(stack):
    dead_letter(stack, "{}", source="somebody.elses.topic")
    dead_letter(stack, "{}", source=stack.topics.name("events.dlq"))
    done = stack.ctl_run("dlq", "reinject", "--all")
    assert done.returncode == FAILED
    assert b"0 reinjected, 2 left out" in done.stdout
    assert stack.topics.read("events") == []


@pytest.mark.parametrize(
    "args, status",
    [
        ([], USAGE),
        (["--partition", "1"], USAGE),
        (["--all", "--offset", "1"], USAGE),
        (["--all", "--partition", "1", "--offset", "1"], USAGE),
        (["--partition", "0", "--offset", "0", "--code", "x"], USAGE),
        (["--partition", "0", "--offset", "0"], FAILED),
        (["--partition", "999", "--offset", "0"], FAILED),
    ],
)
def test_wrong_calls(stack, args, status):
    done = stack.ctl_run("dlq", "reinject", *args, "--timeout-s", "5")
    assert done.returncode == status, (done.stdout, done.stderr)
    assert done.stderr
