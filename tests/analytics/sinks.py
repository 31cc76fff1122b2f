"""The three sinks with the files of deploy/analytics, each in a real engine, behind one face: put(lines), rows(), errors(), ask(query)."""

import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ROOT / "deploy/analytics"
COLUMNS = "delivery_id, account_id, path, status, revision, attempt, http_status, error, last_duration_ms, test"


def queries(sink):
    """name -> SQL, of a queries.sql whose questions begin with `-- name:`."""
    parts = re.split(r"^-- (\w+):.*$", (FILES / sink / "queries.sql").read_text(), flags=re.M)[1:]
    return {name: sql.strip().rstrip(";") for name, sql in zip(parts[::2], parts[1::2])}


class ClickHouse:
    """ClickHouse as a library. The Kafka engine is not in it: a table that keeps nothing stands in its place, with its virtual columns."""

    def __init__(self, folder):
        from chdb import session

        self.session = session.Session(str(folder / "clickhouse"))
        self.run_file("tables.sql")
        self.session.query(
            "CREATE TABLE trueftp.delivery_stream (record String, _error String, _raw_message String, _topic String, _partition UInt64, _offset UInt64)"
            " ENGINE = Null"
        )
        self.run_file("views.sql")

    def run_file(self, name):
        for statement in re.sub(r"--.*", "", (FILES / "clickhouse" / name).read_text()).split(";"):
            if statement.strip():
                self.session.query(statement)

    def put(self, lines):
        values = ", ".join("('" + line.replace("\\", "\\\\").replace("'", "\\'") + "')" for line in lines)
        self.session.query(f"INSERT INTO trueftp.delivery_stream (record) VALUES {values}")

    def ask(self, sql):
        import json

        text = self.session.query(sql, "JSONCompact").bytes().decode()
        return [tuple(row) for row in json.loads(text)["data"]]

    def rows(self):
        return self.ask(f"SELECT {COLUMNS} FROM trueftp.deliveries FINAL ORDER BY delivery_id")

    def errors(self):
        return int(self.ask("SELECT count() FROM trueftp.delivery_errors")[0][0])

    def close(self):
        self.session.close()


class PostgreSql:
    """A server of its own in a folder, on a Unix socket alone, as an ordinary user."""

    def __init__(self, folder):
        self.bin = pathlib.Path(os.environ["TESTS_POSTGRES"])
        self.home = folder / "postgresql"
        self.home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.home, "nobody", "nogroup")
            for parent in self.home.parents:
                if str(parent).startswith("/tmp/"):
                    parent.chmod(0o755)
        self.run("initdb", "-D", self.home / "data", "-U", "trueftp", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        options = f"-k {self.home} -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-D", self.home / "data", "-w", "-l", self.home / "log", "-o", options, "start")
        for name in ("tables.sql", "upsert.sql"):
            self.sql((FILES / "postgresql" / name).read_text())

    def run(self, program, *arguments, text=None):
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_user, self.bin / program, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120, check=False, cwd="/"
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout

    def sql(self, text):
        return self.run("psql", "-h", self.home, "-U", "trueftp", "-d", "postgres", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", text=text)

    def put(self, lines):
        quoted = (line.replace("'", "''") for line in lines)
        self.sql("".join(f"SELECT trueftp.put_delivery('{line}');\n" for line in quoted))

    def ask(self, sql):
        return [tuple(line.split("\x1f")) for line in self.sql(sql + ";").splitlines() if line]

    def rows(self):
        return self.ask(f"SELECT {COLUMNS} FROM trueftp.deliveries ORDER BY delivery_id")

    def errors(self):
        return int(self.ask("SELECT count(*) FROM trueftp.delivery_errors")[0][0])

    def close(self):
        self.run("pg_ctl", "-D", self.home / "data", "-m", "immediate", "stop")


class DuckDb:
    """Lines are kept in a file, and read anew by each question, as an export is."""

    def __init__(self, folder):
        self.lines, self.parquet = folder / "lines.jsonl", folder / "deliveries.parquet"
        self.lines.write_text("")

    def put(self, lines):
        with open(self.lines, "a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def connect(self):
        import duckdb

        connection = duckdb.connect()
        connection.execute(f"SET VARIABLE lines = '{self.lines}'; SET VARIABLE parquet = '{self.parquet}'")
        connection.execute((FILES / "duckdb/parquet.sql").read_text())
        return connection

    def ask(self, sql):
        return self.connect().execute(sql).fetchall()

    def rows(self):
        return self.ask(f"SELECT {COLUMNS} FROM '{self.parquet}' ORDER BY delivery_id")

    def errors(self):
        return self.ask("SELECT count(*) FROM delivery_errors")[0][0]

    def close(self):
        self.lines.unlink()


SINKS = {"clickhouse": ClickHouse, "postgresql": PostgreSql, "duckdb": DuckDb}
