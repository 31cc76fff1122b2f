"""What the contract promises about a delivery, checked by means of its own: Python's hmac, json and uuid."""

import base64
import hashlib
import hmac
import json
import time
import uuid

MEMBERS = ["event", "delivery_id", "timestamp", "account_id", "data"]


def signature(secret, timestamp, body):
    """sha256=<hex of HMAC-SHA256(secret as shown, timestamp + "." + raw body)>"""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def standard_signature(secret, message_id, timestamp, body):
    """v1,<base64>: Standard Webhooks, whose key is what `whsec_` encodes."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = message_id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def check_signature(post, secret):
    """The signature is right over the raw body, and fresh."""
    timestamp = post.header("X-TrueFTP-Timestamp")
    assert hmac.compare_digest(post.header("X-TrueFTP-Signature"), signature(secret, timestamp, post.body))
    assert abs(int(timestamp) - post.wall) <= 2, "the timestamp is not of this attempt"


def check_post(post, webhook, event, account_id):
    """One POST against the contract; returns its body as a dictionary."""
    assert post.header("Content-Type") == "application/json"
    assert post.header("User-Agent").startswith("TrueFTP-Webhooks/")
    assert post.header("X-TrueFTP-Event") == event
    check_signature(post, webhook.secret)
    members = json.loads(post.body, object_pairs_hook=list)
    assert [name for name, _ in members] == MEMBERS, "the members of the body, or their order"
    body = json.loads(post.body)
    assert body["event"] == event
    assert body["delivery_id"] == post.delivery_id
    assert body["account_id"] == account_id
    return body


def delivery_id(event_id, webhook_id, generation=0):
    """UUIDv5 of the event id and the webhook's."""
    name = webhook_id if generation == 0 else f"{webhook_id}/{generation}"
    return str(uuid.uuid5(uuid.UUID(event_id), name))


def make_event(account_id, path, event="file.uploaded", event_id=None, **data):
    """A canonical event, as a frontend publishes it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "event_id": event_id or str(uuid.uuid4()),
        "event": event,
        "timestamp": now,
        "account_id": account_id,
        "data": {"path": path, "size": 5, "username": "pipeline", "client_ip": "203.0.113.5", **data},
    }
