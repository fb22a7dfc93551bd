"""Columbus and R's results on it, kept outside of the project; tests that need them skip where they are absent."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

REFERENCE = Path(__file__).parents[3] / "../shared/data/reference"


@dataclass(eq=False)
class Given:
    """The least that counts as weights."""

    csr: sparse.csr_array
    ids: pd.Index


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
        return Given(csr=csr, ids=frame.index)

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
        return Given(csr=sparse.csr_array(csr, dtype=float), ids=pd.Index(range(n) if ids is None else ids))

    return build


@pytest.fixture(scope="session")
def row_standard():
    """The same weights with rows that sum to one."""

    def standardise(w):
        sums = np.asarray(w.csr.sum(axis=1)).ravel()
        csr = sparse.csr_array(sparse.diags_array(1 / np.where(sums > 0, sums, 1)) @ w.csr)
        return Given(csr=csr, ids=w.ids)

    return standardise
