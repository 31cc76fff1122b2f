"""A real ProFTPD without privileges, with virtual users whose group is the account; and clients for it."""

import ftplib
import io
import subprocess

from .ports import free_port
from .program import Program
from .waiting import wait_until

PASSWORD = "secret-of-the-user"


class FtpServer:
    def __init__(self, script, proftpd_dir, folder, users):
        """users: name -> account."""
        self.folder = folder / "ftp"
        self.port = free_port()
        self.log = self.folder / "webhook.log"
        entries = [f"{user}:{PASSWORD}:{account}" for user, account in users.items()]
        self.program = Program("proftpd", [script, proftpd_dir, self.folder, self.port, *entries], folder)

    def start(self):
        self.program.start()
        wait_until("ProFTPD answers", self.answers, watch=[self.program])
        return self

    def answers(self):
        try:
            with ftplib.FTP() as ftp:
                ftp.connect("127.0.0.1", self.port, 5)
                return True
        except OSError:
            return False

    def home(self, user):
        return self.folder / "home" / user

    def source(self, name="main", **more):
        """The section of the producer's sources file that follows this server."""
        keys = {
            "format": "proftpd",
            "path": self.log,
            "account": "group",
            "host": "ftp.example.net",
            "path_prefix": f"{self.folder}/home/{{user}}",
            **more,
        }
        return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())

    # ---- clients

    def url(self, user, path=""):
        return f"ftp://{user}:{PASSWORD}@127.0.0.1:{self.port}{path}"

    def curl(self, *args):
        """curl, with what it and the server said to one another as the result."""
        done = subprocess.run(["curl", "-sS", "-v", "--max-time", "30", *args], capture_output=True, timeout=60, check=False)
        said = done.stderr.decode("utf-8", "replace")
        assert done.returncode == 0, said
        return said

    def lftp(self, user, script):
        """lftp commands in one session; lftp stops at the first that fails, after a second try: a server may find a passive port taken."""
        settings = {"net:max-retries": 2, "net:reconnect-interval-base": 1, "net:timeout": 20, "cmd:fail-exit": "yes", "ssl:verify-certificate": "no"}
        commands = "".join(f"set {key} {value}; " for key, value in settings.items()) + f"open {self.url(user)}; {script}"
        done = subprocess.run(["lftp", "-c", commands], capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout

    def session(self, user, encoding="utf-8"):
        """A logged-in session of Python's client."""
        ftp = ftplib.FTP(encoding=encoding, timeout=30)
        ftp.connect("127.0.0.1", self.port)
        ftp.login(user, PASSWORD)
        return ftp

    def upload_many(self, user, paths, content=b"hello"):
        """One session, an upload a path; returns those that the server confirmed."""
        with self.session(user) as ftp:
            return [path for path in paths if ftp.storbinary(f"STOR {path}", io.BytesIO(content)).startswith("226")]
