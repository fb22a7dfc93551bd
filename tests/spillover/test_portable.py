"""What Linux forgives and others do not: text without an encoding, modules and calls that only Unix has, links."""

import ast
import os
from pathlib import Path

import geopandas
import shapely

import weights as wt

ROOT = Path(__file__).parents[2]
PACKAGES = ("spillover", "spatial", "weights", "shapefiles")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
UNIX = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix"}
UNIX_CALLS = {"fork", "forkpty", "getuid", "geteuid", "mkfifo", "setsid", "getpgid", "sched_getaffinity", "uname",
              "SIGALRM", "SIGHUP", "SIGPIPE", "setitimer", "alarm"}  # fmt: skip
BEHIND_A_CHECK = {"killpg": "spillover/qgis_plugin/command.py"}  # on Windows another branch runs


def calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def without_encoding(node: ast.Call) -> bool:
    """A file opened as text in the encoding of the system."""
    if any(keyword.arg == "encoding" for keyword in node.keywords):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    owner = isinstance(node.func, ast.Attribute)
    if name == "read_text":
        return not node.args
    if name == "write_text":
        return len(node.args) < 2
    if name == "open" and not owner:
        mode = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "mode"), None)
        return mode is None or (isinstance(mode, ast.Constant) and "b" not in mode.value)
    return False


def test_text_files_name_their_encoding():
    bare = [f"{path.relative_to(ROOT).as_posix()}:{node.lineno}" for path in SOURCES for node in calls(path)
            if without_encoding(node)]  # fmt: skip
    assert not bare


def test_the_search_for_encodings_finds_them():
    lines = ["open(p)", "open(p, 'w')", "open(p, mode='r')", "p.read_text()", "p.write_text(x)"]
    fine = ["open(p, 'rb')", "open(p, encoding='utf-8')", "p.read_text('utf-8')", "p.write_text(x, encoding='utf-8')"]
    assert [without_encoding(ast.parse(line).body[0].value) for line in lines + fine] == [True] * 5 + [False] * 4


def test_nothing_is_used_that_only_unix_has():
    used = []
    for path in SOURCES:
        where = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
                [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])  # fmt: skip
            used += [(where, name) for name in names if name.split(".")[0] in UNIX]
            call = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in ("os", "signal")
            if call and (node.attr in UNIX_CALLS or BEHIND_A_CHECK.get(node.attr, where) != where):
                used.append((where, node.attr))
    assert not used


def test_a_map_with_an_exclamation_mark_is_read_where_links_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a!b.gpkg"
    squares = geopandas.GeoDataFrame({"code": ["x", "y"]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    squares.to_file(tmp_path / "plain.gpkg")
    os.rename(tmp_path / "plain.gpkg", path)

    def refused(*_, **__):
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refused)
    assert list(wt.read_map(path)["code"]) == ["x", "y"]
