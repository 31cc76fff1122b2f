"""The checker: reads what is left of a run (ledger, the receiver's log, the delivery log, Redis, committed offsets, samples) and
asserts the invariants of the protocol (docs/PROTOCOL.md). It shares no code with the worker.

I1 committed > o => each delivery of event o has a record
I2 in the end each delivery is delivered, failed or cancelled, and its last record equals the fold
I3 POSTs(d) <= recorded attempts + faults that hit it; extra POSTs in all <= over the faults, what a worker may have in hand
I4 Redis equals fold(S[0..ap])
I5 the index's epoch never goes back, unless the index was lost meanwhile
I6 every POST of d has one id and one body, the one that the event makes
I7 no retry before it is due
I8 delivered => a 2xx was given
I9 nothing stays in hand
"""

import collections
import hashlib
import json
import time

from harness.contract import delivery_id

from . import kafka as k
from . import redis as r
from .faults import HARMLESS, LOSES_INDEX, Fault
from .world import wall_s

RANKS = {"retrying": 0, "parked": 0, "cancelled": 2, "failed": 3, "delivered": 4, "purged": 5}
OPEN = 0
LATER_S = {"broker_restart": 15.0, "broker_stop": 15.0}  # how long a fault goes on to have effects: the group's sessions, the members' return
LATER_DEFAULT_S = 5.0

Post = collections.namedtuple("Post", "wall_s attempt status body_hash head_hash nth")
LogRecord = collections.namedtuple("LogRecord", "partition offset rank attempt revision status due_s")


def rank_of(record):
    return (record.rank, record.attempt, record.revision)


def fold(records, up_to=None):
    """The record that wins: the higher rank, then the later offset."""
    wanted = [r for r in records if up_to is None or r.offset <= up_to]
    return max(wanted, key=lambda r: (rank_of(r), r.offset), default=None)


def body_of(event, delivery):
    """The bytes that the customer must get."""
    data = event[event.index('"data":') + len('"data":') : -1]
    members = json.loads(event)
    head = {name: members.get(name, delivery) for name in ("event", "delivery_id", "timestamp", "account_id")}
    return (json.dumps(head, separators=(",", ":"))[:-1] + ',"data":' + data + "}").encode()


