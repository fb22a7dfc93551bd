"""Random small problems: responses, regressors and W of every kind that users bring."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import assume
from hypothesis import strategies as st

import spatial as sp
from spillover.errors import SpatialInputError

NO_MAXIMUM = ("E701", "E702", "E713", "E714", "E801")  # a small sample may have none within the interval
SEEDS = st.integers(0, 2**31)


def links(rng, n: int, kind: str, islands: int) -> np.ndarray:
    """A dense W: "row" and "asymmetric" are row-standardised, "binary" is not; the last units are islands."""
    W = rng.random((n, n)) < 3 / n
    if kind != "asymmetric":
        W = W | W.T
    ring = np.arange(n)
    W[ring, (ring + 1) % n] = True
    if kind != "asymmetric":
        W[(ring + 1) % n, ring] = True
    W = W * (rng.uniform(0.5, 2, (n, n)) if kind == "asymmetric" else 1.0)
    np.fill_diagonal(W, 0)
    if islands:
        W[-islands:], W[:, -islands:] = 0, 0
    return W if kind == "binary" else W / np.where(W.any(axis=1), W.sum(axis=1), 1)[:, None]


def response(rng, W: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(I - rho W)^-1 (1 + X b + e), rho a third of the largest that is admissible."""
    top = np.abs(np.linalg.eigvals(W)).max()
    mean = 1 + X @ np.array([1.0, -0.5])[: X.shape[1]]
    return np.linalg.solve(np.eye(len(W)) - 0.35 / top * W, mean + rng.standard_normal(len(W)))


@st.composite
def cross_sections(draw, kinds=("row", "binary", "asymmetric"), islands=2, least=14, most=22):
    """(data with columns y, a, b; W as a labelled frame); ``b`` is at times a dummy or on another scale."""
    rng, n = np.random.default_rng(draw(SEEDS)), draw(st.integers(least, most))
    W = links(rng, n, draw(st.sampled_from(kinds)), draw(st.integers(0, islands)))
    X = rng.standard_normal((n, 2))
    match draw(st.sampled_from(["normal", "dummy", "large", "small"])):
        case "dummy":
            X[:, 1] = rng.permutation(n) < n // 2
        case "large":
            X[:, 1] *= 1e6
        case "small":
            X[:, 1] *= 1e-6
    y = response(rng, W, X / np.abs(X).max(axis=0))
    ids = pd.Index([f"u{i:02d}" for i in rng.permutation(n)], name="unit")
    return pd.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1]}, index=ids), pd.DataFrame(W, ids, ids)


@st.composite
def panels(draw, periods=(3, 5)):
    """(data with columns unit, time, y, a; row-standardised W without islands)."""
    rng = np.random.default_rng(draw(SEEDS))
    N, T = draw(st.integers(8, 12)), draw(st.integers(*periods))
    W = links(rng, N, draw(st.sampled_from(["row", "asymmetric"])), 0)
    x = rng.standard_normal((T, N))
    y = np.array([response(rng, W, x[t][:, None]) for t in range(T)]) + rng.standard_normal(N)
    ids = [f"u{i:02d}" for i in rng.permutation(N)]
    data = pd.DataFrame({"unit": np.tile(ids, T), "time": np.repeat(np.arange(2001, 2001 + T), N), "y": y.ravel(),
                         "a": x.ravel()})  # fmt: skip
    return data, pd.DataFrame(W, ids, ids)


PANEL = {"entity": "unit", "time": "time"}


def fit(model: str, formula: str, data, W, **options):
    """A fit; an example without a maximum is passed over."""
    try:
        return getattr(sp, model)(formula, data, W, **options)
    except SpatialInputError as error:
        assume(error.code not in NO_MAXIMUM)
        raise


def close(got, want, errors, tolerance=1e-5) -> None:
    """Within a small part of the standard errors."""
    gap = np.abs(np.asarray(got, float) - np.asarray(want, float))
    assert (gap <= tolerance * np.asarray(errors, float)).all(), gap / np.asarray(errors, float)
