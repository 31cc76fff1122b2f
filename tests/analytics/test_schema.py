"""The record's JSON Schema: it takes what workers write, and refuses what they never do."""

import copy
import json

import jsonschema
import pytest
from records import history
from sinks import FILES

SCHEMA = json.loads((FILES / "delivery.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_records_pass():
    for record in history():
        VALIDATOR.validate(record)


@pytest.mark.parametrize(
    "member, value",
    [
        ("schema", "trueftp.delivery/2"),
        ("delivery_id", "x"),
        ("status", "lost"),
        ("revision", 0),
        ("error", "boom"),
        ("event_time", "yesterday"),
        ("http_status", 0),
        ("attempts", [{"attempt": 1}]),
        ("next_attempt_at", "2026-06-08T12:00:00.000Z"),
        ("body", "{}"),
    ],
)
def test_a_wrong_member_does_not(member, value):
    record = copy.deepcopy(next(r for r in history() if r["status"] == "delivered"))
    record[member] = value
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize("member", SCHEMA["required"])
def test_a_missing_member_does_not(member):
    record = copy.deepcopy(history()[0])
    del record[member]
    assert not VALIDATOR.is_valid(record)
