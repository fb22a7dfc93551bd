"""Nothing is sent and nothing is fetched: no module of ours imports a client of the network, and a whole report
opens no connection. Only a database that the user names is reached, by psycopg."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("spillover", "spatial", "weights", "shapefiles")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CLIENTS = {"socket", "ssl", "http", "urllib.request", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "smtplib",
           "poplib", "imaplib", "telnetlib", "xmlrpc", "socketserver", "webbrowser", "asyncio", "fsspec"}  # fmt: skip
DATABASE = {"spillover/database.py", "spillover/_postgres.py"}  # the only places that open a connection
WATCH = """
import sys

opened = []
sys.addaudithook(lambda event, arguments: opened.append(event)
                 if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
                              "urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect") else None)
from spillover.cli import _app
from spillover.cli._errors import run

{work}
assert status == 0, status
assert not opened, opened
"""
REPORT = "sys.argv = ['spillover', *sys.argv[1:]]; status = run(_app)"


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it, and from which names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_module_imports_a_client_of_the_network():
    clients = {(path.relative_to(ROOT).as_posix(), name) for path in SOURCES for name in imported(path)
               if name in CLIENTS or name.split(".")[0] in CLIENTS}  # fmt: skip
    assert not clients
    databases = {path.relative_to(ROOT).as_posix() for path in SOURCES
                 if any(name.split(".")[0] == "psycopg" for name in imported(path))}  # fmt: skip
    assert databases <= DATABASE


def test_the_search_finds_every_way_to_import(tmp_path):
    source = tmp_path / "x.py"
    source.write_text("import socket as s\n\ndef f():\n    from urllib import request\n    import http.client\n")
    assert {"socket", "urllib.request", "http.client"} <= imported(source)


def watched(work: str, *words: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", WATCH.format(work=work), *words], cwd=folder, capture_output=True,
                          text=True, encoding="utf-8", timeout=300)  # fmt: skip


def test_a_report_opens_no_connection(tmp_path):
    formula = "log(gsp) ~ log(emp) + unemp"
    done = watched(REPORT, "report", "example:us_states", formula, "-w", "queen", "-o", "report", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.parametrize("work", ["import urllib.request\ntry:\n    urllib.request.urlopen('http://localhost:9')\n"
                                  "except OSError:\n    status = 0",
                                  "import socket\ns = socket.socket()\ns.settimeout(1)\ntry:\n"
                                  "    s.connect(('127.0.0.1', 9))\nexcept OSError:\n    status = 0"])  # fmt: skip
def test_the_watch_notices_a_connection(work, tmp_path):
    done = watched(work, folder=tmp_path)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr
