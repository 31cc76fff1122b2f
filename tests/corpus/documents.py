"""Sample documents: one of each kind that stands in a topic, with each member that the contract has. The corpus of bad input
(generate.py) is made of them by breaking them, and so are the fuzz targets' first inputs (tests/fuzz/seeds.py)."""

ID = "0192f7a0-1111-7abc-8def-0123456789ab"
LOG = "7f1bb2d4-31a0-4f2e-9d67-2a1d9a5f0c11"

EVENTS = [
    {
        "event_id": ID,
        "event": "file.uploaded",
        "timestamp": "2026-06-08T12:00:00Z",
        "account_id": "acc_1",
        "data": {"path": "/incoming/order.csv", "size": 20480, "username": "pipeline", "client_ip": "203.0.113.5"},
    },
    {
        "event_id": ID,
        "event": "file.deleted",
        "timestamp": "2026-06-08T14:00:00.512+02:00",
        "account_id": "a.b-c_1",
        "data": {"path": "/r\ufffd", "path_base64": "L3Lp", "suspect": "aborted", "session_id": "s", "frontend": "vsftpd"},
        "target": {"webhook_id": "wh_1", "reason": "redeliver", "generation": 3, "original_delivery_id": ID},
    },
    {
        "event_id": ID,
        "event": "ftp_user.created",
        "timestamp": "2026-06-08T12:00:00Z",
        "account_id": "acc_1",
        "data": {"username": "j\u00fcrgen \U0001f600", "username_base64": "anJnZW4=", "home": "/srv"},
    },
]

WEBHOOK = {
    "id": "wh_0123456789abcdef0123456789abcdef",
    "account_id": "acc_1",
    "url": "https://hooks.example.com:8443/in?a=b",
    "events": ["file.uploaded", "ftp_user.created", "webhook.disabled"],
    "path_patterns": ["/incoming/**", "*.csv", "!/incoming/tmp/[a-z]*"],
    "description": "orders",
    "enabled": False,
    "disabled_reason": "410",
    "max_attempts": 20,
    "timeout_ms": 1000,
    "max_concurrency": 1024,
    "rate_limit_per_second": 5,
    "headers": {"Authorization": {"sealed": "v1.a.b.c", "sealed_version": 3}, "X-Team": "a"},
    "signature": "both",
    "secrets": [
        {"sealed": "v1.k1.AAAA.BBBB", "sealed_version": 3},
        {"sealed": "v1.k0.AAAA.BBBB", "sealed_version": 2, "expires_at": "2026-06-09T12:00:00Z"},
    ],
    "version": 4,
    "created_at": "2026-06-08T12:00:00Z",
    "updated_at": "2026-06-08T12:00:00.125Z",
}

DELIVERY = {
    "schema": "trueftp.delivery/1",
    "delivery_id": "ba471f36-cff6-5bd6-b82b-89e08fc8020e",
    "event_id": ID,
    "webhook_id": WEBHOOK["id"],
    "account_id": "acc_1",
    "event": "file.uploaded",
    "path": "/incoming/order.csv",
    "status": "retrying",
    "revision": 2,
    "attempt": 1,
    "max_attempts": 3,
    "http_status": 503,
    "error": "http_status",
    "event_time": "2026-06-08T12:00:00Z",
    "created_at": "2026-06-08T12:00:00Z",
    "updated_at": "2026-06-08T12:00:00Z",
    "next_attempt_at": "2026-06-08T12:00:10Z",
    "attempts": [
        {
            "attempt": 1,
            "started_at": "2026-06-08T12:00:00Z",
            "http_status": 503,
            "error": "http_status",
            "duration_ms": 12,
            "connect_ms": 1,
            "first_byte_ms": 11,
            "response": "no\n\u2028",
        }
    ],
    "generation": 0,
    "event_ref": {"topic": "trueftp.events", "partition": 3, "offset": 12},
    "body": '{"event":"file.uploaded","data":{}}',
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}

ACCOUNT = {
    "id": "acc_1",
    "name": "Acme",
    "plan": "pro",
    "pool": "acme",
    "limits": {"webhooks": 10, "events_per_second": 5},
    "keys": [{"id": "k1", "sha256": "ab" * 32, "scopes": "read write", "description": "d", "expires_at": "2027-01-01T00:00:00Z"}],
    "version": 2,
    "created_at": "2026-06-08T12:00:00Z",
}

EXPECTATION = {
    "id": "exp_" + "0" * 32,
    "account_id": "acc_1",
    "webhook_id": WEBHOOK["id"],
    "path": "/incoming/*.csv",
    "schedule": "30 6 * * mon-fri",
    "time_zone": "Europe/Berlin",
    "grace_s": 600,
    "window_s": 3600,
    "event": "file.uploaded",
    "version": 1,
    "created_at": "2026-06-08T12:00:00Z",
}

CLAIM = {"schema": "trueftp.claim/1", "log": LOG, "life": 0, "generation": 7, "member": "m-1"}
