"""The system of one scenario: its topics, its Redis, its programs, its account, and the customer's endpoint."""

import collections
import subprocess
import urllib.error
import urllib.request

from .definitions import Definitions
from .program import Program, environment
from .waiting import wait_until

Webhook = collections.namedtuple("Webhook", "id secret path")
Answer = collections.namedtuple("Answer", "status text")
ACCOUNT = "acc_acme"


def http_get(port, path):
    """A GET on the loopback address, whatever the status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as answer:
        return Answer(answer.code, answer.read().decode())


class Service(Program):
    """A program of ours with an admin port."""

    @property
    def admin_port(self):
        return self.wait_fact("started")["admin_port"]

    def get(self, path):
        return http_get(self.admin_port, path)

    def metric(self, name, labels=""):
        """The value of one line of /metrics; 0 where it is not there."""
        wanted = f"{name}{{{labels}}}" if labels else name
        for line in self.get("/metrics").text.splitlines():
            if line.rpartition(" ")[0] == wanted:
                return float(line.rpartition(" ")[2])
        return 0.0

    def wait_ready(self, seconds=60):
        wait_until(f"{self.name} is ready", lambda: self.get("/readyz").status == 200, seconds, watch=[self])
        return self


class Stack:
    """What a scenario works with."""

    def __init__(self, bin_dir, folder, topics, redis, endpoint):
        self.bin_dir, self.folder = bin_dir, folder
        self.topics, self.redis, self.endpoint = topics, redis, endpoint
        self.key_file = folder / "keys"
        self.definitions = Definitions(topics, self.key_file)
        self.services = []
        self.command = lambda program: [program]  # what starts a service
        self.settings = {
            "TRUEFTP_KAFKA_BROKERS": topics.broker.servers,
            "TRUEFTP_REDIS_URL": redis.url,
            "TRUEFTP_TOPIC_PREFIX": topics.prefix,
            "TRUEFTP_SECRETS_KEY_FILE": str(self.key_file),
            "TRUEFTP_ALLOW_TARGETS": "127.0.0.1/32",
            "TRUEFTP_ALLOW_HTTP": "1",
            "TRUEFTP_DEV": "1",
            "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
            "TRUEFTP_RETRY_BASE_MS": "200",
            "TRUEFTP_RETRY_FACTOR": "2",
            "TRUEFTP_RETRY_MAX_MS": "5000",
        }

    # ---- trueftpctl

    def ctl_run(self, *args, seconds=60):
        """trueftpctl, as its CompletedProcess."""
        command = [str(self.bin_dir / "trueftpctl"), *[str(arg) for arg in args]]
        done = subprocess.run(command, capture_output=True, env=environment(self.settings), timeout=seconds, check=False)
        assert b"Sanitizer" not in done.stderr, done.stderr.decode()
        return done

    def ctl(self, *args):
        """trueftpctl's standard output; it must succeed."""
        done = self.ctl_run(*args)
        assert done.returncode == 0, f"trueftpctl {args}: {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def prepare(self, partitions=None):
        """A key file, topics unless the broker makes them, and an account on a paid plan."""
        self.ctl("key-file", "create", "--file", self.key_file)
        if partitions:
            self.ctl("topics", "ensure", "--partitions", partitions, "--timeout-s", 60)
        self.definitions.account(ACCOUNT)
        return self

    def webhook(self, path="/hook", account=ACCOUNT, url=None, **options):
        """Defines a webhook whose target is a path of the endpoint; options are members of its record."""
        webhook, secret = self.definitions.webhook(account, url or self.endpoint.url(path), **options)
        return Webhook(webhook, secret, path)

    # ---- programs

    def service(self, name, program, settings):
        """Starts a program; one that was there under this name, and ended, starts again with the same log."""
        service = Service(name, self.command(self.bin_dir / program), self.folder, {**self.settings, **settings})
        self.services.append(service)
        service.start()
        return service

    def worker(self, name="worker", ready=True, **settings):
        worker = self.service(name, "trueftp-worker", settings)
        return worker.wait_ready() if ready else worker

    def producer(self, *sources, name="producer", ready=True):
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        sources_file = self.folder / "sources.conf"
        sources_file.write_text("\n".join(sources))
        settings = {"TRUEFTP_SOURCES": str(sources_file), "TRUEFTP_DATA_DIR": str(data)}
        producer = self.service(name, "trueftp-producer", settings)
        return producer.wait_ready() if ready else producer

    def running(self):
        return [service for service in self.services if service.running()]

    # ---- facts

    def wait_deliveries(self, condition, what, seconds=30.0):
        """Waits until the last records (delivery id -> record) are as the condition wants them; those records."""
        kept = {}

        def look():
            kept.clear()
            kept.update(self.topics.last_deliveries())
            return condition(kept)

        wait_until(what, look, seconds, every=0.2, watch=self.running())
        return dict(kept)

    def wait_statuses(self, expected, seconds=30.0):
        """Waits until the number of deliveries in each status is this one, e.g. {"delivered": 3}; the last records."""
        return self.wait_deliveries(
            lambda records: dict(collections.Counter(r["status"] for r in records.values())) == expected,
            f"the delivery log says {expected}",
            seconds,
        )

    def close(self):
        """Ends all that runs, and says what was wrong about it."""
        wrong = []
        for service in reversed(self.services):
            if service.running():
                status = service.stop()
                if status != 0:
                    wrong.append(f"{service.name} ended with {status} after SIGTERM{service.tail()}")
            wrong.append(service.complaints())
        return [text for text in wrong if text]
