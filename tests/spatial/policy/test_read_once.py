"""What estimates several models of one frame takes every column of values from it once."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

import spatial as sp

from ..designs import nearest
from .test_spatial_did import long

KEYS = {"entity": "i", "time": "t"}


class Counted(pd.DataFrame):
    """A frame that counts how often each of its columns is taken; its copies are ordinary frames."""

    _metadata = ("taken",)

    @property
    def _constructor(self):
        return pd.DataFrame

    def __getitem__(self, key):
        if isinstance(key, str):
            self.taken[key] += 1
        return super().__getitem__(key)


def counted():
    rng, (T, N) = np.random.default_rng(3), (8, 20)
    W, x = nearest(rng, N, 4), rng.standard_normal((T, N))
    m = x + rng.standard_normal((T, N))
    y = x + m + rng.standard_normal((T, N))
    d = (np.arange(T)[:, None] >= 4) * (np.arange(N) < 6.0)
    frame = Counted(long(y=y, x=x, m=m, d=d))
    frame.taken = Counter()
    return frame, pd.DataFrame(W)


@pytest.mark.parametrize(("function", "formula", "options", "columns"), [
    (sp.sdm, "y ~ x + m", {}, "yxm"),
    (sp.did, "y ~ d + x", {"treatment": "d"}, "ydx"),
    (sp.spatial_did, "y ~ d + x", {"treatment": "d"}, "ydx"),
    (sp.mediation, "y ~ x", {"variable": "x", "mediator": "m", "draws": 20}, "yxm"),
    (sp.specify, "y ~ x + m", {}, "yxm"),
    (sp.heterogeneity, "y ~ x + m", {"by": "x", "cut": "median", "permutations": 3}, "ym"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_every_column_is_taken_once(function, formula, options, columns):
    frame, W = counted()
    arguments = (formula, frame) if function is sp.did else (formula, frame, W)
    function(*arguments, **options, **KEYS)
    assert {name: frame.taken[name] for name in columns} == dict.fromkeys(columns, 1)
