"""Records end as the same rows in each sink, whatever is read twice or out of order; and the sample queries say what is so."""

import random

import pytest
from records import ERRORS, EXPECTED, ROWS, lines
from sinks import SINKS, queries


@pytest.fixture(params=sorted(SINKS))
def sink(request, tmp_path):
    made = SINKS[request.param](tmp_path)
    made.name = request.param
    yield made
    made.close()


def plain(value):
    """A value as text or number, whatever the engine calls it."""
    text = str(value)
    for kind in (int, float):
        try:
            return round(kind(text), 6)
        except ValueError:
            continue
    return text


def as_expected(rows, width):
    return [tuple(plain(value) for value in row[:width]) for row in rows]


def test_the_sample_queries(sink):
    sink.put(lines())
    asked = queries(sink.name)
    assert set(asked) == set(EXPECTED)
    for name, expected in EXPECTED.items():
        got = as_expected(sink.ask(asked[name]), len(expected[0]))
        assert got == expected, name


def test_what_is_no_record_is_put_aside(sink):
    sink.put(lines())
    assert len(sink.rows()) == ROWS
    assert sink.errors() == ERRORS


def test_order_and_repetition_do_not_matter(sink):
    """In order; then all again; then shuffled, some of them more than once: the rows stay what they are."""
    sink.put(lines())
    rows = sink.rows()
    sink.put(lines())
    assert sink.rows() == rows
    shuffled = lines() * 2
    random.Random(7).shuffle(shuffled)
    for start in range(0, len(shuffled), 17):
        sink.put(shuffled[start : start + 17])
    assert sink.rows() == rows


def test_the_last_revision_first(sink):
    backwards = list(reversed(lines()))
    sink.put(backwards)
    by_id = {str(row[0]): row for row in sink.rows()}
    assert len(by_id) == ROWS
    statuses = sorted(row[3] for row in by_id.values())
    assert statuses == sorted(["delivered"] * 26 + ["failed"] * 5 + ["parked", "purged"])


def test_a_purged_delivery_keeps_nothing_of_its_file(sink):
    sink.put(lines())
    [purged] = [row for row in sink.rows() if row[3] == "purged"]
    assert purged[2] == ""
