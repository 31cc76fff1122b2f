"""Kafka and Redis as they are run where it matters: encrypted, authenticated, and each program allowed what it needs alone.

The rights here are those that docs/OPERATIONS.md lists ("Rights"): the scenario fails when a program needs more."""

import ctypes
import socket

from .ports import free_port
from .program import Program
from .redis import Redis
from .waiting import wait_until

TOPIC, GROUP, LITERAL, ALLOW = 2, 3, 3, 3
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10

# program -> what it does -> topics, without the prefix
KAFKA_RIGHTS = {
    "worker": {
        READ: ("events", "deliveries", "webhooks", "accounts"),
        WRITE: ("events", "deliveries", "events.dlq"),
        DESCRIBE_CONFIGS: ("events", "deliveries"),
    },
    "api": {
        READ: ("webhooks", "accounts", "expectations", "audit", "events", "deliveries"),
        WRITE: ("webhooks", "accounts", "expectations", "audit", "events"),
        DESCRIBE_CONFIGS: (),
    },
    "producer": {READ: ("accounts",), WRITE: ("events",), DESCRIBE_CONFIGS: ()},
}

REDIS_COMMANDS = (
    "auth select role config|get script|load evalsha get set del exists expire pexpireat unlink hdel hexists hget hincrby hmget hscan hset "
    "zadd zcard zcount zrange zrangebyscore zrem zscore"
)


def redis_user(prefix, password):
    """A line of Redis's ACL file for the worker."""
    return f"user worker on >{password} ~{{{prefix}.* -@all " + " ".join("+" + name for name in REDIS_COMMANDS.split())


def grant(servers, prefix):
    """Gives the users of the programs, and no others, what KAFKA_RIGHTS says, by librdkafka's admin client."""
    lib = ctypes.CDLL("librdkafka.so.1")
    for name in ("conf_new", "new", "AclBinding_new", "queue_new", "queue_poll"):
        getattr(lib, "rd_kafka_" + name).restype = ctypes.c_void_p
    text = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(lib.rd_kafka_conf_new())
    assert lib.rd_kafka_conf_set(conf, b"bootstrap.servers", servers.encode(), text, 512) == 0, text.value
    client = ctypes.c_void_p(lib.rd_kafka_new(0, conf, text, 512))
    wanted = [(TOPIC, f"{prefix}.{t}", who, op) for who, ops in KAFKA_RIGHTS.items() for op, topics in ops.items() for t in topics]
    wanted += [(TOPIC, f"{prefix}.{t}", who, DESCRIBE) for who, ops in KAFKA_RIGHTS.items() for t in {t for topics in ops.values() for t in topics}]
    wanted.append((GROUP, f"{prefix}-worker", "worker", READ))
    bindings = (ctypes.c_void_p * len(wanted))()
    for i, (kind, name, who, operation) in enumerate(wanted):
        principal = f"User:{who}".encode()
        bindings[i] = lib.rd_kafka_AclBinding_new(kind, name.encode(), LITERAL, principal, b"*", operation, ALLOW, text, 512)
        assert bindings[i], text.value
    queue = ctypes.c_void_p(lib.rd_kafka_queue_new(client))
    lib.rd_kafka_CreateAcls(client, bindings, ctypes.c_size_t(len(wanted)), None, queue)
    event = ctypes.c_void_p(lib.rd_kafka_queue_poll(queue, 60000))
    assert event.value and lib.rd_kafka_event_error(event) == 0, "the ACLs were not made"
    lib.rd_kafka_event_destroy(event)
    lib.rd_kafka_queue_destroy(queue)
    lib.rd_kafka_destroy(client)


class SecuredRedis(Redis):
    """A Redis where nobody may do anything but the worker's user, and the operator over a socket of the test; with TLS where asked."""

    def __init__(self, folder, server, acl_lines, authority=None):
        super().__init__(folder, server)
        acl = folder / "redis.acl"
        acl.write_text("\n".join(["user default off", "user operator on >operator ~* &* +@all", *acl_lines]) + "\n")
        more = ["--aclfile", acl]
        self.tls_port = None
        if authority:
            identity = authority.issue("redis")
            self.tls_port = free_port()
            more += ["--tls-port", self.tls_port, "--tls-cert-file", identity.certificate_file, "--tls-key-file", identity.key_file]
            more += ["--tls-ca-cert-file", authority.own.certificate_file, "--tls-auth-clients", "yes"]
        self.program = Program("redis", self.program.argv + more, folder)

    def start(self):
        self.program.start()
        wait_until("Redis answers", self.answers, watch=[self.program])
        return self

    def answers(self):
        try:
            return self.command("PING").startswith("NOAUTH")
        except OSError:
            return False

    def as_user(self, user, password, *words):
        """One command of a user; the answer's first line without its type."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            stream = connection.makefile("r", newline="\r\n")
            for command in (("AUTH", user, password), words):
                connection.sendall((f"*{len(command)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in command)).encode())
                answer = stream.readline().strip()[1:]
        return answer
