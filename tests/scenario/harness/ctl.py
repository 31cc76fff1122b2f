"""trueftpctl as a client of the API."""

import json
import subprocess

from .program import Program, environment
from .stack import ACCOUNT


class Ctl:
    """trueftpctl of one account, and of the operator."""

    def __init__(self, stack, api):
        self.stack, self.bin = stack, stack.bin_dir / "trueftpctl"
        token = stack.folder / "admin-token"
        token.chmod(0o600)
        self.settings = {"TRUEFTP_API": f"http://127.0.0.1:{api.port}", "TRUEFTP_ADMIN_TOKEN_FILE": str(token), "HOME": str(stack.folder)}
        key_file = stack.folder / "api-key"
        key_file.touch(0o600)
        key_file.write_text(self.json("keys", "create", ACCOUNT)["key"] + "\n")
        self.settings["TRUEFTP_API_KEY_FILE"] = str(key_file)

    def run(self, *args, stdin=None, **settings):
        env = environment({**self.settings, **settings})
        env.pop("XDG_CONFIG_HOME", None)
        done = subprocess.run([self.bin, *map(str, args)], input=stdin, capture_output=True, env=env, timeout=90, check=False, text=True)
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    def out(self, *args, status=0, **more):
        done = self.run(*args, **more)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    def lines(self, *args, **more):
        """What --output json prints: a document a line."""
        return [json.loads(line) for line in self.out(*args, "-o", "json", **more).splitlines()]

    def json(self, *args, **more):
        [document] = self.lines(*args, **more)
        return document

    def start(self, name, *args):
        """One that goes on, as a program with a log."""
        program = Program(name, [self.bin, *args], self.stack.folder, self.settings)
        program.start()
        return program
