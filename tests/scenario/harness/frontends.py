"""Real vsftpd and Pure-FTPd, unpacked and not installed, with the part of their configuration in deploy/ftp that webhooks need."""

import os
import pathlib
import shutil
import subprocess

from .ftp import PASSWORD, FtpServer
from .ports import free_port
from .program import Program
from .waiting import wait_until

DEPLOY = pathlib.Path(__file__).resolve().parents[3] / "deploy/ftp"


def webhook_part(name, log, folder):
    """The text between >>> and <<< of a configuration, with the log in the test's folder."""
    text = (DEPLOY / name).read_text()
    part = text[text.index("# >>> webhooks") : text.index("# <<< webhooks")]
    assert str(log) in part
    return part.replace(str(log), str(folder / pathlib.Path(log).name))


class Vsftpd(FtpServer):
    """Without privileges: nobody, if we are root. Its one user is anonymous, who has the name of the process's user in the log."""

    USER = "ftp"

    def __init__(self, unpacked, folder):  # pylint: disable=super-init-not-called
        self.folder = folder / "vsftpd"
        self.port = free_port()
        self.log = self.folder / "vsftpd.log"
        self.home(self.USER).mkdir(parents=True)
        program = self.folder / "program"  # a clone under /root cannot be reached by nobody
        shutil.copy(unpacked / "usr/sbin/vsftpd", program)
        configuration = self.folder / "vsftpd.conf"
        configuration.write_text(self.configuration())
        become = []
        if os.geteuid() == 0:
            become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody", "nogroup")
        # It speaks of what is wrong on its standard input, which is a connection for a server started by inetd.
        shell = f"exec {' '.join(become)} {program} {configuration} 0<>{self.folder}/complaint"
        (self.folder / "complaint").touch(0o666)
        (self.folder / "complaint").chmod(0o666)
        self.program = Program("vsftpd", ["/bin/sh", "-c", shell], folder)

    def configuration(self):
        keys = {
            "listen": "YES",
            "listen_address": "127.0.0.1",
            "listen_port": self.port,
            "background": "NO",
            "run_as_launching_user": "YES",
            "one_process_model": "YES",
            "seccomp_sandbox": "NO",
            "local_enable": "NO",
            "anonymous_enable": "YES",
            "anon_root": self.home(self.USER),
            "ftp_username": "nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
            "write_enable": "YES",
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO",
            "anon_umask": "022",
        }
        own = "".join(f"{key}={value}\n" for key, value in keys.items())
        return own + webhook_part("vsftpd.conf", "/var/log/vsftpd/vsftpd.log", self.folder)

    def start(self):
        self.program.start()
        wait_until("vsftpd answers", self.answers, watch=[self.program])
        return self

    def home(self, user):
        return self.folder / "home"

    def source(self, name="main", **more):
        keys = {
            "format": "vsftpd",
            "path": self.log,
            "account": "constant:acc_acme",
            "host": "ftp.example.net",
            "path_prefix": self.home(self.USER),
            **more,
        }
        return super().source(name, **keys)


class PureFtpd(FtpServer):
    """Needs root. One virtual user, whose files are nobody's."""

    USER = "pipeline"

    def __init__(self, unpacked, folder):  # pylint: disable=super-init-not-called
        self.folder = folder / "pure-ftpd"
        self.port = free_port()
        self.log = self.folder / "transfer.log"
        self.home(self.USER).mkdir(parents=True)
        shutil.chown(self.home(self.USER), "nobody", "nogroup")  # the log's folder stays root's: the server gives up the right to others'
        self.add_user(unpacked / "usr/bin/pure-pw")
        configuration = self.folder / "pure-ftpd.conf"
        configuration.write_text(self.configuration())
        self.program = Program("pure-ftpd", [unpacked / "usr/sbin/pure-ftpd", configuration], folder)

    def add_user(self, program):
        files = ["-f", self.folder / "passwd", "-F", self.folder / "pureftpd.pdb", "-m"]
        owner = ["-u", "nobody", "-g", "nogroup", "-d", self.home(self.USER)]
        command = [str(part) for part in [program, "useradd", self.USER, *files, *owner]]
        subprocess.run(command, input=f"{PASSWORD}\n{PASSWORD}\n", text=True, capture_output=True, check=True, timeout=30)

    def configuration(self):
        keys = {
            "Daemonize": "no",
            "Bind": f"127.0.0.1,{self.port}",
            "ChrootEveryone": "yes",
            "NoAnonymous": "yes",
            "PureDB": self.folder / "pureftpd.pdb",
            "PIDFile": self.folder / "pid",
            "MinUID": 1,
            "Umask": "133:022",
            "BrokenClientsCompatibility": "no",
            "AutoRename": "no",
        }
        own = "".join(f"{key} {value}\n" for key, value in keys.items())
        return own + webhook_part("pure-ftpd.conf", "/var/log/pure-ftpd/transfer.log", self.folder)

    def start(self):
        self.program.start()
        wait_until("Pure-FTPd answers", self.answers, watch=[self.program])
        return self

    def source(self, name="main", **more):
        keys = {
            "format": "pureftpd",
            "path": self.log,
            "account": "constant:acc_acme",
            "host": "ftp.example.net",
            "path_prefix": self.home("{user}"),
            **more,
        }
        return super().source(name, **keys)
