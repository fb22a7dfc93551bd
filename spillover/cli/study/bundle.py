"""A study as one zip that runs again elsewhere: its file, its data, its results, checksums and versions.

    study.toml            the study, its paths those of the bundle
    data/...              maps, panels and weights from files; shipped examples go by their names
    results/...           report, tables, figures and layer
    requirements.txt      the versions that it ran with
    manifest.json         SHA-256 of every file
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from spillover import __version__
from spillover.errors import SpatialInputError
from spillover.files import replacing
from spillover.versions import versions

STUDY, MANIFEST, LOCK = "study.toml", "manifest.json", "requirements.txt"
EPOCH = (1980, 1, 1, 0, 0, 0)
SAME = 1e-6  # relative difference of numbers that count as the same
MOST = 2**31  # bytes that a bundle may unpack to


@dataclass(frozen=True)
class Same:
    """What a study that ran again has in common with the one that was bundled.

    Attributes
    ----------
    same, other : tuple of str
        Tables with the same numbers, and those with others, each with its largest relative difference.
    versions : tuple of str
        Packages whose version differs.
    """

    same: tuple[str, ...]
    other: tuple[str, ...]
    versions: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{len(self.same)} of {len(self.same) + len(self.other)} tables are the same as in the bundle"]
        lines += [f"differs: {text}" for text in self.other]
        return "\n".join([*lines, *[f"other version: {text}" for text in self.versions]])


def write_bundle(file: Path, results: Iterable[Path], target, *, overwrite: bool = False) -> Path:
    """Everything of a study that has run, in one zip; the same study makes the same bytes but for its results.

    Parameters
    ----------
    file : Path
        The study file.
    results : paths
        What the run has left.
    target : path-like
        The zip.

    Raises
    ------
    SpatialInputError
        E603 it exists, E605 it cannot be written, E605 a path in the study file that cannot be replaced.
    """
    text, contents = _with_data(file)
    contents[STUDY] = text.encode()
    contents |= {f"results/{path.name}": path.read_bytes() for path in results}
    contents[LOCK] = _lock().encode()
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}
    manifest = {"spillover": __version__, "python": platform.python_version(), "sha256": sums}
    contents[MANIFEST] = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
    with replacing(target, overwrite=overwrite) as part, zipfile.ZipFile(part, "w") as box:
        for name, content in sorted(contents.items()):
            box.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return Path(target)


def unpack(bundle, folder: Path) -> Path:
    """The files of a bundle in a folder, their checksums looked at; the path of its study file.

    Raises
    ------
    SpatialInputError
        E602 no bundle, or a file in it is damaged, missing or was changed.
    """
    try:
        with zipfile.ZipFile(bundle) as box:
            sums = json.loads(box.read(MANIFEST))["sha256"]
            if STUDY not in sums:
                raise _damaged(bundle, f"its manifest names no {STUDY}")
            if sum(one.file_size for one in box.infolist()) > MOST:
                raise _damaged(bundle, "it is too large")
            for name, checksum in sums.items():
                at = PurePosixPath(name)
                if at.is_absolute() or ".." in at.parts or "\\" in name:
                    raise _damaged(bundle, f"it names {name!r}")
                content = box.read(name)
                if hashlib.sha256(content).hexdigest() != checksum:
                    raise _damaged(bundle, f"{name} was changed")
                (folder / at).parent.mkdir(parents=True, exist_ok=True)
                (folder / at).write_bytes(content)
    except SpatialInputError:
        raise
    except (OSError, EOFError, KeyError, TypeError, AttributeError, ValueError, RuntimeError, zipfile.BadZipFile,
            zlib.error) as error:  # fmt: skip
        raise _damaged(bundle, str(error)) from error
    return folder / STUDY


def compare(folder: Path, results: Iterable[Path]) -> Same:
    """The tables of a run beside those of the bundle unpacked in ``folder``."""
    now = {path.name: path for path in results if path.suffix == ".csv"}
    same: list[str] = []
    other: list[str] = []
    for before in sorted((folder / "results").glob("*.csv")):
        gap = _gap(before, now[before.name]) if before.name in now else "it is missing"
        (other if gap else same).append(f"{before.name}: {gap}" if gap else before.name)
    old = dict(line.split("==") for line in (folder / LOCK).read_text("utf-8").splitlines() if "==" in line)
    new = dict(line.split("==") for line in _lock().splitlines() if "==" in line)
    changed = [f"{name} {old[name]}, now {new.get(name, 'absent')}" for name in old if old[name] != new.get(name)]
    return Same(tuple(same), tuple(other), tuple(changed))


def _with_data(file: Path) -> tuple[str, dict[str, bytes]]:
    """The study's text with the paths of the bundle, and the files that they lead to."""
    text = file.read_text(encoding="utf-8-sig")
    entries = tomllib.loads(text)
    contents: dict[str, bytes] = {}
    named = [entries["data"][key] for key in ("map", "panel")] + list(entries["weights"].values())
    for i, one in enumerate(dict.fromkeys(named)):
        source = file.parent / one
        if not source.is_file():
            continue  # an example, or a builder of weights
        inside = f"data/{i}/{source.name}"
        quoted = [quote + one + quote for quote in "\"'"]
        if not any(q in text for q in quoted):
            raise SpatialInputError("E605", f"the path {one!r} cannot be replaced in '{file}'",
                                    hint="write it in plain quotation marks, with / between folders")
        for q in quoted:
            text = text.replace(q, f'"{inside}"')
        parts = source.parent.glob(f"{source.stem}.*") if source.suffix.lower() == ".shp" else [source]
        contents |= {f"data/{i}/{part.name}": part.read_bytes() for part in parts}
    return text, contents


def _lock() -> str:
    other = ("python", "platform")
    lines = [f"{name}=={v}" for name, v in versions().items() if name not in other and v != "not installed"]
    return f"# Python {platform.python_version()}\n" + "\n".join(sorted(lines)) + "\n"


def _gap(before: Path, now: Path) -> str:
    """In words what differs most between two tables; empty where nothing does."""
    old, new = (pd.read_csv(StringIO(path.read_text(encoding="utf-8"))) for path in (before, now))
    if old.shape != new.shape or list(old.columns) != list(new.columns):
        return "another shape or other columns"
    largest = 0.0
    for name in old.columns:
        if all(pd.api.types.is_numeric_dtype(table[name]) for table in (old, new)):
            a, b = (table[name].to_numpy(float) for table in (old, new))
            if (np.isnan(a) != np.isnan(b)).any():
                return f"other missing values in {name!r}"
            size = np.maximum(np.abs(a), np.nanmax(np.abs(a), initial=0.0) * 1e-6)
            with np.errstate(invalid="ignore", divide="ignore"):
                largest = max(largest, float(np.nanmax(np.where(a == b, 0.0, np.abs(a - b) / size), initial=0.0)))
        elif not old[name].astype(str).equals(new[name].astype(str)):
            return f"other texts in {name!r}"
    return f"numbers differ by up to {largest:.1e}" if largest > SAME else ""


def _damaged(bundle, why: str) -> SpatialInputError:
    return SpatialInputError("E602", f"'{bundle}' is no sound bundle: {why}",
                             hint="copy it again, or make it with spillover study FILE --bundle")  # fmt: skip


def unpacked():
    """A folder to unpack into, which goes when it is left."""
    return tempfile.TemporaryDirectory(prefix="spillover-")
