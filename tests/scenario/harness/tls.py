"""Certificates for scenarios, made by the openssl command, and an endpoint that speaks TLS."""

import base64
import hashlib
import pathlib
import ssl
import subprocess

from .endpoint import Endpoint


def openssl(*args, data=None):
    done = subprocess.run(["openssl", *[str(a) for a in args]], input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, f"openssl {args}: {done.stderr.decode()}"
    return done.stdout


class Identity:
    """A certificate and its key, as files and as text."""

    def __init__(self, certificate_file, key_file):
        self.certificate_file, self.key_file = pathlib.Path(certificate_file), pathlib.Path(key_file)

    @property
    def certificate(self):
        return self.certificate_file.read_text()

    @property
    def key(self):
        return self.key_file.read_text()

    @property
    def pin(self):
        public = openssl("pkey", "-in", self.key_file, "-pubout", "-outform", "DER")
        return "sha256//" + base64.b64encode(hashlib.sha256(public).digest()).decode()


class Authority:
    """An authority of one scenario."""

    def __init__(self, folder, name="authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.name = name
        self.own = self.self_signed(name, "basicConstraints=critical,CA:TRUE")

    def key(self, name):
        file = self.folder / f"{name}.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)
        return file

    def self_signed(self, name, extension, days=30):
        key, certificate = self.key(name), self.folder / f"{name}.pem"
        openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", days, "-addext", extension, "-out", certificate)
        return Identity(certificate, key)

    def issue(self, name, san="IP:127.0.0.1,DNS:localhost", days=30):
        """A certificate of this authority; days may be negative: it ended then."""
        key, certificate, extensions = self.key(name), self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\n")
        request = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")
        signer = ["-CA", self.own.certificate_file, "-CAkey", self.own.key_file, "-CAcreateserial", "-extfile", extensions]
        openssl("x509", "-req", *signer, "-days", days, "-out", certificate, data=request)
        return Identity(certificate, key)


class TlsEndpoint(Endpoint):
    """An endpoint behind TLS; client_authority: it wants a client certificate of that one."""

    def __init__(self, identity, client_authority=None, newest=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate_file, identity.key_file)
        if client_authority:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_authority.own.certificate_file)
        if newest:
            self.context.maximum_version = newest
        self.peers = []  # subject of each client certificate
        super().__init__()

    def url(self, path="/hook"):
        return f"https://127.0.0.1:{self.port}{path}"

    def serve(self, connection):
        try:
            secured = self.context.wrap_socket(connection, server_side=True)
        except OSError:  # the handshake failed: that is what some scenarios are about
            connection.close()
            return
        if peer := secured.getpeercert():
            self.peers.append(dict(part[0] for part in peer["subject"])["commonName"])
        super().serve(secured)
