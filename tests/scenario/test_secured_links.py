"""Kafka over SASL_SSL with SCRAM and over mutual TLS, Redis with a user of its own (and over TLS where the worker can): from the file
to the POST. Each program has the rights that the documents list, and no others. A wrong password or authority is said, and
waited for."""

import os
import pathlib

import pytest
from harness.api import new_key, start_api
from harness.broker import PARTITIONS, Kafka, Topics
from harness.contract import check_signature
from harness.endpoint import Endpoint
from harness.secured import SecuredRedis, grant, redis_user
from harness.stack import ACCOUNT, Stack
from harness.tls import Authority
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORDS = {"worker": "pw-Of-The-Worker", "producer": "pw-Of-The-Producer"}

pytestmark = pytest.mark.real_kafka


class Secured:
    """A system whose links are secured; the plain listener is the test's own."""

    def __init__(self, folder, bin_dir, prefix, endpoint):
        self.folder, self.prefix = folder, prefix
        self.authority = Authority(folder / "authority")
        self.clients = {name: self.authority.issue(name) for name in ("api", "worker")}
        server, secure = self.authority.issue("kafka"), folder / "secure"
        secure.mkdir()
        (secure / "server.pem").write_text(server.key + server.certificate)
        (secure / "ca.pem").write_text(self.authority.own.certificate)
        (secure / "users").write_text("".join(f"{name} {password}\n" for name, password in PASSWORDS.items()))
        self.kafka = Kafka(ROOT / "deploy/kafka/kafka.sh", folder / "kafka")
        self.kafka.servers = self.kafka.run("start", "--secure", str(secure))
        words = (folder / "kafka/ports").read_text().split()
        self.sasl, self.mutual = f"127.0.0.1:{words[3]}", f"127.0.0.1:{words[4]}"
        redis = SecuredRedis(folder, os.environ.get("SCENARIO_REDIS", "redis-server"), [redis_user(prefix, "pw-For-Redis")], self.authority)
        self.stack = Stack(bin_dir, folder, Topics(self.kafka, prefix), redis.start(), endpoint)
        self.stack.ctl("key-file", "create", "--file", self.stack.key_file)
        self.stack.ctl("topics", "ensure", "--partitions", PARTITIONS, "--timeout-s", 60)
        grant(self.kafka.servers, prefix)
        self.stack.definitions.account(ACCOUNT)

    def properties(self, name, lines):
        file = self.folder / f"{name}.properties"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)
        return str(file)

    def scram(self, user, password=None, authority=None):
        """Settings of a program that comes with a password."""
        ca = (authority or self.authority).own.certificate_file
        lines = ["security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", f"sasl.username={user}", f"ssl.ca.location={ca}"]
        lines.append(f"sasl.password={password or PASSWORDS[user]}")
        return {"TRUEFTP_KAFKA_BROKERS": self.sasl, "TRUEFTP_KAFKA_CONFIG": self.properties(user, lines)}

    def certificate(self, user):
        """Settings of a program that comes with a certificate."""
        own = self.clients[user]
        lines = ["security.protocol=SSL", f"ssl.ca.location={self.authority.own.certificate_file}"]
        lines += [f"ssl.certificate.location={own.certificate_file}", f"ssl.key.location={own.key_file}"]
        return {"TRUEFTP_KAFKA_BROKERS": self.mutual, "TRUEFTP_KAFKA_CONFIG": self.properties(user, lines)}

    def redis(self, password="pw-For-Redis", tls=False):
        file = self.folder / "redis-password"
        file.write_text(password + "\n")
        plain = {"TRUEFTP_REDIS_URL": f"redis://worker:@127.0.0.1:{self.stack.redis.port}", "TRUEFTP_REDIS_PASSWORD_FILE": str(file)}
        if not tls:
            return plain
        own = self.clients["worker"]
        return {
            **plain,
            "TRUEFTP_REDIS_URL": f"rediss://worker:@127.0.0.1:{self.stack.redis.tls_port}",
            "TRUEFTP_REDIS_CA_FILE": str(self.authority.own.certificate_file),
            "TRUEFTP_REDIS_CERTIFICATE_FILE": str(own.certificate_file),
            "TRUEFTP_REDIS_KEY_FILE": str(own.key_file),
        }

    def close(self):
        wrong = self.stack.close()
        self.stack.redis.program.kill()
        self.kafka.stop()
        assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def secured(tmp_path_factory, bin_dir):
    endpoint = Endpoint()
    made = Secured(tmp_path_factory.mktemp("secured"), bin_dir, f"secured-{os.getpid()}", endpoint)
    yield made
    made.close()
    endpoint.close()


