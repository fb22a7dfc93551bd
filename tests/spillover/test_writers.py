"""Every writer on a disk that is full or read-only: one clear error, no fragment, and an earlier file as it was."""

import os
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import shapefiles
import spatial as sp
import weights as wt
from spatial import plot
from spillover.errors import SpatialInputError
from spillover.files import write_table

resource = pytest.importorskip("resource")  # no limits on Windows
STATES = shapefiles.load("us_states")
QUEEN = wt.queen(STATES)
W = QUEEN.standardize("row")
PANEL = shapefiles.load_panel("us_states").query("year < 1974")
FIT = sp.sdm("log(gsp) ~ log(emp) + unemp", PANEL, W, entity="state", time="year")
LISA = sp.local_moran(PANEL.query("year == 1973").set_index("state")["unemp"], W, permutations=99)
NUMBERED = wt.lattice(7, 7)


def figure(path):
    import matplotlib

    matplotlib.use("Agg")
    plot.save(FIT.plot(), path, overwrite=True)


WRITERS = {f"w{suffix}": lambda path: W.save(path, overwrite=True)
           for suffix in (".parquet", ".gwt", ".kwt", ".csv", ".xlsx", ".dta", ".txt", ".mat")}  # fmt: skip
WRITERS |= {
    "w.gal": lambda path: QUEEN.save(path, overwrite=True),
    "w.swm": lambda path: NUMBERED.save(path, overwrite=True),
    "clusters.gpkg": lambda path: LISA.to_file(STATES, path, overwrite=True),
    "clusters.geojson": lambda path: LISA.to_file(STATES, path, overwrite=True),
    **{f"table{suffix}": lambda path: write_table(PANEL, path, overwrite=True) for suffix in (".csv", ".parquet")},
    **{f"models{suffix}": lambda path: sp.etable([FIT, FIT]).save(path, overwrite=True)
       for suffix in (".tex", ".html", ".md", ".csv", ".xlsx", ".docx", ".txt")},
    "figure.png": figure,
    "figure.pdf": figure,
    "fit.zip": lambda path: sp.save(FIT, path, overwrite=True),
    "effects.zip": lambda path: sp.save(FIT.effects(), path, overwrite=True),
}  # fmt: skip


@contextmanager
def largest_file(size: int):
    """No file may grow beyond ``size`` bytes: every writer, in Python or in C, meets an error of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [0, 300])
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_fills_up_while_it_is_written(name, size, tmp_path):
    path, write = tmp_path / "new" / name, WRITERS[name]
    with largest_file(size), pytest.raises(SpatialInputError, match="E605") as caught:
        write(path)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []  # neither a fragment nor the folder
    write(tmp_path / name)
    earlier = (tmp_path / name).read_bytes()
    with largest_file(size), pytest.raises(SpatialInputError, match="E605"):
        write(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == earlier


@pytest.mark.parametrize("name", WRITERS)
def test_places_that_nobody_writes_to(name):
    with pytest.raises(SpatialInputError, match="E605") as caught:
        WRITERS[name](f"/proc/{name}")
    assert caught.value.hint


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_without_permission(name, tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(SpatialInputError, match="E605"):
            WRITERS[name](tmp_path / name)
    finally:
        tmp_path.chmod(0o755)


def test_a_journal_on_a_full_disk(tmp_path):
    with largest_file(0), pytest.raises(SpatialInputError, match="E605"):
        sp.placebo_weights(FIT, draws=9, journal=tmp_path / "j")


SPARSE = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30,) * 2)
import numpy as np, pandas as pd, spatial as sp, weights as wt
w = wt.lattice(225, 225).standardize("row")
x = np.random.default_rng(0).standard_normal(w.n)
data = pd.DataFrame({"y": x + w.csr @ x, "x": x}, index=w.ids)
fit = sp.sar("y ~ x", data, w)
try:
    sp.sar("y ~ x", data, w, logdet="eigen")
except sp.SpatialInputError as error:
    print(error.code, error.hint)
"""


@pytest.mark.slow
def test_fifty_thousand_units_need_no_square_array():
    """An array of all pairs would take 20 GB; 4 GB of addresses, libraries included, are enough."""
    import subprocess

    done = subprocess.run([sys.executable, "-c", SPARSE], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "E309" in done.stdout
    assert "stochastic" in done.stdout


@pytest.mark.parametrize("call", [
    lambda: wt.lattice(400, 400).to_dense(),
    lambda: sp.moran(pd.Series(np.arange(49.0), NUMBERED.ids), NUMBERED, permutations=10**9),
    lambda: wt.knn(np.random.default_rng(0).random((10**5, 2)), 99_999, metric="planar"),
    lambda: wt.inverse_distance(np.random.default_rng(0).random((10**5, 2)), metric="planar"),
])  # fmt: skip
def test_what_memory_cannot_hold_is_refused_with_its_size(call):
    with pytest.raises(SpatialInputError, match=r"G(i)?B") as caught:
        call()
    assert caught.value.hint
