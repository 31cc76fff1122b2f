#!/usr/bin/env python3
"""A sample receiver of TrueFTP webhooks: what a customer's endpoint has to do, in Python's standard library alone.

    receiver.py serve --port N [--address A] --secrets FILE --journal FILE [--answers PATH=500,500,200 ...]
    receiver.py check --journal FILE --expected FILE [--seconds N]

serve  takes POSTs, verifies each signature over the raw body before it looks at anything else, prints a line a POST and
       notes it in the journal (a JSON object a line). --answers scripts a path: the n-th attempt of a delivery gets the n-th status,
       further ones the last; other paths always accept. FILE of secrets has lines `path secret` and is read anew when it changes.
check  waits until the journal has everything that FILE of expected deliveries lists (lines `path TAB event TAB file`), prints a
       summary, and exits 0 only if nothing is missing and every signature was right.

The verification is `signature_is_right` below, ten lines that can be taken as they are.
"""

import argparse
import collections
import hashlib
import hmac
import http.server
import json
import os
import sys
import threading
import time

TOLERANCE_S = 300


def signature_is_right(secret, headers, body):
    """X-TrueFTP-Signature over `timestamp.body`; an old timestamp is refused, so that nobody can replay a POST."""
    timestamp = headers.get("X-TrueFTP-Timestamp", "")
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        return False
    expected = "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    # During a rotation the old secret signs too.
    given = [headers.get("X-TrueFTP-Signature", ""), headers.get("X-TrueFTP-Signature-Previous", "")]
    return any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)


def printable(text):
    """File names are chosen by strangers: control characters are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Receiver:
    """State that the request handlers share."""

    def __init__(self, args):
        self.args = args
        self.lock = threading.Lock()
        self.attempts = collections.Counter()  # by path and delivery
        self.secrets, self.secrets_changed = {}, None
        self.answers = {}
        for script in args.answers:
            path, _, codes = script.partition("=")
            self.answers[path] = [int(code) for code in codes.split(",")]
        self.colours = sys.stdout.isatty()

    def secret_of(self, path):
        changed = os.stat(self.args.secrets).st_mtime_ns
        if changed != self.secrets_changed:
            with open(self.args.secrets, encoding="utf-8") as lines:
                self.secrets = dict(line.split() for line in lines if line.strip())
            self.secrets_changed = changed
        return self.secrets.get(path)

    def take(self, path, headers, body):
        """Judges a POST; returns the status of the answer."""
        with self.lock:
            secret = self.secret_of(path)
            verified = secret is not None and signature_is_right(secret, headers, body)
            delivery = headers.get("X-TrueFTP-Delivery", "")
            self.attempts[path, delivery] += 1
            script = self.answers.get(path, [200])
            status = script[min(self.attempts[path, delivery], len(script)) - 1] if verified else 401
            self.note(path, headers, body, verified, status)
            return status

    def note(self, path, headers, body, verified, status):
        try:
            event = json.loads(body)
        except ValueError:
            event = {}
        entry = {
            "endpoint": path,
            "delivery_id": headers.get("X-TrueFTP-Delivery"),
            "event": event.get("event"),
            "path": event.get("data", {}).get("path"),
            "attempt": int(headers.get("X-TrueFTP-Attempt", "0")),
            "status": status,
            "verified": verified,
            "body_sha256": hashlib.sha256(body).hexdigest(),
        }
        with open(self.args.journal, "a", encoding="utf-8") as journal:
            journal.write(json.dumps(entry) + "\n")
        print(self.line(entry), flush=True)

    def line(self, entry):
        good = entry["verified"] and entry["status"] < 300
        mark = "signature verified" if entry["verified"] else "SIGNATURE WRONG"
        text = (
            f"  {entry['event'] or '?':<16} {entry['endpoint']:<12} attempt {entry['attempt']}  "
            f"answered {entry['status']}  {mark}  {printable(entry['path'] or '')}"
        )
        return f"\033[{32 if good else 33}m{text}\033[0m" if self.colours else text


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    receiver = None

    def do_POST(self):  # pylint: disable=invalid-name
        """Reads the raw body, judges it, answers."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(self.receiver.take(self.path, self.headers, body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        """Silent: each POST has its line already."""


def serve(args):
    Handler.receiver = Receiver(args)
    server = http.server.ThreadingHTTPServer((args.address, args.port), Handler)
    server.daemon_threads = True
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


# ---- check


def read_journal(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def read_expected(path):
    with open(path, encoding="utf-8") as lines:
        return collections.Counter(tuple(line.rstrip("\n").split("\t")) for line in lines)


def accepted(journal):
    """(endpoint, event, path) -> number of deliveries that were accepted."""
    deliveries = {
        (e["endpoint"], e["delivery_id"]): (e["endpoint"], e["event"], e["path"])
        for e in journal
        if e["verified"] and e["status"] < 300
    }
    return collections.Counter(deliveries.values())


def complaints(journal, missing, surplus):
    """What is wrong, in sentences."""
    found = [f"missing: {event} {printable(path)} at {endpoint}" for endpoint, event, path in missing.elements()]
    found += [f"not expected: {event} {printable(path or '')} at {endpoint}" for endpoint, event, path in surplus.elements()]
    found += [f"signature wrong: {e['event']} at {e['endpoint']}" for e in journal if not e["verified"]]
    bodies = collections.defaultdict(set)
    for e in journal:
        bodies[e["delivery_id"]].add(e["body_sha256"])
    return found + [f"the body changed between attempts: {key}" for key, hashes in bodies.items() if len(hashes) > 1]


def summary(journal, expected):
    got = accepted(journal)
    print(f"  {sum((got & expected).values())} of {sum(expected.values())} deliveries arrived and were accepted")
    for endpoint in sorted({e["endpoint"] for e in journal}):
        here = [e for e in journal if e["endpoint"] == endpoint]
        refused = sum(1 for e in here if e["status"] >= 300)
        deliveries = len({e["delivery_id"] for e in here})
        print(f"  {endpoint:<12} {deliveries} deliveries, {len(here)} POSTs, {refused} of them refused on purpose")
    print(f"  {sum(1 for e in journal if e['verified'])} of {len(journal)} signatures verified")


def check(args):
    expected = read_expected(args.expected)
    end = time.monotonic() + args.seconds
    while True:
        journal = read_journal(args.journal)
        missing = expected - accepted(journal)
        if not missing or time.monotonic() >= end:
            break
        time.sleep(0.05)
    summary(journal, expected)
    wrong = complaints(journal, missing, accepted(journal) - expected)
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong or not expected else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("serve")
    one.add_argument("--port", type=int, required=True)
    one.add_argument("--address", default="127.0.0.1")
    one.add_argument("--secrets", required=True)
    one.add_argument("--journal", required=True)
    one.add_argument("--answers", action="append", default=[])
    two = commands.add_parser("check")
    two.add_argument("--journal", required=True)
    two.add_argument("--expected", required=True)
    two.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    return serve(args) if args.command == "serve" else check(args)


if __name__ == "__main__":
    sys.exit(main())
