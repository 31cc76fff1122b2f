"""Bad input gets a clear error, goes aside, and holds nothing up."""

import json

from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until


def without(member):
    event = make_event(ACCOUNT, "/x")
    del event[member]
    return json.dumps(event)


def changed(**members):
    return json.dumps({**make_event(ACCOUNT, "/x"), **members})


MALFORMED = {  # value -> a word that its reason must have
    "not json": "",
    "[]": "",
    '{"event_id":': "",
    without("event_id"): "event_id",
    without("event"): "event",
    without("timestamp"): "timestamp",
    without("account_id"): "account_id",
    without("data"): "data",
    changed(event_id="not-a-uuid"): "event_id",
    changed(event="file.exploded"): "event",
    changed(timestamp="yesterday"): "timestamp",
    changed(account_id="../etc"): "account_id",
    changed(data={}): "path",
    changed(data={"path": "relative.txt"}): "path",
    changed(data={"path": 7}): "path",
    changed(data={"path": "/x", "size": "big"}): "size",
    "[" * 5000: "",
}


def test_malformed_events_go_to_the_dead_letters_and_hold_nothing_up(stack, endpoint):
    """All in one partition, with good events before, between and behind them."""
    stack.webhook()
    stack.worker()
    pairs, good = [], []
    for number, value in enumerate(MALFORMED):
        good.append(f"/good-{number}.txt")
        pairs += [(f"good-{number}", json.dumps(make_event(ACCOUNT, good[-1]))), (f"bad-{number}", value)]
    stack.topics.write_lines("events", pairs, partition=1)

    posts = endpoint.wait_posts(len(good), watch=stack.running())
    assert sorted(post.json["data"]["path"] for post in posts) == sorted(good)
    letters = wait_until(
        "all malformed events are dead letters",
        lambda: (found := stack.topics.read("events.dlq")) and len(found) >= len(MALFORMED) and found,
        every=0.2,
        watch=stack.running(),
    )
    assert len(letters) == len(MALFORMED)
    by_key = {letter.key: letter for letter in letters}
    for number, (value, word) in enumerate(MALFORMED.items()):
        letter = by_key[f"bad-{number}"]
        assert letter.value == value, "as received"
        assert letter.headers["reason"] and word in letter.headers["reason"], letter.headers
        assert letter.headers["source_topic"] == stack.topics.name("events")
        assert letter.headers["source_partition"] == "1"
    assert {int(letter.headers["source_offset"]) for letter in letters} == {2 * n + 1 for n in range(len(MALFORMED))}


def test_an_event_that_is_too_big_is_a_dead_letter(stack, endpoint):
    stack.webhook()
    stack.worker()
    big = json.dumps(make_event(ACCOUNT, "/x", note="n" * 300_000))
    stack.topics.write("events", "big", big.encode(), partition=0)
    stack.topics.write("events", "good", json.dumps(make_event(ACCOUNT, "/good.txt")).encode(), partition=0)
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert post.json["data"]["path"] == "/good.txt"
    [letter] = wait_until("it is a dead letter", lambda: stack.topics.read("events.dlq"), every=0.2, watch=stack.running())
    assert letter.key == "big"
    assert letter.headers["reason"]


def test_what_a_newer_frontend_adds_is_passed_on(stack, endpoint):
    """Members nobody knows: in data they reach the customer, elsewhere they are ignored."""
    stack.webhook()
    stack.worker()
    event = make_event(ACCOUNT, "/x.txt", checksum={"sha256": "00"}, tags=["a", "b"])
    stack.topics.publish({**event, "schema": 9})
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert post.json["data"] == event["data"]
    assert "schema" not in post.json


def test_an_unusable_webhook_record_disturbs_no_other(stack, endpoint):
    stack.webhook()
    stack.topics.write("webhooks", "wh_broken", b"{]")
    stack.topics.write("accounts", "acc_broken", b"not json")
    worker = stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/x.txt"))
    endpoint.wait_posts(1, watch=stack.running())
    assert worker.metric("trueftp_worker_table_errors_total") == 2


def test_an_event_nobody_wants_is_passed_over(stack, endpoint):
    stack.webhook(events="file.deleted")
    worker = stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/x"), make_event("acc_unknown", "/x"), make_event(ACCOUNT, "/y", event="file.deleted"))
    [post] = endpoint.wait_posts(1, watch=stack.running())
    assert post.json["data"]["path"] == "/y"
    wait_until("all were looked at", lambda: worker.metric("trueftp_worker_events_unmatched_total") == 2, watch=[worker])
