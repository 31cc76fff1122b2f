"""Signatures, checked by Python's hmac over the raw bytes."""

import json
import pathlib

from harness.contract import check_signature, make_event, signature, standard_signature
from harness.stack import ACCOUNT

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "unit/data/webhooks.json"


def one_post(stack, endpoint, **options):
    webhook = stack.webhook(**options)
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/in/日本語.csv"))
    [post] = endpoint.wait_posts(1, watch=stack.running())
    return webhook, post


def check_standard(post, secret):
    assert post.header("webhook-id") == post.delivery_id
    given = post.header("webhook-signature").split(" ")
    assert given == [standard_signature(secret, post.delivery_id, post.header("webhook-timestamp"), post.body)]


def test_standard_webhooks_alone(stack, endpoint):
    webhook, post = one_post(stack, endpoint, signature="standard")
    check_standard(post, webhook.secret)
    assert post.header("X-TrueFTP-Signature") is None


def test_both_kinds(stack, endpoint):
    webhook, post = one_post(stack, endpoint, signature="both")
    check_standard(post, webhook.secret)
    check_signature(post, webhook.secret)


def test_ours_alone_has_no_header_of_the_other(stack, endpoint):
    webhook, post = one_post(stack, endpoint)
    check_signature(post, webhook.secret)
    assert post.header("webhook-signature") is None
    assert post.header("X-TrueFTP-Signature-Previous") is None


def test_during_a_rotation_the_old_secret_signs_too(stack, endpoint):
    old = stack.webhook(signature="both")
    new_secret = stack.definitions.rotate_secret(old.id, 3600)
    assert new_secret != old.secret
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/order.csv"))
    [post] = endpoint.wait_posts(1, watch=stack.running())
    check_signature(post, new_secret)
    timestamp = post.header("X-TrueFTP-Timestamp")
    assert post.header("X-TrueFTP-Signature-Previous") == signature(old.secret, timestamp, post.body)
    assert post.header("webhook-signature").split(" ") == [
        standard_signature(secret, post.delivery_id, timestamp, post.body) for secret in (new_secret, old.secret)
    ]


def test_secrets_are_sealed_on_the_topic_and_in_no_log(stack, endpoint):
    webhook, post = one_post(stack, endpoint)
    everything = "".join(record.value for kind in ("webhooks", "deliveries", "events") for record in stack.topics.read(kind))
    everything += "".join(service.output() for service in stack.services)
    assert webhook.secret not in everything
    assert webhook.secret.removeprefix("whsec_") not in everything
    assert post.header("X-TrueFTP-Signature") not in everything


def test_the_command_line_signs_and_checks(stack, tmp_path):
    """`sign` agrees with Python over any bytes, `verify` accepts what is right and refuses what is not."""
    for number, body in enumerate((b"{}", b"", "日本語".encode(), bytes(range(256)), b"x" * 100_000)):
        file = tmp_path / f"body-{number}"
        file.write_bytes(body)
        given = ["--secret", "whsec_c2VjcmV0LW9mLTMyLWJ5dGVzLS0tLS0tLS0tLS0tLS0=", "--timestamp", "1780920000", "--body-file", file]
        expected = signature(given[1], "1780920000", body)
        assert stack.ctl("sign", *given).strip() == expected
        assert stack.ctl_run("verify", *given, "--signature", expected).returncode == 0
        assert stack.ctl_run("verify", *given, "--signature", expected[:-1]).returncode == 1
        assert stack.ctl_run("verify", *given, "--signature", "sha256=" + "0" * 64).returncode == 1
        standard = standard_signature(given[1], "msg_1", "1780920000", body)
        assert stack.ctl("sign", *given, "--standard", "--id", "msg_1").strip() == standard
        assert stack.ctl_run("verify", *given, "--standard", "--id", "msg_1", "--signature", "v1,x " + standard).returncode == 0


def test_public_vectors(stack, tmp_path):
    vectors = json.loads(VECTORS.read_text())["signatures"]
    assert vectors
    for vector in vectors:
        file = tmp_path / "body"
        file.write_text(vector["body"])
        given = ["--secret", vector["secret"], "--timestamp", vector["timestamp"], "--body-file", file]
        if "id" in vector:
            assert stack.ctl("sign", *given, "--standard", "--id", vector["id"]).strip() == vector["header"]
        elif "v0=" in vector["header"]:
            assert stack.ctl("sign", *given).strip() == "sha256=" + vector["header"].rpartition("v0=")[2]
