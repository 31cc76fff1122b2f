"""The operator's egress proxy: all deliveries go through it, to the address that was checked; what fails of it costs the customer no
attempt. Without the setting no proxy plays a part, whatever the environment says."""

import pytest
from harness.contract import check_signature, make_event
from harness.proxy import EgressProxy, Nothing
from harness.stack import ACCOUNT
from harness.waiting import wait_until


@pytest.fixture
def nothing():
    server = Nothing()
    yield server
    server.close()


def environment_of(nothing):
    names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    return {name: nothing.url for name in names}


def test_its_failures_are_ours(stack, endpoint, nothing, tmp_path):
    """Wrong credentials, an error, and a proxy that is gone: the delivery waits without using up an attempt. Then it arrives as the
    first attempt, through the tunnel."""
    file = tmp_path / "credentials"
    file.write_text("courier:s3cret-of-the-proxy\n")
    proxy = EgressProxy("courier:s3cret-of-the-proxy")
    webhook = stack.webhook("/hook", max_attempts=1)
    proxy.status = 500
    worker = stack.worker(
        TRUEFTP_EGRESS_PROXY=proxy.url, TRUEFTP_EGRESS_PROXY_CREDENTIALS_FILE=str(file), no_proxy="*", **environment_of(nothing)
    )
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    failures = "trueftp_worker_http_proxy_failures_total"
    wait_until("the proxy has failed some POSTs", lambda: worker.metric(failures) >= 2, watch=[worker])
    assert worker.metric("trueftp_worker_http_proxy_failing_seconds") > 0
    assert not [d for d in stack.topics.last_deliveries().values() if d["attempt"] > 0], "no attempt was used up"
    proxy.wanted, proxy.status = "Basic bm90OnRoaXM=", None
    seen = worker.metric(failures)
    wait_until("other credentials are wanted", lambda: worker.metric(failures) >= seen + 2, watch=[worker])
    proxy.wanted = None
    [post] = endpoint.wait_posts(1, watch=[worker])
    check_signature(post, webhook.secret)
    [record] = stack.wait_statuses({"delivered": 1}).values()
    assert record["attempt"] == 1 and proxy.tunnels == 1 and post.attempt == 1
    assert set(proxy.targets) == {f"127.0.0.1:{endpoint.port}"}
    wait_until("it works", lambda: worker.metric("trueftp_worker_http_proxy_failing_seconds") == 0, watch=[worker])
    assert nothing.came == 0
    assert "s3cret" not in worker.output() and "s3cret" not in worker.get("/metrics").text
    proxy.close()


def test_what_the_proxy_says_of_an_endpoint_is_the_endpoints(stack):
    """403 and 502 tell of the target: an attempt like any other."""
    proxy = EgressProxy()
    proxy.status = 403
    stack.webhook("/hook", max_attempts=1)
    worker = stack.worker(TRUEFTP_EGRESS_PROXY=proxy.url)
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    [first] = stack.wait_statuses({"failed": 1}).values()
    assert first["error"] == "blocked_target"
    proxy.status = 502
    stack.topics.publish(make_event(ACCOUNT, "/y"))
    records = stack.wait_statuses({"failed": 2})
    assert sorted(r["error"] for r in records.values()) == ["blocked_target", "connect_refused"]
    assert worker.metric("trueftp_worker_http_proxy_failures_total") == 0
    proxy.close()


def test_proxies_of_the_environment_play_no_part(stack, endpoint, nothing):
    stack.webhook("/hook")
    worker = stack.worker(**environment_of(nothing))
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    endpoint.wait_posts(1, watch=[worker])
    stack.wait_statuses({"delivered": 1})
    assert nothing.came == 0


@pytest.mark.parametrize("value", ["proxy:3128", "https://proxy:3128", "http://user:s3cret@proxy:3128", "http://proxy"])
def test_a_setting_that_is_none_stops_the_start(stack, value):
    worker = stack.worker(ready=False, TRUEFTP_EGRESS_PROXY=value)
    assert worker.process.wait(20) == 78
    assert "TRUEFTP_EGRESS_PROXY" in worker.output() and "s3cret" not in worker.output()
