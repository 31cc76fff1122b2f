"""What happens when an endpoint does not accept: attempts, delays, outcomes, and the record that tells of them."""

import pytest
from harness.contract import check_signature, make_event
from harness.endpoint import Close, Drip, Raw, Reset, Stall, Status
from harness.ports import free_port
from harness.stack import ACCOUNT

JITTER = 0.2


def test_refused_twice_then_accepted(stack, endpoint):
    webhook = stack.webhook(max_attempts=3)
    endpoint.script("/hook", Status(500, b"first"), Status(500, b"second"), Status(200, b"thanks"))
    stack.worker(TRUEFTP_RETRY_BASE_MS="1100", TRUEFTP_RETRY_FACTOR="2")
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))

    posts = endpoint.wait_posts(3, watch=stack.running())
    first, second = (posts[i + 1].monotonic - posts[i].monotonic for i in (0, 1))
    assert 1.1 * (1 - JITTER) <= first <= 1.1 * (1 + JITTER) + 0.5
    assert 2.2 * (1 - JITTER) <= second <= 2.2 * (1 + JITTER) + 0.5
    assert first < second, "the delays grow"

    assert len({post.delivery_id for post in posts}) == 1
    assert len({post.body for post in posts}) == 1, "the body's bytes change between attempts"
    assert [post.attempt for post in posts] == [1, 2, 3]
    timestamps = [int(post.header("X-TrueFTP-Timestamp")) for post in posts]
    assert timestamps[0] < timestamps[1] < timestamps[2]
    assert len({post.header("X-TrueFTP-Signature") for post in posts}) == 3
    for post in posts:
        check_signature(post, webhook.secret)

    [record] = stack.wait_statuses({"delivered": 1}).values()
    assert [(at["attempt"], at["http_status"], at["error"], at["response"]) for at in record["attempts"]] == [
        (1, 500, "http_status", "first"),
        (2, 500, "http_status", "second"),
        (3, 200, None, "thanks"),
    ]
    assert (record["attempt"], record["http_status"], record["error"], record["next_attempt_at"]) == (3, 200, None, None)


def test_the_log_holds_each_attempt_as_it_happened(stack, endpoint):
    """While a delivery is retrying its record has the body and the time of the next attempt; revisions grow."""
    stack.webhook(max_attempts=3)
    endpoint.script("/hook", Status(503), Status(503), Status(200))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    stack.wait_statuses({"delivered": 1})
    [history] = stack.topics.deliveries().values()
    assert [(r["status"], r["attempt"]) for r in history] == [("retrying", 1), ("retrying", 2), ("delivered", 3)]
    revisions = [r["revision"] for r in history]
    assert revisions == sorted(set(revisions))
    body = endpoint.posts_to("/hook")[0].body.decode()
    assert [r.get("body") for r in history] == [body, body, None]
    assert all(r["next_attempt_at"] for r in history[:2])


def test_an_endpoint_that_never_answers_ends_as_failed(stack, endpoint):
    stack.webhook(max_attempts=2, timeout_ms=1000)
    endpoint.script("/hook", Stall())
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    [record] = stack.wait_statuses({"failed": 1}).values()
    assert (record["error"], record["http_status"], record["attempt"]) == ("timeout", None, 2)
    assert [at["error"] for at in record["attempts"]] == ["timeout", "timeout"]
    assert all(900 <= at["duration_ms"] <= 2000 for at in record["attempts"])
    assert record["body"], "a failed delivery keeps its body, so that it can be sent again"
    assert len(endpoint.posts_to("/hook")) == 2


# What the endpoint does -> what the record says: HTTP status, error class.
OUTCOMES = {
    "200": (Status(200), 200, None),
    "204": (Status(204), 204, None),
    "299": (Status(299), 299, None),
    "301": (Status(301, headers=[("Location", "http://127.0.0.1:1/elsewhere")]), 301, "redirect"),
    "307": (Status(307, headers=[("Location", "/elsewhere")]), 307, "redirect"),
    "400": (Status(400), 400, "http_status"),
    "404": (Status(404), 404, "http_status"),
    "429": (Status(429), 429, "http_status"),
    "500": (Status(500), 500, "http_status"),
    "503": (Status(503), 503, "http_status"),
    "reset": (Reset(), None, "reset"),
    "close": (Close(), None, "reset"),
    "drip": (Drip(), None, "timeout"),
    "stall": (Stall(), None, "timeout"),
    "nonsense": (Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), None, "protocol"),
    "cut": (Raw(b"HTTP/1.1 200 OK\r\nContent-Le"), None, "reset"),
    "half-body": (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 200, None),
}


