"""A program of the system, or a server it stands on, as a process with a log that can be asked."""

import ctypes
import json
import os
import signal
import subprocess

from .waiting import wait_until

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "LeakSanitizer has encountered")
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    """In the child, before exec: nothing that a scenario started outlives it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(settings):
    """Ours without any setting of the programs, and the settings given."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRUEFTP_")}
    # The worker is not dumpable, so only root can look for its leaks.
    leaks = 1 if os.geteuid() == 0 else 0
    env["ASAN_OPTIONS"] = f"detect_leaks={leaks}:exitcode=99"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:exitcode=99"
    env.update(settings)
    return env


class Program:
    """A process whose standard output and error go to a file of the test's folder."""

    def __init__(self, name, argv, folder, settings=None):
        self.name = name
        self.argv = [str(arg) for arg in argv]
        self.settings = dict(settings or {})
        self.log_path = folder / f"{name}.log"
        self.process = None
        self.started_at = 0  # where the log of this start begins

    def start(self):
        self.started_at = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.settings),
                preexec_fn=die_with_parent,
            )
        return self

    # ---- what it says

    def output(self):
        """All it has said since its last start."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as log:
            log.seek(self.started_at)
            return log.read().decode("utf-8", "replace")

    def facts(self, name=None):
        """The lines of its log as dictionaries; all, or those of one fact."""
        found = []
        for line in self.output().splitlines():
            if line.startswith("{"):
                try:
                    fact = json.loads(line)
                except ValueError:
                    continue  # a line that is being written
                if name is None or fact.get("fact") == name:
                    found.append(fact)
        return found

    def wait_fact(self, name, seconds=20.0, **members):
        """Waits until it logs the fact with these members, and returns it."""

        def said():
            return next((f for f in self.facts(name) if all(f.get(k) == v for k, v in members.items())), None)

        return wait_until(f"{self.name} says {name} {members or ''}", said, seconds, watch=[self])

    def tail(self, lines=20):
        last = "\n    ".join(line[:500] for line in self.output().splitlines()[-lines:])
        return f"\n--- {self.name}, last lines of {self.log_path}:\n    {last}\n"

    # ---- its life

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def expect_running(self, while_what):
        if not self.running():
            raise AssertionError(f"{self.name} ended with {self.process and self.process.returncode} ({while_what}){self.tail()}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL, and wait for the end."""
        if self.running():
            self.process.kill()
        self.process.wait(10)

    def wait_end(self, seconds=60.0):
        """Its exit status, when it ends by itself."""
        return self.process.wait(seconds)

    def stop(self, seconds=60.0):
        """SIGTERM; the exit status. What does not end in time is a failure."""
        if self.running():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds:g} s of SIGTERM{self.tail()}") from None

    def complaints(self):
        """What the sanitizers found in this start, or an empty string."""
        text = self.output()
        return self.tail(80) if any(mark in text for mark in SANITIZER_MARKS) else ""
