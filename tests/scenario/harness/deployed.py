"""The three FTP servers with the very configurations of deploy/ftp: the whole file, in which nothing is changed but ports, addresses, the
folders of a test, and what a test needs on top. As root alone, since that is how they run."""

import ftplib
import os
import pathlib
import re
import shutil
import stat
import subprocess

from .frontends import DEPLOY
from .ftp import PASSWORD, FtpServer
from .ports import free_port
from .program import Program
from .waiting import wait_until


def set_keys(text, separator, **keys):
    """The configuration with these keys' values exchanged; each must stand there."""
    for key, value in keys.items():
        text, count = re.subn(rf"^(\s*{key}{separator}).*$", lambda found, v=value: found.group(1) + str(v), text, flags=re.M)
        assert count, f"no {key} in the configuration"
    return text


def certificate(folder):
    """A self-signed one; (certificate, key)."""
    crt, key = folder / "tls.crt", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=ftp", "-keyout", key, "-out", crt]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return crt, key


class Deployed(FtpServer):
    """What the three have in common. name: of the server and of its files in deploy/ftp."""

    USER = "pipeline"
    OWNER = "nobody", "nogroup"  # of the files
    name = ""
    log_name = ""

    def __init__(self, unpacked, folder, address="127.0.0.1"):  # pylint: disable=super-init-not-called
        self.unpacked, self.address = pathlib.Path(unpacked), address
        self.folder = folder / self.name
        self.port = free_port()
        self.log_folder = self.folder / "log"
        self.log = self.log_folder / self.log_name
        self.home(self.USER).mkdir(parents=True)
        self.log_folder.mkdir()
        self.crt, self.key = certificate(self.folder)
        shutil.chown(self.home(self.USER), *self.OWNER)
        self.prepare()
        path = self.folder / "server.conf"
        path.write_text(self.configuration())
        self.program = Program(self.name, self.command(path), folder, self.environment())

    def prepare(self):
        pass

    def environment(self):
        return {}

    def deployed(self):
        return (DEPLOY / f"{self.config_name}").read_text()

    def start(self):
        self.program.start()
        wait_until(f"{self.name} answers", self.answers, watch=[self.program])
        return self

    def answers(self):
        try:
            with ftplib.FTP() as ftp:
                ftp.connect(self.address, self.port, 5)
                return True
        except OSError:
            return False

    def host(self):
        return f"[{self.address}]" if ":" in self.address else self.address

    def url(self, user, path=""):
        return f"ftp://{user}:{PASSWORD}@{self.host()}:{self.port}{path}"

    def session(self, user, encoding="utf-8"):
        ftp = ftplib.FTP(encoding=encoding, timeout=30)
        ftp.connect(self.address, self.port)
        ftp.login(user, PASSWORD)
        return ftp

    def source(self, name="main", **more):
        keys = {"format": self.name, "path": self.log, "account": "constant:acc_acme", "host": "ftp.example.net", **more}
        return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())

    def rotate(self):
        """Debian's logrotate with the snippet of deploy/ftp."""
        snippet = (DEPLOY / "logrotate" / self.logrotate_name).read_text()
        text = re.sub(r"^/var/log/\S+", str(self.log), snippet, flags=re.M)
        path = self.folder / "logrotate.conf"
        path.write_text(text)
        before = set(self.log_folder.iterdir())
        subprocess.run(["logrotate", "--force", "--state", self.folder / "logrotate.state", path], check=True, timeout=60)
        assert not self.log.exists() and len(set(self.log_folder.iterdir()) - before) == 1


