"""Five kinds of weights in any size, by name; rows sum to one but where a unit has no neighbor."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

import shapefiles
import weights as wt

KINDS = {
    "queen": "lattice, contiguity by queen",
    "knn": "five nearest of points at random",
    "dense": "inverse distance between points at random, all pairs",
    "group": "groups, everybody a neighbor of everybody in it",
    "coast": "US counties around Nantucket by queen, some of them islands",
}
SIDES = {48: (6, 8), 100: (10, 10), 200: (10, 20), 500: (20, 25)}
GROUPS = {48: 8, 100: 12, 200: 20, 500: 25}


@functools.cache
def weights_of(kind: str, n: int):
    """SpatialWeights over ids 0 ... n - 1."""
    W = {"queen": _queen, "knn": _nearest, "dense": _dense, "group": _groups, "coast": _coast}[kind](n)
    sums = W.sum(axis=1, keepdims=True)
    W = np.divide(W, sums, out=np.zeros_like(W), where=sums > 0)
    return wt.from_dense(W, ids=list(range(n)))


@functools.cache
def dense_of(kind: str, n: int) -> np.ndarray:
    """The same W as an array (n, n)."""
    return weights_of(kind, n).csr.toarray()


@functools.cache
def places(kind: str, n: int) -> pd.DataFrame:
    """Longitude and latitude of the units, about 900 km across."""
    if kind == "queen":
        rows, across = np.divmod(np.arange(n), SIDES[n][1])
        xy = np.column_stack([across / SIDES[n][1], rows / SIDES[n][0]])
    else:
        xy = np.random.default_rng(n).random((n, 2))
    return pd.DataFrame({"lon": -95 + 10 * xy[:, 0], "lat": 35 + 8 * xy[:, 1]})


def regions(kind: str, n: int, count: int) -> np.ndarray:
    """Codes (n,) of ``count`` regions of equal size, from west to east."""
    codes = np.empty(n, dtype=int)
    codes[np.argsort(places(kind, n)["lon"].to_numpy(), kind="stable")] = np.arange(n) * count // n
    return codes


def _queen(n):
    row, column = np.divmod(np.arange(n), SIDES[n][1])
    near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) == 1
    return near * 1.0


def _distances(n):
    xy = np.random.default_rng(n).random((n, 2))
    d = np.sqrt(((xy[:, None] - xy[None]) ** 2).sum(-1))
    np.fill_diagonal(d, np.inf)
    return d


def _nearest(n):
    W = np.zeros((n, n))
    np.put_along_axis(W, np.argsort(_distances(n), axis=1)[:, :5], 1.0, axis=1)
    return W


def _dense(n):
    return 1 / _distances(n)


def _groups(n):
    """Groups of unequal size: between half and one and a half of the mean."""
    sizes = np.linspace(0.5, 1.5, GROUPS[n])
    ends = np.round(np.cumsum(sizes) / sizes.sum() * n)
    code = np.searchsorted(ends, np.arange(n), side="right")
    return (code[:, None] == code) * 1.0 - np.eye(n)


def _coast(n):
    counties = shapefiles.load("us_counties").to_crs(5070)
    centers = counties.geometry.centroid
    nantucket = centers[counties.index == "25019"].iloc[0]
    near = counties.iloc[np.argsort(centers.distance(nantucket).to_numpy(), kind="stable")[:n]]
    return wt.queen(near).csr.toarray() * 1.0
