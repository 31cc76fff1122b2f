#!/usr/bin/env python3
"""Seed corpora for the fuzz targets, made from the samples of real servers: seeds.py SAMPLES SOURCES_FILE OUT

OUT/<format>/<case> is each sample's log, and each of its lines alone. For jsonl and socket, what the samples mean, as lines of that
format. For users, files as the servers' tools write them; for sources, the example and each of its sections."""

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


USERS = [
    b"bob:$1$x:1000:33::/srv/bob:/bin/false\n# c\n\na:x:1:2:g:/h:/s\r\nb:x:1:2:g:/i:",
    b"joe:$7$x:33:33::/srv/joe/./::::::::::::\nhalf:x:33\n",
    b"# list\n ann \nbob\t\n\nc d",
    b"root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:,,,:/home/ann:/bin/sh\nnobody:x:65534:65534::/:/x\n+::::::\n",
    b"acc_7:x:700:u,v\n:x:1:2::/h:/s\nc:x:one:2::/h:/s\n",
]


def sections(text):
    """The sources file, and each section alone; comments' settings as if they were meant."""
    parts = ["[" + part for part in text.split("\n[")[1:]]
    return [text, *parts, *[part.replace("\n#", "\n") for part in parts]]


def main(samples, sources, out):
    meanings = []
    for folder in sorted(p for p in samples.iterdir() if p.is_dir()):
        seeds(out / folder.name, [log.read_bytes() for log in sorted(folder.glob("*.log"))])
        meanings += [jsonl(events) for events in sorted(folder.glob("*.events.jsonl"))]
    extra = b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00.5+02:00","username_base64":"/w==","home":"/h","account_id":"a"}\n'
    extra += b'{"event":"dir.created","timestamp":"2026-06-08T12:00:00Z","path_base64":"L3Lp","path_lossy":true,"frontend":"x"}\n# c\n'
    seeds(out / "jsonl", [*meanings, extra])
    seeds(out / "socket", [*meanings, extra])
    seeds(out / "users", USERS)
    seeds(out / "sources", [part.encode() for part in sections(sources.read_text())])


main(*[pathlib.Path(arg) for arg in sys.argv[1:]])
