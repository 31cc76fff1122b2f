#!/usr/bin/env python3
"""Seed corpora for the fuzz targets, made from the samples of real servers: seeds.py SAMPLES OUT

OUT/<format>/<case> is each sample's log, and each of its lines alone. For jsonl, what the samples mean, as lines of that format."""

import hashlib
import json
import pathlib
import sys

MOST_LINES = 400  # of one format: more of the same does not find more
LARGEST = 8192


def jsonl(sample):
    """The events of a sample as JSON lines."""
    lines = []
    for text in sample.read_text().splitlines():
        event = json.loads(text)
        line = {
            "event": event["event"].replace("_renamed", "file.renamed"),
            "timestamp": "2026-11-23T20:40:24Z",
            "path": event["path"].encode("utf-8", "replace").decode(),
            "username": event.get("username"),
            "client_ip": event.get("client_ip"),
            "size": event.get("size"),
            "suspect": event.get("suspect"),
            "renamed_from": event.get("from"),
        }
        lines.append(json.dumps(line, ensure_ascii=len(lines) % 2 == 0).encode("utf-8", "replace") + b"\n")
    return b"".join(lines)


def write(folder, content):
    if 0 < len(content) <= LARGEST:
        (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)


def seeds(folder, logs):
    folder.mkdir(parents=True, exist_ok=True)
    lines = set()
    for log in logs:
        write(folder, log)
        lines.update(log.splitlines(keepends=True))
    for line in sorted(lines)[:MOST_LINES]:
        write(folder, line)


def main(samples, out):
    meanings = []
    for folder in sorted(p for p in samples.iterdir() if p.is_dir()):
        seeds(out / folder.name, [log.read_bytes() for log in sorted(folder.glob("*.log"))])
        meanings += [jsonl(events) for events in sorted(folder.glob("*.events.jsonl"))]
    extra = b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00.5+02:00","username_base64":"/w==","home":"/h","account_id":"a"}\n'
    extra += b'{"event":"dir.created","timestamp":"2026-06-08T12:00:00Z","path_base64":"L3Lp","path_lossy":true,"frontend":"x"}\n# c\n'
    seeds(out / "jsonl", [*meanings, extra])


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
