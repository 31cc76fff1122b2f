"""The producer of a run, and its ledger: an event stands in it when Kafka has acknowledged it."""

import json
import random
import threading
import time
import uuid

from . import kafka as k


def make_event(rng, account, number):
    """The event's id, its Kafka key, and its exact bytes."""
    event_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    path = f"/incoming/{number % 97}/file-{number}.csv"
    event = {
        "event_id": event_id,
        "event": "file.uploaded",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "account_id": account,
        "data": {"path": path, "size": rng.randrange(1 << 30), "username": "pipeline", "client_ip": "203.0.113.5"},
    }
    return event_id, account + path, json.dumps(event, separators=(",", ":"))


class Publisher(threading.Thread):
    """Publishes `events` events over `seconds` seconds, in bursts; one in `twice` is sent again later, as a frontend might."""

    def __init__(self, world, accounts, events, seconds, seed, twice=100):
        super().__init__(daemon=True)
        self.world, self.accounts, self.events, self.seconds, self.twice = world, accounts, events, seconds, twice
        self.rng = random.Random(f"events {seed}")
        self.ledger = {}  # event id -> its bytes
        self.repeated = 0
        self.refused_batches = 0
        self.failure = None

    def run(self):
        try:
            self.publish_all()
        except Exception as error:  # pylint: disable=broad-except
            self.failure = repr(error)

    def publish_all(self):
        begin, number, earlier = time.monotonic(), 0, []
        while number < self.events:
            size = min(self.rng.randrange(20, 20 + max(80, self.events // 60)), self.events - number)
            batch = [make_event(self.rng, self.rng.choice(self.accounts), number + i) for i in range(size)]
            self.send(batch + earlier)
            earlier = [e for e in batch if self.rng.randrange(self.twice) == 0]
            self.repeated += len(earlier)
            number += size
            time.sleep(max(0.0, begin + self.seconds * number / self.events - time.monotonic()))
        self.send(earlier)

    def send(self, batch):
        """Until it is acknowledged: what is sent twice for that is one event all the same."""
        pairs = [(key, value) for _, key, value in batch]
        while pairs and not k.write_lines(self.world.servers, self.world.topic("events"), pairs):
            self.refused_batches += 1
            time.sleep(0.5)
        self.ledger.update((event_id, value) for event_id, _, value in batch)
