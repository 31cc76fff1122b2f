"""What workers write is what deploy/analytics/delivery.schema.json says, in every state of a delivery."""

import json
import pathlib

import jsonschema
from harness.contract import make_event
from harness.endpoint import Hold, Status
from harness.stack import ACCOUNT

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "deploy/analytics/delivery.schema.json"


def test_every_record_is_what_the_schema_says(stack, endpoint):
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker())
    for path in ("/delivered", "/retried", "/failed", "/closed"):
        stack.webhook(path=path, path_pattern=f"{path}/**", max_attempts=2)
    stack.webhook(path="/nowhere", path_pattern="/nowhere/**", url="http://127.0.0.1:1/nowhere", max_attempts=2)
    stack.webhook(path="/slow", path_pattern="/slow/**", max_attempts=1, max_concurrency=1)
    endpoint.script("/retried", Status(500), Status(200))
    endpoint.script("/failed", Status(404))
    endpoint.script("/closed", Status(410))
    hold = Hold()
    endpoint.script("/slow", hold)
    stack.worker()
    paths = ["/delivered/ü \u0000.csv", "/retried/x", "/failed/x", "/closed/x", "/nowhere/x", "/slow/1"] + [f"/slow/{n}" for n in range(2, 12)]
    stack.topics.publish(*[make_event(ACCOUNT, path) for path in paths])
    stack.wait_deliveries(lambda kept: any(r["status"] == "parked" for r in kept.values()), "one is parked")
    hold.release()
    stack.wait_deliveries(
        lambda kept: len(kept) == len(paths) and not any(r["status"] in ("retrying", "parked") for r in kept.values()), "all have ended", 60
    )
    records = [record for revisions in stack.topics.deliveries().values() for record in revisions]
    assert {r["status"] for r in records} >= {"delivered", "retrying", "parked", "failed"}
    for record in records:
        validator.validate(record)
    for revisions in stack.topics.deliveries().values():
        numbers = [record["revision"] for record in revisions]
        assert numbers == sorted(set(numbers)), "revisions grow"
