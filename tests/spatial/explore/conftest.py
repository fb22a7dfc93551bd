"""Columbus and R's results on it, kept outside of the project; tests that need them skip where they are absent."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from spillover.matrix.convert import from_sparse as _from_sparse

REFERENCE = Path(__file__).parents[3] / "../shared/data/reference"


def from_sparse(csr, ids):
    return _from_sparse(csr, ids, kind="given", allow_negative=True, allow_self=True)


@pytest.fixture(scope="session")
def columbus():
    """Columns indexed by the unit's number, weights by style, and spdep's results by name."""
    if not REFERENCE.exists():
        pytest.skip("reference results are absent")
    frame = pd.read_csv(REFERENCE / "columbus.csv").set_index("POLYID")

    def weights(style):
        links = pd.read_csv(REFERENCE / f"columbus_w_gal_{style}.csv")
        shape = (len(frame), len(frame))
        csr = sparse.csr_array((links.w.astype(float), (links.i - 1, links.j - 1)), shape=shape)
        return from_sparse(csr, frame.index)

    def spdep(name):
        return json.loads((REFERENCE / f"spdep/columbus_{name}.json").read_text())

    return SimpleNamespace(frame=frame, weights=weights, spdep=spdep)


@pytest.fixture(scope="session")
def lattice():
    """Queen weights of a square lattice, binary, with ids."""

    def build(side, ids=None):
        n = side * side
        near = [sparse.eye_array(side, k=k) for k in (-1, 0, 1)]
        band = sparse.csr_array(sum(near))
        csr = sparse.csr_array(sparse.kron(band, band))
        csr.setdiag(0)
        csr.eliminate_zeros()
        return from_sparse(csr, pd.Index(range(n) if ids is None else ids))

    return build


@pytest.fixture(scope="session")
def row_standard():
    """The same weights with rows that sum to one."""

    def standardise(w):
        sums = np.asarray(w.csr.sum(axis=1)).ravel()
        csr = sparse.csr_array(sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ w.csr)
        return from_sparse(csr, w.ids)

    return standardise
