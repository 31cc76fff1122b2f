"""Looks at a run from outside while it goes on: committed offsets with the delivery log's ends (I1), and the index (I4, I5)."""

import collections
import threading
import time

from . import kafka as k
from . import redis as r

# ends: of the delivery log, asked for after the committed offsets
CommitSample = collections.namedtuple("CommitSample", "committed ends")
IndexSample = collections.namedtuple("IndexSample", "monotonic partition index")


class Sampler(threading.Thread):
    def __init__(self, world, every=0.7):
        super().__init__(daemon=True)
        self.world, self.every = world, every
        self.commits, self.indexes = [], []
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(self.every):
            self.look()

    def look(self):
        world = self.world
        try:
            committed = world.committed()
            ends = k.ends(world.servers, world.topic("deliveries"), world.partitions)
            self.commits.append(CommitSample(committed, ends))
        except k.KafkaAway:
            pass  # it is being restarted
        try:
            for partition in range(world.partitions):
                index = world.index(partition)
                if index is not None:
                    self.indexes.append(IndexSample(time.monotonic(), partition, index))
        except r.RedisError:
            pass

    def end(self):
        self.ending.set()
        self.join()