class Proftpd(Deployed):
    name = "proftpd"
    config_name = "proftpd.conf"
    logrotate_name = "proftpd"
    log_name = "webhook.log"
    ACCOUNT = "acc_acme"

    def prepare(self):
        self.sftp_port = free_port()
        self.sbin = self.unpacked / "usr/sbin"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", self.folder / "host_key"], check=True, timeout=60)
        hashed = subprocess.run(["openssl", "passwd", "-5", PASSWORD], capture_output=True, text=True, check=True).stdout.strip()
        (self.folder / "ftpd.passwd").write_text(f"{self.USER}:{hashed}:65534:60000::{self.home(self.USER)}:/bin/false\n")
        (self.folder / "ftpd.group").write_text(f"{self.ACCOUNT}:x:60000:{self.USER}\n")
        for path in (self.folder / "ftpd.passwd", self.folder / "ftpd.group", self.key):
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        self.quota()

    def quota(self):
        """Files of at most a megabyte in all."""
        tool = ["perl", self.sbin / "ftpquota"]
        limit, tally = self.folder / "limit.tab", self.folder / "tally.tab"
        subprocess.run([*tool, "--create-table", "--type=limit", f"--table-path={limit}"], check=True, timeout=30)
        subprocess.run([*tool, "--create-table", "--type=tally", f"--table-path={tally}"], check=True, timeout=30)
        record = ["--add-record", "--type=limit", f"--table-path={limit}", f"--name={self.USER}", "--quota-type=user"]
        subprocess.run([*tool, *record, "--bytes-upload=1", "--units=Mb", "--limit-type=hard"], check=True, timeout=30, capture_output=True)

    def modules(self):
        """What Debian's modules.conf loads of them; mod_xfer and mod_ls are modules from Debian 13 on, and in the program before."""
        folder = self.unpacked / "usr/lib/proftpd"
        names = [name for name in ("mod_xfer", "mod_ls") if (folder / f"{name}.so").exists()]
        names += ["mod_tls", "mod_sftp", "mod_quotatab", "mod_quotatab_file"]
        return f"ModulePath {folder}\n" + "".join(f"LoadModule {name}.c\n" for name in names)

    def configuration(self):
        text = self.deployed()
        text = text.replace("Include                     /etc/proftpd/modules.conf", self.modules())
        text = text.replace("Port                      2222", f"Port                      {self.sftp_port}")
        text = set_keys(text, r"\s+", PassivePorts="30000 32767", User="nobody", TLSRequired="off", SFTPHostKey=self.folder / "host_key")
        text = re.sub(r"^Port .*$", f"Port {self.port}", text, flags=re.M)
        text = text.replace("<VirtualHost 0.0.0.0 ::>", f"<VirtualHost {self.address}>")
        text = text.replace("/etc/proftpd/", f"{self.folder}/").replace("/var/log/proftpd/", f"{self.log_folder}/")
        own = {"DefaultAddress": self.address, "SocketBindTight": "on", "PidFile": self.folder / "pid", "ScoreboardFile": self.folder / "scoreboard",
               "SystemLog": self.folder / "system.log", "ControlsEngine": "off", "WtmpLog": "off", "TransferLog": "none"}
        quota = {"QuotaEngine": "on", "QuotaLimitTable": f"file:{self.folder}/limit.tab", "QuotaTallyTable": f"file:{self.folder}/tally.tab"}
        more = "".join(f"{key} {value}\n" for key, value in own.items())
        more += "<IfModule mod_delay.c>\nDelayEngine off\n</IfModule>\n"
        return text + more + "<IfModule mod_quotatab_file.c>\n" + "".join(f"{key} {value}\n" for key, value in quota.items()) + "</IfModule>\n"

    def command(self, path):
        return [self.sbin / "proftpd", "-n", "-q", "-c", path]

    def source(self, name="main", **more):
        return super().source(name, **{"account": "group", **more})

    def sftp(self, commands):
        """OpenSSH's client with these commands; its output."""
        askpass = self.folder / "askpass"
        askpass.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
        askpass.chmod(0o700)
        options = ["-oBatchMode=no", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oPreferredAuthentications=password",
                   "-oNumberOfPasswordPrompts=1", "-oLogLevel=ERROR"]
        command = ["sftp", *options, "-P", str(self.sftp_port), "-b", "-", f"{self.USER}@{self.host()}"]
        env = {**os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
        done = subprocess.run(command, input="\n".join(commands).encode() + b"\n", capture_output=True, env=env, timeout=60, check=False)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        return done.stdout.decode("utf-8", "replace")


class Vsftpd(Deployed):
    """Its one user is anonymous: local ones would need accounts of the machine. It is one whose home exists, where the server looks before it
    goes to its root; and since it may not write to that root, its files are in a folder there, which the source takes off."""

    name = "vsftpd"
    config_name = "vsftpd.conf"
    logrotate_name = "vsftpd"
    log_name = "vsftpd.log"
    USER = "ftp"
    OWNER = "daemon", "daemon"

    def prepare(self):
        (self.folder / "empty").mkdir()

    def home(self, user):
        return self.folder / "root/files"

    def url(self, user, path=""):
        return super().url(user, "/files" + path)

    def session(self, user, encoding="utf-8"):
        ftp = super().session(user, encoding)
        ftp.cwd("/files")
        return ftp

    def source(self, name="main", **more):
        return super().source(name, **{"path_prefix": "/files", **more})

    def configuration(self):
        text = set_keys(self.deployed(), "=", rsa_cert_file=self.crt, rsa_private_key_file=self.key, secure_chroot_dir=self.folder / "empty",
                        vsftpd_log_file=self.log, pasv_min_port=30000, pasv_max_port=32767, anonymous_enable="YES", local_enable="NO")
        v6 = ":" in self.address
        text = set_keys(text, "=", listen="NO" if v6 else "YES", listen_ipv6="YES" if v6 else "NO")
        keys = {
            "listen_address6" if v6 else "listen_address": self.address,
            "listen_port": self.port,
            "background": "NO",
            "seccomp_sandbox": "NO",
            "anon_root": self.folder / "root",
            "ftp_username": self.OWNER[0],
            "allow_anon_ssl": "YES",
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO",
            "anon_umask": "022",
        }
        return text + "".join(f"{key}={value}\n" for key, value in keys.items())

    def environment(self):
        return {"OPENSSL_CONF": str(DEPLOY / "vsftpd-openssl.cnf")}

    def command(self, path):
        # It speaks of what is wrong on its standard input, which is a connection for a server started by inetd.
        return ["/bin/sh", "-c", f"exec {self.unpacked}/usr/sbin/vsftpd {path} 0<>{self.folder}/complaint"]


class PureFtpd(Deployed):
    name = "pureftpd"
    config_name = "pure-ftpd.conf"
    logrotate_name = "pure-ftpd"
    log_name = "transfer.log"

    def prepare(self):
        pem = self.folder / "pure-ftpd.pem"
        pem.write_bytes(self.key.read_bytes() + self.crt.read_bytes())
        pem.chmod(0o600)
        files = ["-f", self.folder / "passwd", "-F", self.folder / "pureftpd.pdb", "-m"]
        owner = ["-u", "nobody", "-g", "nogroup", "-d", self.home(self.USER), "-N", "1"]  # a megabyte in all
        command = [str(part) for part in [self.unpacked / "usr/bin/pure-pw", "useradd", self.USER, *files, *owner]]
        subprocess.run(command, input=f"{PASSWORD}\n{PASSWORD}\n", text=True, capture_output=True, check=True, timeout=30)

    def configuration(self):
        text = set_keys(self.deployed(), r"\s+", PureDB=self.folder / "pureftpd.pdb", CertFile=self.folder / "pure-ftpd.pem", TLS=1,
                        AltLog=f"clf:{self.log}", PassivePortRange="30000 32767")
        address = self.address.replace("::1", "0:0:0:0:0:0:0:1")  # a value that begins with a colon loses it: "Bind: ..." is allowed too
        own = {"Bind": f"{address},{self.port}", "PIDFile": self.folder / "pid"}
        return text + "".join(f"{key} {value}\n" for key, value in own.items())

    def command(self, path):
        return [self.unpacked / "usr/sbin/pure-ftpd", path]

    def source(self, name="main", **more):
        return super().source(name, **{"path_prefix": self.home("{user}"), **more})
