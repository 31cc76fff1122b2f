"""A trace that a frontend began goes on to the endpoint: the same trace, a span of its own for each attempt."""

import json
import re
import signal
import time

import pytest
from harness.contract import make_event
from harness.endpoint import Close, Hold, Status
from harness.stack import ACCOUNT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def publish(stack, event, **headers):
    """An event with Kafka headers."""
    key = f"{event['account_id']}{event['data']['path']}"
    named = [part for name, value in headers.items() for part in ("-H", f"{name}={value}")]
    stack.topics.kcat("-P", "-t", stack.topics.name("events"), "-k", key, *named, data=json.dumps(event).encode())


@pytest.mark.parametrize("flags", ["01", "00"])
def test_each_attempt_is_a_span_of_the_trace(stack, endpoint, flags):
    stack.webhook(max_attempts=3)
    endpoint.script("/hook", Status(500), Status(500), Status(200))
    stack.worker()
    publish(
        stack, make_event(ACCOUNT, "/order.csv"), traceparent=f"00-{TRACE}-{PARENT}-{flags}", tracestate="vendor=x", baggage="user=pipeline"
    )
    posts = endpoint.wait_posts(3, watch=stack.running())
    spans = set()
    for post in posts:
        trace, span, sent = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", post.header("traceparent")).groups()
        assert (trace, sent) == (TRACE, flags)
        spans.add(span)
        assert post.header("tracestate") is None
        assert post.header("baggage") is None
    assert len(spans) == 3 and PARENT not in spans and "0" * 16 not in spans
    [record] = stack.wait_statuses({"delivered": 1}).values()
    assert record["trace_id"] == TRACE
    assert record.get("trace_flags") == (0 if flags == "00" else None)


def test_without_a_trace_there_is_no_header(stack, endpoint):
    stack.webhook()
    stack.worker()
    publish(stack, make_event(ACCOUNT, "/none.csv"))
    publish(stack, make_event(ACCOUNT, "/nonsense.csv"), traceparent=f"00-{TRACE}-{PARENT}")
    publish(stack, make_event(ACCOUNT, "/zero.csv"), traceparent=f"00-{'0' * 32}-{PARENT}-01")
    posts = endpoint.wait_posts(3, watch=stack.running())
    assert [post.header("traceparent") for post in posts] == [None] * 3
    assert not [record for record in stack.wait_statuses({"delivered": 3}).values() if "trace_id" in record]


def test_a_repeat_by_the_http_client_has_the_same_span_however_late_it_comes(stack, endpoint):
    """A kept connection that the endpoint closes without an answer: the same bytes go out once more, over a new one. When, is the process' affair:
    here it stands still for a second first."""
    stack.webhook()
    worker = stack.worker()
    publish(stack, make_event(ACCOUNT, "/first.csv"))
    stack.wait_statuses({"delivered": 1})
    hold = Hold(Close())
    endpoint.script("/hook", hold, Status(200))
    publish(stack, make_event(ACCOUNT, "/second.csv"), traceparent=f"00-{TRACE}-{PARENT}-01")
    endpoint.wait_posts(2, watch=[worker])
    worker.signal(signal.SIGSTOP)
    hold.release()
    time.sleep(1)
    worker.signal(signal.SIGCONT)
    _, sent, repeated = endpoint.wait_posts(3, watch=[worker])
    assert repeated.monotonic - sent.monotonic > 1
    assert (repeated.headers, repeated.body) == (sent.headers, sent.body)
    records = stack.wait_statuses({"delivered": 2}).values()
    assert all(record["attempt"] == 1 for record in records), "it is one attempt"
