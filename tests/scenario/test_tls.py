"""TLS as a customer wants it: own authority, client certificate, pinned keys, versions. What is wrong of it is told at once, and
what goes wrong later stands in the delivery's record. A client's key is never seen again."""

import json
import ssl

import pytest
from harness.api import new_key, start_api
from harness.contract import check_signature, make_event
from harness.stack import ACCOUNT
from harness.tls import Authority, TlsEndpoint


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def client(stack):
    api = start_api(stack)
    return api.client(new_key(api, ACCOUNT))


@pytest.fixture
def serve():
    """Starts endpoints that speak TLS."""
    started = []

    def start(*args, **options):
        started.append(TlsEndpoint(*args, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def attempt_of(stack, webhook_id):
    """The last attempt of the only delivery of a webhook, once it has failed."""
    records = stack.wait_deliveries(
        lambda kept: any(r["webhook_id"] == webhook_id and r["status"] == "failed" for r in kept.values()), f"{webhook_id} failed"
    )
    [record] = [r for r in records.values() if r["webhook_id"] == webhook_id]
    return record["attempts"][-1]


def test_from_the_form_to_the_post_over_mutual_tls(stack, client, authority, serve):
    """A client certificate, an own authority and two pins, one of which is the server's: the POST arrives, signed. The key is in no
    answer, no topic, no log."""
    server, ours, spare = authority.issue("server"), authority.issue("client"), authority.issue("spare")
    endpoint = serve(server, client_authority=authority)
    tls = {
        "ca_certificates": authority.own.certificate,
        "client_certificate": "a comment\n" + ours.certificate,
        "client_key": ours.key,
        "pinned_public_keys": [spare.pin, server.pin],
        "min_version": "1.3",
    }
    worker = stack.worker()
    made = client.post("/webhooks", {"url": endpoint.url(), "tls": tls}).body
    shown = made["tls"]
    assert shown["client_key_set"] is True and shown["client_certificate"] == ours.certificate, "what is kept is the certificate alone"
    assert shown["client_certificate_expires_at"] and shown["min_version"] == "1.3" and shown["pinned_public_keys"] == [spare.pin, server.pin]
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    [post] = endpoint.wait_posts(1, watch=[worker])
    check_signature(post, made["secret"])
    assert endpoint.peers == ["client"]
    stack.wait_statuses({"delivered": 1})

    # Members that are not given stay; a renewed certificate of the same key needs no key.
    path = f"/webhooks/{made['id']}"
    changed = client.patch(path, {"tls": {"pinned_public_keys": None, "client_certificate": ours.certificate}}).body["tls"]
    assert changed["client_key_set"] is True and changed["pinned_public_keys"] == [] and changed["ca_certificates"] == authority.own.certificate
    stack.topics.publish(make_event(ACCOUNT, "/y"))
    endpoint.wait_posts(2, watch=[worker])
    stack.wait_statuses({"delivered": 2})
    assert client.patch(path, {"tls": None}).body["tls"] is None

    secret_lines = [line for line in ours.key.splitlines() if line and not line.startswith("-----")]
    logs = "".join(service.log_path.read_text() for service in stack.services)
    topics = "".join(r.value or "" for kind in ("webhooks", "audit", "events", "deliveries") for r in stack.topics.read(kind))
    for line in secret_lines:
        assert line not in json.dumps(made) and line not in logs and line not in topics


def test_what_is_wrong_is_told_by_field(client, authority):
    ours, other, past = authority.issue("client"), authority.issue("other"), authority.issue("past", days=-1)
    url = "https://hooks.example.com/x"
    cases = [
        ({"ca_certificates": "junk"}, {"tls.ca_certificates": "invalid"}),
        ({"ca_certificates": 7, "min_version": "1.1"}, {"tls.ca_certificates": "invalid", "tls.min_version": "invalid"}),
        ({"ca_certificates": "x" * 32769}, {"tls.ca_certificates": "too_long"}),
        ({"client_certificate": ours.certificate + ours.key}, {"tls.client_certificate": "invalid"}),
        ({"client_certificate": ours.certificate}, {"tls.client_key": "required"}),
        ({"client_key": ours.key}, {"tls.client_certificate": "required"}),
        ({"client_certificate": ours.certificate, "client_key": other.key}, {"tls.client_key": "refused"}),
        ({"client_certificate": ours.certificate, "client_key": "junk"}, {"tls.client_key": "invalid"}),
        ({"client_certificate": past.certificate, "client_key": past.key}, {"tls.client_certificate": "refused"}),
        ({"pinned_public_keys": [ours.pin, "sha256//short"]}, {"tls.pinned_public_keys[1]": "invalid"}),
        ({"pinned_public_keys": [ours.pin] * 9}, {"tls.pinned_public_keys": "invalid"}),
        ({"verify": False}, {"tls.verify": "unknown"}),
        ("off", {"tls": "invalid"}),
    ]
    for tls, expected in cases:
        refused = client.post("/webhooks", {"url": url, "tls": tls}, 422).body
        assert {error["field"]: error["code"] for error in refused["errors"]} == expected, tls
        assert ours.key.splitlines()[1] not in json.dumps(refused)
    [error] = client.post("/webhooks", {"url": "http://127.0.0.1:9/x", "tls": {"min_version": "1.3"}}, 422).body["errors"]
    assert error["field"] == "tls"
    assert client.post("/webhooks", {"url": url, "tls": {}}).body["tls"] is None, "nothing that is not the default"


def test_what_goes_wrong_stands_in_the_record(stack, client, authority, serve, tmp_path):
    """Each of these is the endpoint's failure, with the reason by name; and none of them keeps the good one from being served."""
    other = Authority(tmp_path / "other", "other")
    good, asking = authority.issue("server"), authority.issue("asking")
    past, elsewhere = authority.issue("past", days=-1), authority.issue("elsewhere", san="DNS:elsewhere.example")
    trusts = {"ca_certificates": authority.own.certificate}
    cases = {
        "tls_untrusted": (serve(good), {"ca_certificates": other.own.certificate}),
        "tls_expired": (serve(past), trusts),
        "tls_wrong_name": (serve(elsewhere), trusts),
        "tls_pin_mismatch": (serve(good), {**trusts, "pinned_public_keys": [asking.pin]}),
        "tls_client_certificate": (serve(asking, client_authority=authority), trusts),
        "tls_version": (serve(good, newest=ssl.TLSVersion.TLSv1_2), {**trusts, "min_version": "1.3"}),
    }
    endpoint = serve(good)
    worker = stack.worker()
    made = {
        reason: client.post("/webhooks", {"url": server.url(), "max_attempts": 1, "tls": tls}).body["id"] for reason, (server, tls) in cases.items()
    }
    default = client.post("/webhooks", {"url": endpoint.url("/default"), "max_attempts": 1}).body["id"]
    client.post("/webhooks", {"url": endpoint.url(), "tls": trusts})
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    endpoint.wait_posts(1, watch=[worker])
    for reason, webhook_id in made.items():
        attempt = attempt_of(stack, webhook_id)
        assert (attempt["error"], attempt.get("reason"), attempt["http_status"]) == ("tls", reason, None), attempt
    assert attempt_of(stack, default)["reason"] == "tls_untrusted", "what one customer trusts, others do not"
    for reason, (server, _) in cases.items():
        assert server.posts == [], reason
    for reason, webhook_id in made.items():
        [delivery] = client.get(f"/webhooks/{webhook_id}/deliveries").body["data"]
        shown = client.get(f"/webhooks/{webhook_id}/deliveries/{delivery['delivery_id']}").body
        assert shown["attempts"][-1]["reason"] == reason
