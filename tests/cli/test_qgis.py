"""``spillover qgis``: the plugin in a profile of QGIS, without QGIS."""

import ast
import json
import os
import sys
from pathlib import Path

import pytest

from spillover.cli.qgis_profile import PLUGIN, Profile

INI = """[General]
locale=zh_CN
name=\\x5317\\x4eac, a\\\\b

[PythonPlugins]
other=true

[qgis]
x=@Variant(\\0\\0)
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """Where this system's QGIS keeps its profiles."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    command = tmp_path / "spillover"  # as installed: it needs none of Python's variables
    command.write_text(f'#!/bin/sh\nexec env PYTHONPATH="{ROOT}" "{sys.executable}" -m spillover "$@"\n')
    command.chmod(0o755)
    monkeypatch.setattr(Profile, "command", [str(command)])
    return tmp_path / "QGIS" / "QGIS3" / "profiles"


def test_install_copies_switches_on_and_leaves_all_other_settings(spillover, profiles):
    settings = profiles / "default" / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(INI, encoding="utf-8")
    for _ in range(2):  # again is the same
        status, out, err = spillover("qgis", "install")
        assert status == 0, err
        assert str(profiles / "default" / "python" / "plugins" / PLUGIN) in out
        line = f"[PythonPlugins]\n{PLUGIN}=true\n"
        assert settings.read_text(encoding="utf-8") == INI.replace("[PythonPlugins]\n", line)
    place = Profile(profiles / "default")
    assert json.loads((place.plugin / "command.json").read_text())["command"] == place.command
    assert {"metadata.txt", "icon.svg", "__init__.py", "provider.py"} <= {path.name for path in place.plugin.iterdir()}
    assert [path.name for path in place.plugin.parent.iterdir()] == [PLUGIN]  # nothing left aside
    status, out, _ = spillover("qgis", "install", "--json")
    assert json.loads(out)["table"][0]["where"] == str(place.plugin)


def test_doctor_says_what_is_wrong_and_what_mends_it(spillover, profiles):
    def states():
        status, out, _ = spillover("qgis", "doctor", "--json")
        rows = json.loads(out)["table"]
        return status, {row["check"].split(":")[0].split(" ")[0]: (row["state"], row["next"]) for row in rows}

    status, result = states()
    assert (status, result["profile"][0]) == (1, "wrong")
    assert spillover("qgis", "install")[0] == 0
    status, result = states()
    assert (status, {state for state, _ in result.values()} <= {"ok", "unsure"}) == (0, True)
    place = Profile(profiles / "default")
    breaks = {
        "command": lambda: (place.plugin / "command.json").write_text(json.dumps({"command": ["/not/there"]})),
        "plugin": lambda: (place.plugin / "base.py").write_text("older"),
        "not": lambda: place.settings.write_text(f"[PythonPlugins]\n{PLUGIN}=false\n"),
    }
    for check, damage in breaks.items():
        damage()
        status, result = states()
        assert (status, result[check][0]) == (1, "wrong"), check
        assert "spillover qgis install" in result[check][1]
        assert spillover("qgis", "install")[0] == 0
    assert states()[0] == 0


def test_a_profile_by_name_or_folder(spillover, profiles, tmp_path):
    (profiles / "work").mkdir(parents=True)
    assert spillover("qgis", "install", "--profile", "work")[0] == 0
    assert (profiles / "work" / "python" / "plugins" / PLUGIN / "metadata.txt").exists()
    status, _, err = spillover("qgis", "install", "--profile", "wrok")
    assert status == 3
    assert "profiles are work" in err
    elsewhere = tmp_path / "我的 profile"
    assert spillover("qgis", "install", "--profile", f"{elsewhere}{os.sep}")[0] == 0
    assert (elsewhere / "python" / "plugins" / PLUGIN).is_dir()
    if os.getuid():  # root may write anywhere
        elsewhere.chmod(0o500)
        assert spillover("qgis", "install", "--profile", str(elsewhere / "x"))[0] == 3


def test_the_plugin_imports_nothing_but_qgis_and_the_standard_library():
    folder = ROOT / "spillover" / "qgis_plugin"
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                assert name.split(".")[0] in {"qgis", "processing", *sys.stdlib_module_names}, (path.name, name)


def test_the_plugins_version_is_ours():
    from spillover import __version__

    text = (ROOT / "spillover" / "qgis_plugin" / "metadata.txt").read_text()
    assert f"\nversion={__version__}\n" in text
