"""A profile of QGIS: where it lies, the plugin in it, and its settings."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from spillover import __version__
from spillover.errors import SpatialInputError

PLUGIN = "spillover_processing"  # not the name of our package, which it would hide from QGIS's Python
VERSIONS = ("QGIS4", "QGIS3")
SETTINGS = {"QGIS3": "QGIS/QGIS3.ini", "QGIS4": "QGIS/QGIS4.ini"}
SCRUBBED = ("PYTHON", "GDAL_", "PROJ_", "QT_", "OGR_", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_")
OK, WRONG, UNSURE = "ok", "wrong", "unsure"


@dataclass(frozen=True)
class Profile:
    """A folder with the settings and plugins of one user of QGIS."""

    folder: Path

    @classmethod
    def of(cls, name: str) -> Profile:
        """The profile of a name, or in a folder.

        Raises
        ------
        SpatialInputError
            E601 no such profile, with those that are there.
        """
        if os.sep in name or (os.altsep and os.altsep in name):
            return cls(Path(name))
        places = [root / version / "profiles" for root in roots() for version in VERSIONS]
        for place in places:
            if (place / name).is_dir():
                return cls(place / name)
        there = sorted({path.name for place in places if place.is_dir() for path in place.iterdir() if path.is_dir()})
        if name == "default" and not there:  # QGIS was never started: it makes what is missing
            return cls(roots()[0] / "QGIS3" / "profiles" / "default")
        raise SpatialInputError("E601", f"QGIS has no profile {name!r}",
                                hint=f"profiles are {', '.join(there) or 'none'}; or give its folder")

    @property
    def plugin(self) -> Path:
        return self.folder / "python" / "plugins" / PLUGIN

    @property
    def settings(self) -> Path:
        version = next((v for v in VERSIONS if v in self.folder.parts), "QGIS3")
        return self.folder / SETTINGS[version]

    @property
    def command(self) -> list[str]:
        """This command, as QGIS starts it: whatever the folder, and without Python's own variables."""
        script = Path(sys.executable).with_name("spillover.exe" if os.name == "nt" else "spillover")
        return [str(script)] if script.exists() else [sys.executable, "-P", "-m", "spillover"]

    def install(self) -> None:
        """Copy the plugin, whole or not at all, with the command beside it; switch it on.

        Raises
        ------
        SpatialInputError
            E605 the profile cannot be written to.
        """
        try:
            self.plugin.parent.mkdir(parents=True, exist_ok=True)
            with as_file(files("spillover.qgis_plugin")) as source, \
                    tempfile.TemporaryDirectory(dir=self.plugin.parent, prefix=f".{PLUGIN}-") as aside:  # fmt: skip
                new, old = Path(aside) / "new", Path(aside) / "old"
                shutil.copytree(source, new, ignore=shutil.ignore_patterns("__pycache__"))
                (new / "command.json").write_text(json.dumps({"command": self.command, "version": __version__}),
                                                  encoding="utf-8")  # fmt: skip
                if self.plugin.exists():
                    self.plugin.rename(old)
                new.rename(self.plugin)
            self._switch_on()
        except OSError as error:
            raise SpatialInputError("E605", f"cannot write to '{self.folder}': {error.strerror}",
                                    hint="name another profile with --profile") from error

    def checks(self) -> list[tuple[str, str, str]]:
        """(what was looked at, how it is, what mends it) of everything that the plugin needs."""
        again = "spillover qgis install"
        out = [_program()]
        if not self.folder.is_dir():
            return [*out, (f"profile {self.folder}: not there", WRONG, "start QGIS once, or give --profile")]
        out.append((f"profile {self.folder}", OK, ""))
        if not (self.plugin / "metadata.txt").exists():
            return [*out, (f"plugin: not in {self.plugin}", WRONG, again)]
        differs = self._differs()
        out.append((f"plugin: {', '.join(differs[:3])} of another version" if differs else f"plugin {self.plugin}",
                    WRONG if differs else OK, again if differs else ""))  # fmt: skip
        on = re.search(rf"(?m)^{PLUGIN}=true\s*$", _section(self._ini(), "PythonPlugins"))
        out.append(("switched on in QGIS" if on else "not switched on in QGIS", OK if on else WRONG,
                    "" if on else f"{again}, or Plugins, Manage and Install Plugins"))  # fmt: skip
        return [*out, self._runs()]

    def _runs(self) -> tuple[str, str, str]:
        """Whether the command that the plugin has starts, in QGIS's environment."""
        again = "spillover qgis install"
        try:
            words = json.loads((self.plugin / "command.json").read_text(encoding="utf-8"))["command"]
            clean = {k: v for k, v in os.environ.items() if not k.upper().startswith(SCRUBBED)}
            done = subprocess.run([*words, "--version"], env=clean, cwd=self.plugin, capture_output=True, text=True,
                                  timeout=60)  # fmt: skip
        except (OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            return f"command: {error}", WRONG, again
        text = (done.stdout if not done.returncode else done.stderr).strip().splitlines() or ["no answer"]
        if done.returncode or __version__ not in text[0]:
            return f"command {' '.join(words)}: {text[-1]}", WRONG, again
        return f"command {' '.join(words)}: {text[0]}", OK, ""

    def _differs(self) -> list[str]:
        """Files of the plugin that are not as this version has them."""
        with as_file(files("spillover.qgis_plugin")) as source:
            names = [path.name for path in Path(source).iterdir() if path.is_file()]
            _same, *other = filecmp.cmpfiles(source, self.plugin, names, shallow=False)
        return sorted(name for group in other for name in group)

    def _ini(self) -> str:
        return self.settings.read_text(encoding="utf-8") if self.settings.exists() else ""

    def _switch_on(self) -> None:
        """The line in QGIS's settings that loads the plugin; all else stays as it is."""
        text, line = self._ini(), f"{PLUGIN}=true"
        text = re.sub(rf"(?m)^{PLUGIN}=.*\n?", "", text)
        if re.search(r"(?m)^\[PythonPlugins\]\s*$", text):
            text = re.sub(r"(?m)^\[PythonPlugins\]\s*$", lambda match: f"{match[0].rstrip()}\n{line}", text, count=1)
        else:
            text = f"{text.rstrip()}\n\n[PythonPlugins]\n{line}\n".lstrip()
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        part = self.settings.with_name(f".{self.settings.name}.part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.settings)


def roots() -> list[Path]:
    """Where QGIS keeps its profiles on this system."""
    if sys.platform == "win32":
        return [Path(os.environ.get("APPDATA", Path.home())) / "QGIS"]
    if sys.platform == "darwin":
        return [Path.home() / "Library" / "Application Support" / "QGIS"]
    return [Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "QGIS",
            Path.home() / ".var/app/org.qgis.qgis/data/QGIS"]  # fmt: skip


def _section(text: str, name: str) -> str:
    match = re.search(rf"(?ms)^\[{name}\]\s*$(.*?)(?=^\[|\Z)", text)
    return match[1] if match else ""


def _program() -> tuple[str, str, str]:
    program = shutil.which("qgis")
    if program is None:
        return "qgis: not on the path, so its version is not known", UNSURE, ""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60,
                              env=os.environ | {"QT_QPA_PLATFORM": "offscreen"})  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return f"{program} does not start", UNSURE, ""
    version = re.search(r"QGIS (\d+)\.(\d+)", done.stdout + done.stderr)
    if version is None:
        return f"{program}: version not known", UNSURE, ""
    old = (int(version[1]), int(version[2])) < (3, 22)
    return f"{program}: {version[0]}", WRONG if old else OK, "QGIS 3.22 or later is needed" if old else ""
