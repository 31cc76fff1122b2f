"""A client of trueftp-api: requests as a customer's program would make them, on connections that are kept."""

import collections
import http.client
import json
import uuid

from .stack import Service
from .waiting import wait_until

ADMIN_TOKEN = "token-of-the-operator"
EXT = "/api/ext/v1"
ADMIN = "/api/admin/v1"

Reply = collections.namedtuple("Reply", "status headers body")


class Client:
    """Who asks, with a key or a token (None: nobody), at one replica."""

    def __init__(self, port, token=None, base=EXT):
        self.port, self.token, self.base = port, token, base
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def raw(self, method, path, body=None, headers=None):
        """One request; path is absolute, body is bytes."""
        all_headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        for last in (False, True):
            try:
                self.connection.request(method, path, body=body, headers=all_headers)
                answer = self.connection.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                self.connection.close()  # the server ended what was idle
                if last:
                    raise
        payload = answer.read()
        parsed = json.loads(payload) if "json" in answer.headers.get("Content-Type", "") else payload
        assert answer.headers["X-Request-Id"], "every answer has a request id"
        return Reply(answer.status, answer.headers, parsed)

    def ask(self, method, path, body=None, **headers):
        """path below the base; body becomes JSON; header_names have underscores."""
        payload = None if body is None else json.dumps(body).encode()
        return self.raw(method, self.base + path, payload, {name.replace("_", "-"): value for name, value in headers.items()})

    def get(self, path, status=200, **headers):
        return self.expect(status, "GET", path, None, **headers)

    def post(self, path, body=None, status=201, **headers):
        return self.expect(status, "POST", path, body, **headers)

    def patch(self, path, body, status=200, **headers):
        return self.expect(status, "PATCH", path, body, **headers)

    def delete(self, path, status=204, **headers):
        return self.expect(status, "DELETE", path, None, **headers)

    def expect(self, status, method, path, body, **headers):
        reply = self.ask(method, path, body, **headers)
        assert reply.status == status, f"{method} {path}: {reply.status} {reply.body}"
        if status >= 400:
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert reply.body["status"] == status and reply.body["request_id"] == reply.headers["X-Request-Id"]
        return reply


class Api(Service):
    """A replica."""

    @property
    def port(self):
        return self.wait_fact("started")["port"]

    def client(self, key=None):
        return Client(self.port, key)

    def admin(self):
        return Client(self.port, ADMIN_TOKEN, ADMIN)


def start_api(stack, name="api", ready=True, **settings):
    """A replica of its own data folder."""
    token = stack.folder / "admin-token"
    token.write_text(ADMIN_TOKEN + "\n")
    data = stack.folder / f"{name}-data"
    data.mkdir(exist_ok=True)
    own = {"TRUEFTP_API_LISTEN": "127.0.0.1:0", "TRUEFTP_ADMIN_TOKEN_FILE": str(token), "TRUEFTP_DATA_DIR": str(data)}
    api = Api(name, [stack.bin_dir / "trueftp-api"], stack.folder, {**stack.settings, **own, **settings})
    stack.services.append(api)
    api.start()
    return api.wait_ready() if ready else api


def new_key(api, account, **members):
    """The text of a new key of an account that is there."""
    return api.admin().post(f"/accounts/{account}/keys", members).body["key"]


def new_account(api, plan="pro", **members):
    """(account id, key)"""
    account = f"acc_{uuid.uuid4().hex[:12]}"
    api.admin().post("/accounts", {"id": account, "plan": plan, **members})
    return account, new_key(api, account)


def eventually(what, ask, good, seconds=10.0):
    """Repeats a request until its reply is good; the reply."""
    kept = []

    def look():
        kept[:] = [ask()]
        return good(kept[0])

    wait_until(what, look, seconds, every=0.02)
    return kept[0]
