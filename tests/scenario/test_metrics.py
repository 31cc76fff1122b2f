"""Numbers that an operator alerts on, and that the document has all of them."""

import pathlib
import re

from harness.contract import make_event
from harness.endpoint import Hold, Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

METRICS = pathlib.Path(__file__).resolve().parents[2] / "docs/METRICS.md"


def documented(program):
    """name -> type, of the rows in its part of the document."""
    [part] = re.findall(rf"^## trueftp-{program}$(.*?)(?=^## |\Z)", METRICS.read_text(), re.M | re.S)
    rows = re.findall(r"^\| `(trueftp_\w+)` \| (\w+) \|", part, re.M)
    assert len(rows) == len(dict(rows)), "a metric stands in the document twice"
    return dict(rows)


def exported(service):
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", service.get("/metrics").text, re.M))


def test_the_document_names_the_metrics_of_the_worker(stack):
    assert exported(stack.worker()) == documented("worker")


def test_the_document_names_the_metrics_of_the_producer(stack):
    (stack.folder / "webhook.log").touch()
    producer = stack.producer("[main]", "format = proftpd", f"path = {stack.folder}/webhook.log", "account = group", ready=False)
    assert exported(producer) == documented("producer")


def test_the_oldest_event_is_the_one_that_is_not_settled(stack, endpoint):
    stack.webhook()
    hold = Hold()
    endpoint.script("/hook", hold)
    worker = stack.worker()
    assert worker.metric("trueftp_worker_oldest_event_seconds") == 0
    stack.topics.publish(make_event(ACCOUNT, "/slow"))
    wait_until("it gets old", lambda: worker.metric("trueftp_worker_oldest_event_seconds") > 1, watch=[worker])
    assert worker.metric("trueftp_worker_events_unsettled") == worker.metric("trueftp_worker_consumer_lag") == 1
    hold.release()
    wait_until("it is settled", lambda: worker.metric("trueftp_worker_oldest_event_seconds") == 0, watch=[worker])


def test_what_is_scheduled_and_what_is_due(stack, endpoint):
    stack.webhook(max_attempts=2)
    endpoint.script("/hook", Status(500), Status(200))
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="4000")
    assert worker.metric("trueftp_worker_webhooks") == worker.metric("trueftp_worker_accounts") == 1
    stack.topics.publish(*[make_event(ACCOUNT, f"/{number}") for number in range(5)])
    wait_until("five wait", lambda: worker.metric("trueftp_worker_scheduled") == 5, watch=[worker])
    assert worker.metric("trueftp_worker_due") == 0
    assert worker.metric("trueftp_worker_oldest_due_seconds") == 0
    wait_until("none waits", lambda: worker.metric("trueftp_worker_scheduled") == 0, watch=[worker])
    stack.wait_statuses({"delivered": 5})


def test_rebalances_are_counted(stack):
    first = stack.worker("first")
    wait_until("its own joining", lambda: first.metric("trueftp_worker_rebalances_total") == 1, watch=[first])
    second = stack.worker("second")
    wait_until("another one's", lambda: first.metric("trueftp_worker_rebalances_total") == 2, 30, watch=[first, second])
