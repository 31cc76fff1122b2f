"""What the lab asks of Kafka beyond the harness: committed offsets, ends of topics, whole topics with kcat, and topics deleted.

kcat cannot ask for a group's offsets, so these few requests are made here (Kafka protocol guide: OffsetFetch 1, ListOffsets 1,
DeleteTopics 1). One node alone, which is every partition's leader and every group's coordinator.
"""

import collections
import os
import socket
import struct
import subprocess

Record = collections.namedtuple("Record", "partition offset wall_ms key value")


class KafkaAway(Exception):
    """The broker did not answer, or not with what was asked for."""


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Answer:
    """Reads a response from its start to its end."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        size = self.take("h")
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size : self.at].decode()


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise KafkaAway("the connection ended")
        data += part
    return data


def ask(servers, api_key, version, body, seconds=5):
    host, _, port = servers.split(",")[0].rpartition(":")
    request = struct.pack(">hhi", api_key, version, 1) + string("chaos") + body
    try:
        with socket.create_connection((host, int(port)), seconds) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            size = struct.unpack(">i", receive(connection, 4))[0]
            return Answer(receive(connection, size)[4:])
    except OSError as error:
        raise KafkaAway(str(error)) from error


def committed(servers, group, topic, partitions):
    """[offset] by partition; -1 where nothing is committed."""
    numbers = array([struct.pack(">i", p) for p in range(partitions)])
    answer = ask(servers, 9, 1, string(group) + array([string(topic) + numbers]))
    offsets = [-1] * partitions
    for _ in range(answer.take("i")):
        answer.string()
        for _ in range(answer.take("i")):
            partition, offset = answer.take("iq")
            answer.string()
            if answer.take("h") != 0:
                raise KafkaAway("the group's coordinator is not ready")
            offsets[partition] = offset
    return offsets


def ends(servers, topic, partitions):
    """[end] by partition."""
    wanted = array([struct.pack(">iq", p, -1) for p in range(partitions)])
    answer = ask(servers, 2, 1, struct.pack(">i", -1) + array([string(topic) + wanted]))
    found = [0] * partitions
    for _ in range(answer.take("i")):
        answer.string()
        for _ in range(answer.take("i")):
            partition, error, _, offset = answer.take("ihqq")
            if error != 0:
                raise KafkaAway(f"{topic}: error {error}")
            found[partition] = offset
    return found


def delete_topics(servers, topics):
    ask(servers, 20, 1, array([string(t) for t in topics]) + struct.pack(">i", 10000), seconds=20)


def kcat(servers, *args, data=None, seconds=300):
    """kcat's output, or None where it failed."""
    command = ["kcat", "-E", "-b", servers, "-X", "broker.address.family=v4", *args]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def read_topic(servers, topic):
    """All records of a topic; keys and values are text without TAB and newline."""
    form = "%p\t%o\t%T\t%k\t%s\n"
    text = kcat(servers, "-C", "-q", "-e", "-o", "beginning", "-X", "check.crcs=true", "-t", topic, "-f", form)
    if text is None:
        raise KafkaAway(f"kcat could not read {topic}")
    records = []
    for line in text.decode().splitlines():
        partition, offset, wall_ms, key, value = line.split("\t", 4)
        records.append(Record(int(partition), int(offset), int(wall_ms), key, value))
    return sorted(records, key=lambda r: (r.partition, r.offset))


def write_lines(servers, topic, pairs, partition=None, seconds=120):
    """Writes records, and says whether all of them were acknowledged. They have a trace, so that each attempt has a span of its own."""
    where = [] if partition is None else ["-p", str(partition)]
    text = "".join(f"{key}\t{value}\n" for key, value in pairs).encode()
    settings = ["-X", "acks=all", "-X", "enable.idempotence=true", "-X", "linger.ms=2"]
    settings += ["-X", f"message.timeout.ms={seconds * 1000}", "-H", f"traceparent=00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"]
    return kcat(servers, "-P", "-t", topic, "-K", "\t", *where, *settings, data=text, seconds=seconds + 10) is not None
