"""Seeded defects: does a test fail when the code is wrong? ``python -m tests.defects``.

Ten mistakes that software of this field has made are put into a scratch copy of the project, one at a time; the few
tests that must notice run there. The exit status is 1 where one notices nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("spatial", "weights", "shapefiles", "spillover", "tests", "setup.cfg", "pyproject.toml")
PASSED, FAILED = 0, 1  # exit statuses of pytest; any other means that the tests did not run
ESTIMATORS, LAWS, ENGINES = (
    f"tests/spatial/{name}.py" for name in ("models/test_estimators", "explore/test_laws", "explore/test_engines")
)


@dataclass(frozen=True)
class Defect:
    """A mistake, as changes of the text, and the tests that must fail with it.

    Attributes
    ----------
    name : str
    patches : tuple of (file, old text, new text)
        The old text occurs once in the file.
    tests : tuple of str
        Files, or single tests as ``file::test``.
    """

    name: str
    patches: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


DEFECTS = (
    Defect(
        "theta is left out of the direct effects",
        (("spatial/effects/propagate.py", "return np.array([1 + rho * g, g])",
          "return np.array([1 + rho * g, 0 * g])"),),
        (f"{ESTIMATORS}::test_effects_equal_the_dense_inverse",),
    ),
    Defect(
        "rho is confined to (-1, 1) whatever the eigenvalues of W",
        (("spatial/logdet/structure.py", "return np.round(1 / low, 12), np.round(1 / high, 12)",
          "return np.full_like(low, -1.0), np.full_like(high, 1.0)"),),
        (f"{ESTIMATORS}::test_the_interval_ends_where_the_matrix_is_singular",),
    ),
    Defect(
        "two-sided p-values of permutations are those of the smaller tail",
        (("spatial/explore/_null.py",
          "return np.minimum(1.0, 2 * (np.minimum(above, below) + 1) / (permutations + 1))",
          "return (np.minimum(above, below) + 1) / (permutations + 1)"),),
        (f"{LAWS}::test_p_values_lie_in_their_range_and_tails_agree",),
    ),
    Defect(
        "ties count in one tail of the permutations only",
        (("spatial/explore/_null.py", "below = int(np.count_nonzero(simulated <= observed + slack))",
          "below = int(np.count_nonzero(simulated < observed - slack))"),),
        (f"{ENGINES}::test_ties_count_in_both_tails",),
    ),
    Defect(
        "ids are ignored: units are matched by position",
        (("spillover/ids.py", 'return Match(place, "")', 'return Match(np.arange(len(want)), "")'),),
        ("tests/spillover/test_matching.py",),
    ),
    Defect(
        "the likelihood of a panel lacks Lee and Yu's correction",
        (("spatial/design/sample.py", "    if correction is True:\n        return d.left(effects)\n",
          "    if correction is True:\n        return d.nobs\n"),
         ("spatial/design/sample.py", "copies = len(d.y) - (bool(correction) and effects.entity)",
          "copies, correction = len(d.y), False")),
        (f"{ESTIMATORS}::test_correction_is_the_likelihood_of_transformed_data",),
    ),
    Defect(
        "the expected information takes W for symmetric",
        (("spatial/covariance/information.py", "Wd = F.T @ (W @ F)", "Wd = F.T @ ((W + W.T) / 2 @ F)"),),
        ("tests/spatial/covariance/test_vcov.py::test_expected_information_is_the_curvature_of_the_expected_likelihood",),
    ),
    Defect(
        "the power series of the log-determinant stops at the first trace that is zero",
        (("spatial/logdet/quadrature.py", "            if k >= order:\n",
          "            if self.traces[k - 1] == 0:\n                return\n            if k >= order:\n"),),
        (f"{ESTIMATORS}::test_traces_of_low_order_are_exact_where_some_are_zero",),
    ),
    Defect(
        "rows of a panel are taken in the order of the file",
        (("spatial/design/keys.py", "order[cell] = np.arange(N * T)", "order[:] = np.arange(N * T)"),
         ("spatial/design/keys.py", "order[period_code, place[unit_code]] = np.arange(len(data))",
          "order[:] = np.arange(len(data)).reshape(order.shape)")),
        (f"{ESTIMATORS}::test_order_of_rows_and_units_changes_nothing",),
    ),
    Defect(
        "the link between two islands counts twice",
        (("weights/islands.py", "link.maximum(link.T)", "(link + link.T)"),),
        ("tests/weights/test_contiguity.py::test_an_island_joined_to_an_island_has_one_link",),
    ),
)  # fmt: skip


def patched(defect: Defect, root: Path = ROOT) -> dict[Path, str]:
    """The files with the defect in them.

    Raises
    ------
    LookupError
        Where an old text does not occur exactly once: the code has changed, and the patch must follow it.
    """
    texts: dict[Path, str] = {}
    for name, old, new in defect.patches:
        path = root / name
        text = texts.get(path) or path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise LookupError(f"{defect.name}: {name} has {text.count(old)} times, not once:\n{old}")
        texts[path] = text.replace(old, new)
    return texts


def copy_to(folder: Path) -> None:
    """What the tests need, without anything compiled."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, folder / name)


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Exit status and output of pytest in the folder.

    Raises
    ------
    RuntimeError
        Where the tests did not run, an unknown test for one.
    """
    # Compiled files are told apart by size and second: none are written.
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode not in (PASSED, FAILED):
        raise RuntimeError(f"the tests did not run: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.returncode, done.stdout


def tried(defects: tuple[Defect, ...] = DEFECTS) -> Iterator[tuple[Defect, bool]]:
    """Every defect, and whether a test failed with it.

    Raises
    ------
    RuntimeError
        Where a test fails without any defect: it would tell nothing.
    """
    every = tuple(sorted({test for defect in defects for test in defect.tests}))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        copy_to(folder)
        status, output = run_tests(folder, every)
        if status != PASSED:
            raise RuntimeError(f"a test fails without any defect: mend that first\n{output}")
        for defect in defects:
            wrong = patched(defect, folder)
            right = {path: path.read_text(encoding="utf-8") for path in wrong}
            write(wrong)
            yield defect, run_tests(folder, defect.tests)[0] == FAILED
            write(right)


def write(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def main() -> int:
    survived = 0
    for defect, noticed in tried():
        print(f"{'caught  ' if noticed else 'SURVIVED'}  {defect.name}", flush=True)
        survived += not noticed
    print(f"{len(DEFECTS) - survived} of {len(DEFECTS)} defects make a test fail")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