class Checker:
    def __init__(self, world, ledger, faults, sampler, in_hand_max):
        self.world, self.ledger, self.faults = world, ledger, faults
        self.commits = sampler.commits if sampler else []
        self.indexes = sampler.indexes if sampler else []
        self.in_hand_max = in_hand_max
        self.findings = collections.defaultdict(list)
        self.numbers = {}

    def capture(self):
        """The end, while the workers still run: when they go, partitions change hands a few times more."""
        world = self.world
        self.log_ends = k.ends(world.servers, world.topic("deliveries"), world.partitions)
        self.committed = world.committed()
        self.end = [world.index(p) for p in range(world.partitions)]
        self.done = [r.read_done(world.redis.port, world.topic("events"), p) for p in range(world.partitions)]
        return self

    def wrong(self, invariant, text):
        self.findings[invariant].append(text)

    def run(self):
        self.read()
        self.check_ledger()
        self.check_settled()
        self.check_ends()
        self.check_posts()
        self.check_due()
        self.check_index_samples()
        self.check_index_end()
        self.count()
        return self

    # ---- reading

    def read(self):
        world = self.world
        self.evictions = [Fault("eviction", name, at) for at, name in world.evictions()]
        self.faults = self.faults + self.evictions
        self.hooks = {}
        for event_id, event in self.ledger.items():
            account = json.loads(event)["account_id"]
            for hook in world.hooks:
                if hook.account == account:
                    self.hooks[delivery_id(event_id, hook.id)] = (event_id, hook)
        self.events = k.read_topic(world.servers, world.topic("events"))
        self.claims = 0
        self.records = collections.defaultdict(list)
        for record in k.read_topic(world.servers, world.topic("deliveries")):
            if record.key.startswith("!"):
                self.claims += record.key == "!claim"
                continue
            value = json.loads(record.value)
            self.records[record.key].append(
                LogRecord(record.partition, record.offset, RANKS[value["status"]], value["attempt"], value["revision"],
                          value["status"], wall_s(value["next_attempt_at"]))
            )
        self.posts = collections.defaultdict(list)
        with open(world.post_log, encoding="utf-8") as lines:
            for line in lines:
                wall_ms, delivery, attempt, status, body_hash, _, _, head_hash, nth = line.split()
                self.posts[delivery].append(Post(float(wall_ms) / 1000, int(attempt), int(status), body_hash, head_hash, int(nth)))
        self.records, self.posts = dict(self.records), dict(self.posts)

    # ---- I1, I2

    def deliveries_of(self, event_id, account):
        return [delivery_id(event_id, hook.id) for hook in self.world.hooks if hook.account == account]

    def check_ledger(self):
        found = {json.loads(r.value)["event_id"] for r in self.events}
        for event_id in self.ledger.keys() - found:
            self.wrong("Kafka", f"the acknowledged event {event_id} is not in the topic")
        for delivery in self.records.keys() - self.hooks.keys():
            self.wrong("I2", f"{delivery} has a record, and nobody is owed it")
        for delivery in self.posts.keys() - self.hooks.keys():
            self.wrong("I2", f"{delivery} was sent, and nobody is owed it")

    def check_settled(self):
        """In each sample: whatever was committed has a record below the log's end of that moment."""
        recorded = [[0] for _ in range(self.world.partitions)]  # [offset] -> the log's length that settles all events before it
        at = [0] * self.world.partitions
        for record in self.events:
            value = json.loads(record.value)
            needed = recorded[record.partition][-1]
            for delivery in self.deliveries_of(value["event_id"], value["account_id"]):
                offsets = [r.offset for r in self.records.get(delivery, ()) if r.partition == record.partition]
                needed = max(needed, min(offsets) + 1 if offsets else float("inf"))
            while at[record.partition] <= record.offset:
                at[record.partition] += 1
                recorded[record.partition].append(needed)
        for sample in self.commits:
            for partition, (committed, end) in enumerate(zip(sample.committed, sample.ends)):
                if committed > 0 and recorded[partition][min(committed, at[partition])] > end:
                    self.wrong("I1", f"partition {partition}: {committed} is committed, something before it has no record yet")
        for partition, offset in enumerate(self.committed):
            if max(offset, 0) != at[partition]:
                self.wrong("I1", f"partition {partition}: {offset} is committed in the end, {at[partition]} events were written")

    def check_ends(self):
        for delivery, (event_id, hook) in self.hooks.items():
            records = self.records.get(delivery)
            if not records:
                sent = len(self.posts.get(delivery, ()))
                self.wrong("I2", f"{delivery} (event {event_id}, {hook.path}) has no record: LOST; POSTs: {sent}")
                continue
            last, best = records[-1], fold(records)
            if rank_of(last) != rank_of(best):
                self.wrong("I2", f"{delivery}: the last record is {last}, the fold {best}")
            if best.status not in ("delivered", "failed"):
                self.wrong("I2", f"{delivery}: ended {best.status} ({hook.path})")
            if best.status == "failed" and best.attempt < hook.max_attempts:
                self.wrong("I2", f"{delivery}: failed after {best.attempt} of {hook.max_attempts} attempts")

    # ---- I3, I6, I8

    def check_posts(self):
        self.extra_posts, self.most_extra, self.twice, self.repeated, self.slowest_repeat = 0, 0, 0, 0, 0.0
        for delivery, (event_id, _hook) in self.hooks.items():
            posts, best = self.posts.get(delivery, []), fold(self.records.get(delivery, []))
            if best and best.status == "delivered" and not any(200 <= p.status < 300 for p in posts):
                self.wrong("I8", f"{delivery} is recorded as delivered, and never got a 2xx: {posts}")
            if not posts:
                continue
            wanted = hashlib.sha256(body_of(self.ledger[event_id], delivery)).hexdigest()[:32]
            if {p.body_hash for p in posts} != {wanted}:
                self.wrong("I6", f"{delivery} was sent with another body")
            if best:
                # What has not ended may have been sent before a fault, and not again yet.
                last_s = posts[-1].wall_s if best.rank != OPEN else time.time()
                self.check_extra(delivery, posts, best.attempt, last_s)
        bound = self.in_hand_max * sum(1 for f in self.faults if f.kind not in HARMLESS)
        self.numbers["extra POSTs, bound"] = bound
        if self.extra_posts > bound:
            self.wrong("I3", f"{self.extra_posts} extra POSTs in all, at most {bound} are allowed")

    def hits(self, first_s, last_s):
        return [f for f in self.faults if f.kind not in HARMLESS and f.start <= last_s
                and (f.end or time.time()) + LATER_S.get(f.kind, LATER_DEFAULT_S) >= first_s]

    def check_extra(self, delivery, posts, attempts, last_s):
        extra = len(posts) - attempts
        if extra < 0:
            self.wrong("I8", f"{delivery}: {attempts} attempts are recorded, {len(posts)} POSTs came")
        if extra <= 0:
            return
        repeats = self.repeats(delivery, posts)
        self.repeated += repeats
        extra -= repeats
        if extra <= 0:
            return
        hits = self.hits(posts[0].wall_s, last_s)
        self.extra_posts += extra
        self.twice += 1
        self.most_extra = max(self.most_extra, extra)
        if extra > len(hits):
            times = ", ".join(f"{p.wall_s:.3f} attempt {p.attempt} -> {p.status}" for p in posts)
            self.wrong("I3", f"{delivery}: {extra} extra POSTs, {len(hits)} faults could have caused them; POSTs: {times}; "
                             f"records: {[(r.status, r.attempt, r.revision, r.offset) for r in self.records.get(delivery, ())]}")

    def repeats(self, delivery, posts):
        """How many POSTs are repeats by the HTTP client: a kept connection that the endpoint closes looks as if the request had never come, so
        the client sends the same bytes once more, on a new one. Whatever the worker sends as an attempt has a span of its own in its head
        (the lab's events all have a trace), so what has the head of an earlier POST is a repeat, however late it comes."""
        by_head, repeats = collections.defaultdict(list), 0
        for post in posts:
            by_head[post.head_hash].append(post)
        for same in by_head.values():
            repeats += len(same) - 1
            if len(same) > 2:
                self.wrong("I3", f"{delivery}: the HTTP client sent one attempt {len(same)} times: {same}")
            elif len(same) == 2 and (same[0].nth == 1 or same[0].status != 0 or same[1].nth != 1):
                self.wrong("I3", f"{delivery}: the HTTP client repeated what came on a new connection, or was answered, or not on a new one: {same}")
            if len(same) == 2:
                self.slowest_repeat = max(self.slowest_repeat, same[1].wall_s - same[0].wall_s)
        return repeats

    # ---- I7

    def check_due(self):
        for delivery, posts in self.posts.items():
            due = {}
            for record in self.records.get(delivery, ()):
                if record.due_s is not None:
                    due[record.attempt] = min(record.due_s, due.get(record.attempt, record.due_s))
            for post in posts:
                before = post.attempt - 1
                if before > 0 and before not in due:
                    self.wrong("I7", f"{delivery}: attempt {post.attempt} was sent, no record of {before} asks for one")
                elif before > 0 and post.wall_s < due[before] - 0.005:
                    self.wrong("I7", f"{delivery}: attempt {post.attempt} was sent {due[before] - post.wall_s:.3f} s before it was due")

    # ---- I4, I5, I9

    def states_by_partition(self):
        """partition -> [(offset, delivery id, record)] in the log's order."""
        logs = collections.defaultdict(list)
        for delivery, records in self.records.items():
            for record in records:
                logs[record.partition].append((record.offset, delivery, record))
        for log in logs.values():
            log.sort(key=lambda entry: entry[0])
        return logs

    def check_index_samples(self):
        logs = self.states_by_partition()
        samples = collections.defaultdict(list)
        for sample in self.indexes:
            samples[sample.partition].append(sample.index)
        for partition, indexes in samples.items():
            self.check_epochs(partition, indexes)
            # One walk through the log for all samples of the partition.
            states, open_ids, at = {}, {}, 0
            for index in sorted(indexes, key=lambda i: i.applied):
                while at < len(logs[partition]) and logs[partition][at][0] <= index.applied:
                    _, delivery, record = logs[partition][at]
                    at += 1
                    if rank_of(record) >= rank_of(states.get(delivery, record)):
                        states[delivery] = record
                        open_ids.pop(delivery, None)
                        if record.rank == OPEN:
                            open_ids[delivery] = rank_of(record)
                self.compare_index(partition, index, open_ids)

    def compare_index(self, partition, index, open_ids):
        where = f"partition {partition}, applied {index.applied}, epoch {index.epoch}"
        if index.open != open_ids:
            more, less = index.open.keys() - open_ids.keys(), open_ids.keys() - index.open.keys()
            both = index.open.keys() & open_ids.keys()
            differ = [(d, index.open[d], open_ids[d]) for d in both if index.open[d] != open_ids[d]]
            self.wrong("I4", f"{where}: {len(more)} too many {sorted(more)[:3]}, {len(less)} missing {sorted(less)[:3]}, "
                             f"differing {differ[:3]}")
        lost = open_ids.keys() - index.due - index.in_hand
        if lost:
            self.wrong("I4", f"{where}: {len(lost)} open deliveries are neither scheduled nor in hand: {sorted(lost)[:3]}")
        if index.due - index.open.keys():
            self.wrong("I4", f"{where}: what is scheduled cannot be sent: {sorted(index.due - index.open.keys())[:3]}")

    def check_epochs(self, partition, indexes):
        """In the order of the samples. An index that was emptied may be taken by nobody but a later owner too."""
        for before, after in zip(indexes, indexes[1:]):
            if after.epoch < before.epoch and not any(f.kind in LOSES_INDEX for f in self.faults):
                self.wrong("I5", f"partition {partition}: epoch {after.epoch} follows {before.epoch}")

    def check_index_end(self):
        ended = collections.defaultdict(dict)
        for delivery, records in self.records.items():
            best = fold(records)
            if best.rank != OPEN:
                ended[best.partition][delivery] = rank_of(best)
        for partition, index in enumerate(self.end):
            if index is None:
                self.wrong("I4", f"partition {partition} has no index in the end")
                continue
            end = self.log_ends[partition]
            if index.applied != end - 1:
                self.wrong("I4", f"partition {partition}: the index reflects {index.applied} in the end, the log ends at {end}")
            if index.in_hand or index.due:
                self.wrong("I9", f"partition {partition}: {len(index.in_hand)} in hand, {len(index.due)} scheduled in the end: "
                                 f"{sorted(index.in_hand | index.due)[:3]}")
            self.check_done(partition, ended[partition])

    def check_done(self, partition, ended):
        lost = any(f.kind in LOSES_INDEX for f in self.faults)  # then a rebuild may leave out what is committed
        done = self.done[partition]
        for delivery in done.keys() - ended.keys():
            self.wrong("I4", f"partition {partition}: {delivery} is marked as ended, its fold is not")
        if not lost and ended.keys() - done.keys():
            missing = sorted(ended.keys() - done.keys())
            self.wrong("I4", f"partition {partition}: {len(missing)} deliveries have ended without an idempotency key: {missing[:3]}")
        differ = [d for d in done.keys() & ended.keys() if done[d] != ended[d]]
        if differ:
            self.wrong("I4", f"partition {partition}: {len(differ)} ended deliveries have another rank in the index: "
                             f"{[(d, done[d], ended[d]) for d in differ[:3]]}")
        self.numbers["idempotency keys"] = self.numbers.get("idempotency keys", 0) + len(done)

    # ---- numbers

    def count(self):
        ends = collections.Counter(fold(records).status for records in self.records.values())
        posts = sum(len(p) for p in self.posts.values())
        self.numbers = {
            "events": len(self.ledger),
            "records of events": len(self.events),
            "deliveries owed": len(self.hooks),
            **{f"deliveries {status}": count for status, count in sorted(ends.items())},
            "POSTs": posts,
            "POSTs not answered with 2xx": sum(1 for p in self.posts.values() for post in p if not 200 <= post.status < 300),
            "POSTs repeated by the HTTP client": self.repeated,
            "latest of these, seconds after its first": round(self.slowest_repeat, 3),
            "extra POSTs": self.extra_posts,
            "deliveries with extra POSTs": self.twice,
            "extra POSTs of one delivery, at most": self.most_extra,
            "records in the delivery log": sum(len(r) for r in self.records.values()),
            "claims in the delivery log": self.claims,
            "members evicted by the group": len(self.evictions),
            "samples of commits": len(self.commits),
            "samples of indexes": len(self.indexes),
            **self.numbers,
        }
