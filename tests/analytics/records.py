"""Delivery records as workers write them: the life of each delivery, revision by revision."""

import datetime
import json
import uuid

DAY = datetime.datetime(2026, 6, 8, 12, tzinfo=datetime.timezone.utc)
BODY = '{"event":"file.uploaded"}'


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def attempt(number, moment, status, error, took):
    return {"attempt": number, "started_at": stamp(moment), "http_status": status, "error": error, "duration_ms": took, "response": "late\u0000r"}


def record(number, revision, status, *, account="acc_a", webhook="wh_1", http_status=200, error=None, attempts=1, after_s=1.0, **more):
    """Revision `revision` of delivery `number`, whose event happened `number` minutes after noon."""
    event_time = DAY + datetime.timedelta(minutes=number)
    updated = event_time + datetime.timedelta(seconds=after_s)
    is_open = status in ("retrying", "parked")
    made = {
        "schema": "trueftp.delivery/1",
        "delivery_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"delivery/{number}")),
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"event/{number}")),
        "webhook_id": webhook,
        "account_id": account,
        "event": "file.uploaded",
        "path": f"/in/it's \"{number}\" ü\u0000.csv",
        "status": status,
        "revision": revision,
        "attempt": attempts,
        "max_attempts": 3,
        "http_status": http_status,
        "error": error,
        "event_time": stamp(event_time),
        "created_at": stamp(event_time),
        "updated_at": stamp(updated),
        "next_attempt_at": stamp(updated + datetime.timedelta(minutes=1)) if is_open else None,
        "attempts": [attempt(n + 1, updated, http_status, error, 10 * (n + 1)) for n in range(attempts)],
        "generation": 0,
        "event_ref": {"topic": "trueftp.events", "partition": number % 24, "offset": number},
        **more,
    }
    if is_open or status == "failed":
        made["body"] = BODY
    return made


def history():
    """What a day leaves in the log, in order: 20 delivered at once, 6 at the second try, 4 failed, 1 parked, 1 purged, 1 a test."""
    failing = {"http_status": 503, "error": "http_status"}
    made = [record(n, 1, "delivered", after_s=n + 1) for n in range(20)]
    for n in range(20, 26):
        made.append(record(n, 1, "retrying", account="acc_b", webhook="wh_2", **failing))
        made.append(record(n, 2, "delivered", account="acc_b", webhook="wh_2", attempts=2, after_s=70))
    for n in range(26, 30):
        webhook = "wh_3" if n < 29 else "wh_2"
        made.append(record(n, 1, "retrying", account="acc_b", webhook=webhook, **failing))
        made.append(record(n, 2, "retrying", account="acc_b", webhook=webhook, attempts=2, after_s=70, **failing))
        made.append(record(n, 3, "failed", account="acc_b", webhook=webhook, attempts=3, after_s=500, **failing))
    made.append(record(30, 1, "parked", http_status=None, attempts=0))
    made.append(record(31, 1, "delivered", account="acc_c"))
    made.append(record(31, 2, "purged", account="acc_c", path="", attempts=0, http_status=None))
    made.append(record(32, 1, "failed", test=True, **failing))
    return made


def lines():
    """The same as text, with what else stands in such a topic: a claim, and values that are no record."""
    claim = {"schema": "trueftp.claim/1", "log": "x", "life": 1, "generation": 1, "member": "m"}
    broken = record(40, 1, "delivered")
    broken["delivery_id"] = "nonsense"
    return [json.dumps(r, ensure_ascii=False) for r in history() + [claim, broken]] + ["not json", '{"schema":"other"}']


ERRORS = 3
ROWS = 33
EXPECTED = {
    "success_rate": [("2026-06-08", round(26 / 30, 6), 30)],
    "latency_p95": [("2026-06-08", 70.0)],
    "worst_endpoints": [("wh_3", "acc_b", 3, 3), ("wh_1", "acc_a", 1, 21), ("wh_2", "acc_b", 1, 7)],
    "retry_depth": [(1, 20), (2, 6)],
    "tenant_volume": [("2026-06-08", "acc_a", 22), ("2026-06-08", "acc_b", 10)],
}