def can_tls(secured):
    """Whether this worker's hiredis has TLS; where it has none, the start says so."""
    probe = secured.stack.worker("probe", ready=False, **secured.scram("worker"), **secured.redis(tls=True))
    wait_until("the probe starts or ends", lambda: not probe.running() or probe.facts("started"), 30)
    if probe.running():
        probe.stop()
        return True
    assert "needs hiredis 1.0 or newer with TLS" in probe.output()
    return False


def no_password_in(secured, *programs):
    for program in programs:
        text = program.output() + program.get("/metrics").text
        assert not [password for password in (*PASSWORDS.values(), "pw-For-Redis", "wrong-Password") if password in text]


def test_from_the_file_to_the_post(secured):
    """The producer and the worker come with passwords, the API with a certificate."""
    stack = secured.stack
    api = start_api(stack, **secured.certificate("api"))
    made = api.client(new_key(api, ACCOUNT)).post("/webhooks", {"url": stack.endpoint.url("/hook")}).body
    worker = stack.worker(**secured.scram("worker"), **secured.redis(tls=can_tls(secured)))
    log = secured.folder / "events.jsonl"
    log.touch()
    stack.settings.update(secured.scram("producer"))
    producer = stack.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = constant:{ACCOUNT}\n", ready=False)
    stack.settings["TRUEFTP_KAFKA_BROKERS"] = secured.kafka.servers
    del stack.settings["TRUEFTP_KAFKA_CONFIG"]
    producer.wait_ready()
    with log.open("a") as file:
        file.write('{"event":"file.uploaded","path":"/in/x.csv","username":"u","size":1,"timestamp":"2026-06-08T12:00:00Z"}\n')
    [post] = stack.endpoint.wait_posts(1, watch=[worker, producer, api])
    check_signature(post, made["secret"])
    stack.wait_statuses({"delivered": 1})
    no_password_in(secured, worker, producer, api)
    for program in (worker, producer, api):
        assert program.stop() == 0


def test_the_worker_by_certificate(secured):
    worker = secured.stack.worker("by-certificate", **secured.certificate("worker"), **secured.redis())
    assert worker.stop() == 0


def test_what_is_wrong_is_said_and_waited_for(secured, tmp_path):
    """A wrong password or authority: the worker says so, is not ready, and does not end."""
    other = Authority(tmp_path / "other", "other")
    cases = {  # made one after the other: they write the same files
        "password": (lambda: {**secured.scram("worker", "wrong-Password"), **secured.redis()}, "uthentication failed"),
        "authority": (lambda: {**secured.scram("worker", authority=other), **secured.redis()}, "certificate verify failed"),
        "redis": (lambda: {**secured.scram("worker"), **secured.redis("wrong-Password")}, "WRONGPASS"),
    }
    for name, (settings, said) in cases.items():
        worker = secured.stack.worker(f"wrong-{name}", ready=False, **settings())
        wait_until(f"{name} is told", lambda w=worker, s=said: s in w.output() or s in w.get("/readyz").text, 30, watch=[worker])
        assert worker.get("/readyz").status == 503 and worker.running()
        no_password_in(secured, worker)
        worker.stop()


def test_redis_behind_another_authority_is_said_and_waited_for(secured, tmp_path):
    if not can_tls(secured):
        pytest.skip("this worker's hiredis has no TLS")
    other = Authority(tmp_path / "other", "other").own.certificate_file
    settings = {**secured.scram("worker"), **secured.redis(tls=True), "TRUEFTP_REDIS_CA_FILE": str(other)}
    worker = secured.stack.worker("wrong-redis-authority", ready=False, **settings)
    wait_until("it is told", lambda: "TLS: the server's certificate: " in worker.output(), 30, watch=[worker])
    assert worker.get("/readyz").status == 503 and worker.metric("trueftp_worker_redis_errors_total") >= 1
    worker.stop()


def test_a_new_redis_password_is_used_without_a_restart(secured):
    """Redis knows both for a while; the file changes, the old one goes, and the next connection takes the new one."""
    redis = secured.stack.redis
    worker = secured.stack.worker("rotating", **secured.scram("worker"), **secured.redis())

    def operator(*words):
        assert redis.as_user("operator", "operator", *words) == "OK", words

    operator("ACL", "SETUSER", "worker", ">new-Password")
    (secured.folder / "redis-password").write_text("new-Password\n")
    operator("ACL", "SETUSER", "worker", "<pw-For-Redis")
    redis.as_user("operator", "operator", "CLIENT", "KILL", "USER", "worker")
    wait_until("it has come back", lambda: worker.metric("trueftp_worker_redis_up") == 1 and worker.metric("trueftp_worker_redis_errors_total") >= 1, 20)
    assert worker.get("/readyz").status == 200
    operator("ACL", "SETUSER", "worker", "<new-Password", ">pw-For-Redis")
    worker.stop()
