"""``python -m tests.postgis``: a throwaway PostGIS on a free port, the tests against it, and nothing left behind.

The cluster belongs to an unprivileged user (where root runs this: postgres), lies in a temporary folder, and listens on
loopback alone.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

OWNER = "postgres"  # runs the server where we are root, which PostgreSQL refuses


def main(arguments: list[str]) -> int:
    """The exit status of pytest; 0 with a line where no PostGIS is installed."""
    programs = binaries()
    if programs is None:
        print("no PostgreSQL with PostGIS here: apt-get install postgresql-15-postgis-3")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with cluster(programs) as settings:
        command = [sys.executable, "-m", "pytest", "-q", "-m", "postgis", *(arguments or ["tests/postgis"])]
        return subprocess.run(command, env=os.environ | settings).returncode


def binaries() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian keeps them."""
    there = shutil.which("initdb")
    places = [Path(there).parent] if there else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


@contextmanager
def cluster(programs: Path):
    """A running server; yields the environment in which the tests find it."""
    folder = Path(tempfile.mkdtemp(prefix="spillover-postgis-"))
    words = {name: secrets.token_hex(16) for name in ("owner", "analyst", "guest")}
    port = free_port()
    try:
        folder.chmod(0o755)
        data, secret = folder / "data", folder / "secret"
        data.mkdir()
        secret.write_text(words["owner"])
        for path in (folder, data, secret):
            _give(path)
        run([programs / "initdb", "-D", data, "-U", "owner", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"])  # fmt: skip
        options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder} -c fsync=off"
        run([programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "-t", "60", "start"])
        try:
            prepare(port, words)
            yield {"SPILLOVER_POSTGIS": f"127.0.0.1:{port}", "PGPASSWORD": words["analyst"],
                   "SPILLOVER_POSTGIS_GUEST": words["guest"], "SPILLOVER_POSTGIS_OWNER": words["owner"]}  # fmt: skip
        finally:
            run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(port: int, words: dict) -> None:
    """Databases, roles and schemas: an analyst who may write into ``work``, a guest who may only read."""
    import psycopg

    def connect(database):
        return psycopg.connect(host="127.0.0.1", port=port, dbname=database, user="owner", password=words["owner"],
                               autocommit=True)  # fmt: skip

    with connect("postgres") as server:
        server.execute("CREATE DATABASE gis")
        server.execute("CREATE DATABASE plain")
        for name in ("analyst", "guest"):
            server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{words[name]}'")
    with connect("gis") as gis:
        gis.execute("CREATE SCHEMA extensions; CREATE EXTENSION postgis SCHEMA extensions")
        gis.execute("ALTER DATABASE gis SET search_path = public, extensions")
        gis.execute("GRANT USAGE ON SCHEMA extensions TO PUBLIC; GRANT CREATE ON SCHEMA public TO analyst")
        gis.execute("CREATE SCHEMA work AUTHORIZATION analyst; GRANT USAGE ON SCHEMA work TO guest")
    with connect("plain") as plain:
        plain.execute("GRANT CREATE ON SCHEMA public TO analyst")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command: list) -> None:
    as_owner = {"user": OWNER, "group": pwd.getpwnam(OWNER).pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, cwd="/", **as_owner)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{Path(command[0]).name} failed: {done.stderr}")


def _give(path: Path) -> None:
    if os.getuid() == 0:
        shutil.chown(path, OWNER, OWNER)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
