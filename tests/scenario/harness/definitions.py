"""Accounts and webhooks put into their topics as ARCHITECTURE.md describes the records, for scenarios in which no trueftp-api runs:
the programs under test read them, whoever wrote them. Sealing is done anew here, by other code than ours."""

import base64
import datetime
import json
import os
import secrets
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OPTIONS = {"path_pattern": "path_patterns", "rate_limit": "rate_limit_per_second"}  # what scenarios say, and the member


def now(ahead_s=0):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=ahead_s)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def seal(key_file, account, webhook, version, secret):
    """The envelope of common/model/sealed.h: a data key wrapped by the first key of the file; both boxes are bound to the webhook."""
    key_id, key = key_file.read_text().splitlines()[0].split()
    bound = f"{account}|{webhook}|{version}".encode()
    data_key = AESGCM.generate_key(256)

    def box(with_key, plain):
        nonce = os.urandom(12)
        return base64.b64encode(nonce + AESGCM(with_key).encrypt(nonce, plain, bound)).decode()

    return f"v1.{key_id}.{box(base64.b64decode(key), data_key)}.{box(data_key, secret.encode())}"


def new_secret():
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Definitions:
    """The last records of accounts and webhooks, and their writer."""

    def __init__(self, topics, key_file):
        self.topics, self.key_file = topics, key_file
        self.records = {}

    def put(self, kind, record):
        record["version"] = record.get("version", 0) + 1
        record["updated_at"] = now()
        self.records[record["id"]] = record
        self.topics.write(kind, record["id"], json.dumps(record, ensure_ascii=False).encode())

    def account(self, account, plan="pro", **members):
        self.put("accounts", {"id": account, "name": "", "plan": plan, "created_at": now(), **members})

    def change_account(self, account, **members):
        self.put("accounts", {**self.records[account], **members})

    def webhook(self, account, url, events="*", secret=None, **options):
        """Its id and secret."""
        webhook, secret = "wh_" + uuid.uuid4().hex, secret or new_secret()
        members = {OPTIONS.get(name, name): value for name, value in options.items()}
        if "path_patterns" in members:
            members["path_patterns"] = [members["path_patterns"]]
        sealed = {"sealed": seal(self.key_file, account, webhook, 1, secret), "sealed_version": 1}
        record = {"id": webhook, "account_id": account, "url": url, "events": events.split(","), "enabled": True, "created_at": now()}
        self.put("webhooks", {**record, **members, "secrets": [sealed]})
        return webhook, secret

    def change_webhook(self, webhook, **members):
        self.put("webhooks", {**self.records[webhook], **members})

    def rotate_secret(self, webhook, overlap_s):
        """The new secret; the old one signs too until the overlap ends."""
        record, secret = self.records[webhook], new_secret()
        version = record["version"] + 1
        sealed = {"sealed": seal(self.key_file, record["account_id"], webhook, version, secret), "sealed_version": version}
        self.change_webhook(webhook, secrets=[sealed, {**record["secrets"][0], "expires_at": now(overlap_s)}])
        return secret

    def delete_webhook(self, webhook):
        self.topics.tombstone("webhooks", webhook)
