"""CONTRIBUTING is followed to the letter in a scratch copy: a new builder, a new model, and what comes of each."""

import os
import subprocess
import sys

import pytest

from .defects import copy_to

BUILDER = '''
"""Neighbors that count each other among their nearest."""

import numpy as np

from spillover.matrix.assemble import assemble
from spillover.matrix.weights import SpatialWeights

from ._points import points


def mutual(data, k=4, *, ids=None, at="centroid", crs=None, metric=None) -> SpatialWeights:
    """1 if i and j are each among the other's k nearest."""
    p = points(data, ids=ids, at=at, crs=crs, metric=metric)
    d = np.linalg.norm(p.space[:, None] - p.space, axis=2)
    np.fill_diagonal(d, np.inf)
    near = d <= np.sort(d, axis=1)[:, [k - 1]]
    return assemble(*np.nonzero(near & near.T), 1.0, p.ids, f"mutual, k={k}", unit=p.header)
'''
TWIN = '    "mutual": lambda c: knn(c.d, 4, c.ids) * knn(c.d, 4, c.ids).T,\n'
MODEL = '''
"""The spatial Durbin model under another name."""

from ..design.options import ModelOptions
from ..design.specification import Specification
from .estimate import estimate
from .fit import Fit

MINE = Specification("MINE", lag=True, error=False, durbin=True)


def mine(formula, data, w, *, entity=None, time=None, effects=None, durbin=None, wx_order=1, method="ml",
         correction=True, vcov=None, missing="error", logdet=None) -> Fit:
    """y = rho W y + X beta + W X theta + e."""
    options = ModelOptions(entity=entity, time=time, effects=effects, durbin=durbin, wx_order=wx_order, method=method,
                           correction=correction, vcov=vcov, missing=missing, logdet=logdet)
    return estimate(MINE, formula, data, w, options)
'''
USE_OF_MODEL = """
import shapefiles, spatial as sp, weights as wt
columbus = shapefiles.load("columbus")
w = wt.queen(columbus).standardize("row")
mine, sdm = (model("CRIME ~ INC + HOVAL", columbus, w) for model in (sp.mine, sp.sdm))
assert (mine.params == sdm.params).all()
assert mine.effects().tidy()["estimate"].tolist() == sdm.effects().tidy()["estimate"].tolist()
assert sp.lr_test(sp.sar("CRIME ~ INC + HOVAL", columbus, w), mine).df == 2
assert len(sp.compare_weights({"queen": w}, model=[sp.mine, sp.sem], formula="CRIME ~ INC + HOVAL",
                              data=columbus).glance()) == 2
assert "MINE" in str(mine)
"""


@pytest.fixture
def scratch(tmp_path):
    copy_to(tmp_path)
    return tmp_path


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def add(path, before, line):
    """The line goes in front of the text ``before``, which occurs once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, line + before), encoding="utf-8")


def test_a_new_builder_needs_a_function_two_lines_and_a_twin(scratch):
    (scratch / "weights" / "mutual.py").write_text(BUILDER)
    line = '    Builder("mutual", POINTS, "1 if i and j are each among the other\'s k nearest", "k=4", scaling=0),\n'
    add(scratch / "weights" / "registry.py", '    Builder("distance_band"', line)
    add(scratch / "weights" / "__init__.py", '    "order": "lag_order",\n', '    "mutual": "mutual",\n')
    add(scratch / "tests" / "weights" / "naive.py", '    "distance_band": lambda', TWIN)
    run(scratch, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/weights/test_registry.py", "-k",
        "mutual or complete")  # fmt: skip
    weights = "mutual:k=3,metric=planar"
    shell = run(scratch, "-m", "spillover", "moran", "example:columbus", "-c", "CRIME", "-w", weights)
    assert "mutual, k=3" in shell
    run(scratch, "tests/stubs.py")
    assert "mutual" in (scratch / "weights" / "__init__.pyi").read_text(encoding="utf-8")


def test_a_new_model_needs_a_function_and_two_lines(scratch):
    (scratch / "spatial" / "models" / "mine.py").write_text(MODEL)
    add(scratch / "spatial" / "models" / "__init__.py", '"gns")', '"mine", ')
    family = scratch / "spatial" / "models" / "family.py"
    add(family, "from .ols import", "from .mine import MINE, mine\n")
    add(family, "gns: GNS,", "mine: MINE, ")
    run(scratch, "-c", USE_OF_MODEL)
    shell = run(scratch, "-m", "spillover", "fit", "example:columbus", "CRIME ~ INC", "-w", "queen", "--model", "mine")
    assert "MINE" in shell
    run(scratch, "tests/stubs.py")
    assert "mine" in (scratch / "spatial" / "__init__.pyi").read_text(encoding="utf-8")
