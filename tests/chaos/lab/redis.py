"""A few Redis commands, and one partition's index as one moment shows it."""

import collections
import socket

SNAPSHOT = """
local m = redis.call('HMGET', KEYS[1], 'ep', 'ap')
local heads, all = {}, redis.call('HGETALL', KEYS[4])
for i = 1, #all, 2 do
  heads[#heads + 1] = all[i]
  heads[#heads + 1] = string.match(all[i + 1], '^%d+ %d+ %d+')
end
return {m[1] or '', m[2] or '', redis.call('ZRANGE', KEYS[2], 0, -1), redis.call('ZRANGE', KEYS[3], 0, -1), heads}
"""

# due, in_hand: sets of delivery ids; open: delivery id -> (rank, attempt, revision)
Index = collections.namedtuple("Index", "epoch applied due in_hand open")


class RedisError(Exception):
    """Redis answered with an error, or not at all."""


def read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise RedisError("the connection ended")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if int(rest) < 0 else stream.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    return rest


def command(port, *words):
    parts = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                return read_reply(stream)
    except OSError as error:
        raise RedisError(str(error)) from error


def uuid_text(binary):
    digits = binary.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def read_index(port, events_topic, partition):
    """The index of a partition, or None where there is none (yet, or any more)."""
    keys = [f"{{{events_topic}:{partition}}}:{name}" for name in ("m", "due", "inf", "pl")]
    epoch, applied, due, in_hand, heads = command(port, "EVAL", SNAPSHOT, 4, *keys)
    if not epoch or not applied:
        return None
    ranks = {uuid_text(i): tuple(int(n) for n in head.split()) for i, head in zip(heads[::2], heads[1::2])}
    return Index(epoch.decode(), int(applied), {uuid_text(i) for i in due}, {uuid_text(i) for i in in_hand}, ranks)


def read_done(port, events_topic, partition):
    """delivery id -> (rank, attempt, revision) of the idempotency keys."""
    found = {}
    for key in command(port, "KEYS", f"{{{events_topic}:{partition}}}:done:*"):
        fields = command(port, "HGETALL", key)
        for binary, head in zip(fields[::2], fields[1::2]):
            found[uuid_text(binary)] = tuple(int(n) for n in head.split())
    return found
