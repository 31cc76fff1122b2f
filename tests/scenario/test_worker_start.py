"""What the worker looks at before it takes part: topics, their settings, tables; and what it says when it does not like them."""

import json

import pytest
from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until

EXIT_CONFIG = 78


def refused(stack, **settings):
    """A worker that must not start; its findings, topic -> setting -> finding."""
    worker = stack.worker(ready=False, **settings)
    assert worker.wait_end() == EXIT_CONFIG, worker.tail()
    found = {}
    for fact in worker.facts("topic_unsafe"):
        assert fact["level"] == "error"
        found.setdefault(fact["topic"], {})[fact["setting"]] = fact
    [last] = worker.facts("start_refused")
    assert last["findings"] == sum(len(of_topic) for of_topic in found.values())
    assert not worker.facts("joining")
    assert not worker.complaints(), worker.complaints()
    return found


@pytest.mark.real_kafka
def test_topics_that_can_lose_events_stop_the_start(stack):
    """One broker: one copy of everything."""
    found = refused(stack, TRUEFTP_DEV="0")
    assert set(found) == {stack.topics.name("events"), stack.topics.name("deliveries")}
    for of_topic in found.values():
        assert set(of_topic) == {"replication factor", "min.insync.replicas"}
        assert of_topic["replication factor"]["actual"] == "1"
        assert of_topic["min.insync.replicas"]["needed"] == "at least 2"


@pytest.mark.real_kafka
def test_events_must_outlive_the_retries(stack):
    """A retry policy of days: the week for which events are kept is too short for three attempts of it."""
    week_ms = 7 * 24 * 3600 * 1000
    found = refused(stack, TRUEFTP_DEV="0", TRUEFTP_RETRY_MAX_MS=str(week_ms))
    finding = found[stack.topics.name("events")]["retention.ms"]
    assert (finding["actual"], finding["needed"]) == (str(week_ms), f"at least {int(2.4 * week_ms)}")


@pytest.mark.real_kafka
def test_in_development_unsafe_topics_are_a_warning(stack, endpoint):
    stack.webhook()
    worker = stack.worker()
    findings = wait_until("the findings are told", lambda: len(worker.facts("topic_unsafe")) == 4 and worker.facts("topic_unsafe"))
    assert {fact["level"] for fact in findings} == {"warn"}
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    endpoint.wait_posts(1, watch=stack.running())


def test_a_broker_that_tells_no_settings_stops_the_start(stack):
    if not stack.topics.broker.embedded:
        pytest.skip("this one tells them")
    found = refused(stack, TRUEFTP_DEV="0")
    for name in ("events", "deliveries"):
        assert found[stack.topics.name(name)]["all settings"]["needed"] == "to be told by the broker"


def test_missing_topics_are_waited_for(stack, endpoint):
    """And so is everything that comes to be later."""
    if stack.topics.broker.embedded:
        pytest.skip("the embedded broker makes the topics it is asked for")
    settings = {"TRUEFTP_TOPIC_PREFIX": stack.topics.prefix + "-later"}
    worker = stack.worker(ready=False, **settings)
    worker.wait_fact("waiting", **{"for": "topics (trueftpctl topics ensure makes them)"})
    assert worker.get("/readyz").status == 503
    assert worker.get("/livez").status == 200
    stack.settings.update(settings)
    stack.topics.prefix += "-later"
    stack.ctl("topics", "ensure", "--partitions", "4")
    stack.definitions.account(ACCOUNT)
    worker.wait_ready()
    stack.webhook()
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    endpoint.wait_posts(1, watch=stack.running())


def test_every_start_says_how_far_it_has_come(stack):
    worker = stack.worker()
    order = [fact["fact"] for fact in worker.facts() if fact["fact"] in ("sandbox", "started", "table_complete", "joining", "partitions_assigned")]
    assert order == ["sandbox", "started", "table_complete", "joining", "partitions_assigned"]
    assert json.loads(worker.output().splitlines()[0])["fact"] == "sandbox"
