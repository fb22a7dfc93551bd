"""Run the scripts of R again: ``python -m tests.reference.regenerate [CASE ...]``, or ``make reference``.

Stored results are replaced only where a number differs and the versions of R's packages are those that are installed:
results of other versions, or of packages that are not installed, are left as they are. Differences are printed either
way. Debian has ``r-cran-spdep``, ``r-cran-plm``, ``r-cran-clubsandwich`` and
``r-cran-jsonlite``; ``splm``, ``SDPDmod`` and ``sphet`` it does not have.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DIGITS = 1e-6  # relative; R's optimisers leave less, and their last digits are those of a machine


@dataclass(frozen=True)
class Case:
    """A script, its results, the packages that it needs, and how it is called."""

    script: str
    results: str
    packages: tuple[str, ...]
    inputs: bool = True  # tests/reference/spatialreg/inputs.py writes what it reads
    reads: str = ""  # the file that it takes; all of them otherwise


CASES = {
    "spatialreg": Case("spatialreg/generate.R", "spatialreg/results.json", ("spdep", "spatialreg", "plm")),
    "gmm": Case("gmm/generate.R", "gmm/results.json", ("spdep", "spatialreg")),
    "obs_weights": Case("obs_weights/generate.R", "obs_weights/results.json", ("spdep", "spatialreg", "sandwich")),
    "predict": Case("predict/generate.R", "predict/results.json", ("spdep", "spatialreg")),
    "panel_tests": Case("panel_tests/generate.R", "panel_tests/results.json", ("plm", "sandwich"), reads="usaww.csv"),
    "clubsandwich": Case("clubsandwich/generate.R", "clubsandwich/results.json", ("clubSandwich", "plm")),
    "random_gaps": Case("random_gaps/generate.R", "random_gaps/results.json", ("plm",), inputs=False),
    "splines": Case("splines/generate.R", "splines/results.json", ("splines",), inputs=False),
    "pgmm": Case("dynamic/pgmm.R", "dynamic/pgmm.json", ("plm",), inputs=False),
    "splm": Case("splm/generate.R", "splm/results.json", ("splm", "spdep"), inputs=False),
}


def main(names: list[str]) -> int:
    """Print one line per case and one per difference; 1 where a script failed or its numbers differ."""
    installed, worst = versions_installed(), 0
    for name in names or CASES:
        case = CASES[name]
        if missing := [p for p in case.packages if p not in installed]:
            print(f"{name}: left as it is: R has no {', '.join(missing)}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            fresh, problem = run(case, Path(folder))
            if problem:
                print(f"{name}: the script failed: {problem}")
                worst = 1
                continue
            worst = max(worst, replace_stored(name, case, fresh, installed))
    return worst


def replace_stored(name: str, case: Case, fresh: Path, installed: dict[str, str]) -> int:
    """Compare fresh results with the stored ones, and take their place where the versions are the same."""
    stored = HERE / case.results
    if not stored.is_file():
        shutil.copy(fresh, stored)
        print(f"{name}: stored for the first time")
        return 0
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (stored, fresh))
    gaps = list(differences(without_versions(old), without_versions(new)))
    before = versions_of(old)
    others = [f"{p} {before[p]}, installed {installed[p]}"
              for p in case.packages if p in before and before[p] != installed[p]]  # fmt: skip
    kept = "the same" if not gaps else f"left as it is ({'; '.join(others)})" if others else "written again"
    print(f"{name}: {kept}; {len(gaps)} numbers differ by more than {DIGITS:g}" + ":" * bool(gaps))
    for gap in gaps:
        print(f"  {gap}")
    if gaps and not others:
        shutil.copy(fresh, stored)
    return int(bool(gaps))


def run(case: Case, folder: Path) -> tuple[Path, str]:
    """(the file of results, what R said when it failed)."""
    if case.inputs:
        subprocess.run([sys.executable, HERE / "spatialreg/inputs.py", folder], check=True)
    script = shutil.copy(HERE / case.script, folder)
    command = ["Rscript", script, str(folder / case.reads)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return folder, (done.stderr.strip().splitlines() or ["no message"])[-1]
    fresh = folder / Path(case.results).name
    if not fresh.is_file():
        fresh.write_text(done.stdout, encoding="utf-8")
    return fresh, ""


def versions_installed() -> dict[str, str]:
    """Of R's packages."""
    code = 'x <- installed.packages(); cat(paste(x[, "Package"], x[, "Version"]), sep = "\\n")'
    try:
        done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        return {}
    return {name: plain(version) for name, version in (line.split() for line in done.stdout.splitlines())}


def versions_of(results: dict) -> dict[str, str]:
    """Package: version, from the entry ``versions`` of a file of results, a table or a line of text."""
    told = results.get("versions", {})
    if isinstance(told, str):
        return {name: plain(version) for name, version in re.findall(r"(\w+) (\d+(?:[.-]\d+)+)", told)}
    return {name: plain(str(version)) for name, version in told.items()}


def plain(version: str) -> str:
    """1.2-7 and 1.2.7 are the same version."""
    return version.replace("-", ".")


def without_versions(results: dict) -> dict:
    return {key: value for key, value in results.items() if key != "versions"}


def differences(old, new, place: str = "") -> Iterator[str]:
    """Where two nested tables differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in old or key not in new:
                yield f"{place}{key}: only in the {'stored' if key in old else 'new'} results"
            else:
                yield from differences(old[key], new[key], f"{place}{key}.")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new)):
            yield from differences(one, other, f"{place}{i}.")
    elif isinstance(old, int | float) and isinstance(new, int | float):
        if abs(old - new) > DIGITS * max(1.0, abs(old)):
            yield f"{place[:-1]}: stored {old!r}, now {new!r}"
    elif old != new:
        yield f"{place[:-1]}: stored {old!r}, now {new!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