def test_every_kind_of_answer_has_its_outcome(stack, endpoint):
    """One event, and a webhook for each kind of endpoint; none of them disturbs another."""
    kinds = {}
    for name, (answer, _, _) in OUTCOMES.items():
        endpoint.script(f"/{name}", answer)
        kinds[stack.webhook(f"/{name}", max_attempts=2, timeout_ms=1000).id] = name
    kinds[stack.webhook(url=f"http://127.0.0.1:{free_port()}/", max_attempts=2).id] = "refused"
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))

    records = stack.wait_deliveries(
        lambda found: len(found) == len(kinds) and all(r["status"] in ("delivered", "failed") for r in found.values()),
        "all deliveries have ended",
    )
    seen = {kinds[r["webhook_id"]]: (r["status"], r["attempt"], r["http_status"], r["error"]) for r in records.values()}
    expected = {
        name: ("delivered", 1, status, None) if error is None else ("failed", 2, status, error)
        for name, (_, status, error) in OUTCOMES.items()
    }
    expected["refused"] = ("failed", 2, None, "connect_refused")
    assert seen == expected
    assert not endpoint.posts_to("/elsewhere"), "a redirect was followed"


def test_a_slow_endpoint_does_not_delay_the_others(stack, endpoint):
    stack.webhook("/stalls", timeout_ms=20000)
    stack.webhook("/quick")
    endpoint.script("/stalls", Stall())
    stack.worker()
    stack.topics.publish(*[make_event(ACCOUNT, f"/f{n}") for n in range(200)])
    posts = endpoint.wait_posts(200, "/quick", seconds=15, watch=stack.running())
    assert len({post.delivery_id for post in posts}) == 200
    endpoint.close()  # or the worker would wait for it before it stops


def test_retry_after_is_honoured(stack, endpoint):
    stack.webhook(max_attempts=2)
    endpoint.script("/hook", Status(503, headers=[("Retry-After", "2")]), Status(200))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    first, second = endpoint.wait_posts(2, watch=stack.running())
    assert 2.0 <= second.monotonic - first.monotonic <= 4.0


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_pending_retries_of_a_closed_webhook_are_cancelled(stack, endpoint, how):
    webhook = stack.webhook(max_attempts=5)
    endpoint.script("/hook", Status(500))
    stack.worker(TRUEFTP_RETRY_BASE_MS="3000", TRUEFTP_RETRY_FACTOR="1")
    stack.topics.publish(*[make_event(ACCOUNT, f"/f{n}") for n in range(10)])
    stack.wait_statuses({"retrying": 10})
    if how == "disabled":
        stack.definitions.change_webhook(webhook.id, enabled=False, disabled_reason="the customer asked")
    else:
        stack.definitions.delete_webhook(webhook.id)
    records = stack.wait_statuses({"cancelled": 10})
    assert {r["attempt"] for r in records.values()} == {1}
    assert len(endpoint.posts_to("/hook")) == 10


def test_410_disables_nothing_else(stack, endpoint):
    """An endpoint that says it is gone gets no further attempt of this delivery."""
    stack.webhook(max_attempts=5)
    endpoint.script("/hook", Status(410))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    [record] = stack.wait_statuses({"failed": 1}).values()
    assert (record["http_status"], record["attempt"]) == (410, 1)
    assert len(endpoint.posts_to("/hook")) == 1


def test_a_target_without_exemption_is_blocked(stack, endpoint):
    """127.0.0.1 is nobody's endpoint: no connection is made, and the record says why."""
    stack.webhook(max_attempts=2)
    stack.worker(TRUEFTP_ALLOW_TARGETS="", TRUEFTP_ALLOW_HTTP="1")
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    [record] = stack.wait_statuses({"failed": 1}).values()
    assert record["error"] == "blocked_target"
    assert {at["error"] for at in record["attempts"]} == {"blocked_target"}
    assert not endpoint.posts
