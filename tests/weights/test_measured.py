"""Weights from tables of distances: every option against loops over pairs, and what a table may lack."""

import itertools
import math
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weights as wt
from spillover.errors import SpatialInputError
from tests.weights import naive

COLUMNS = {"origin": "o", "destination": "d", "distance": "h"}


def table(seed, n=8, share=0.7):
    rng = np.random.default_rng(seed)
    ids = [f"u{i}" for i in range(n)]
    rows = [(a, b, float(np.round(rng.uniform(1, 9), 1))) for a, b in itertools.permutations(ids, 2)
            if rng.random() < share or a == "u0"]
    return ids, pd.DataFrame(rows, columns=["o", "d", "h"]).sample(frac=1, random_state=seed)


def refused(code, *args, **options):
    with pytest.raises(SpatialInputError) as caught:
        wt.from_distances(*args, **options)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return caught.value


def dense(w, ids):
    return w.reindex(ids).csr.toarray()


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, "mean", "min", "max"]), st.sampled_from([None, 5.0]),
       st.sampled_from([None, 2]))
def test_every_option_equals_loops_over_pairs(seed, symmetric, cutoff, k):
    ids, long = table(seed)
    listed = {(a, b): h for a, b, h in long.itertuples(index=False)}
    if symmetric:
        join = {"mean": lambda x, y: (x + y) / 2, "min": min, "max": max}[symmetric]
        listed = {(a, b): join(listed.get((a, b), listed.get((b, a))), listed.get((b, a), listed.get((a, b))))
                  for pair in listed for a, b in (pair, pair[::-1])}
    scale = np.mean([min(h for (a, _), h in listed.items() if a == i) for i in ids if any(a == i for a, _ in listed)])
    if cutoff:
        listed = {pair: h for pair, h in listed.items() if h <= cutoff}
    if k:
        by_distance = sorted(listed, key=lambda pair: (listed[pair], pair[1]))
        near = [pair for i in ids for pair in [p for p in by_distance if p[0] == i][:k]]
        listed = {pair: listed[pair] for pair in near}
    forms = {"inverse": lambda h: h**-2.0, "exponential": lambda h: math.exp(-h / scale), "none": lambda h: 1.0}
    for decay, form in forms.items():
        w = wt.from_distances(long, **COLUMNS, decay=decay, power=2.0, symmetric=symmetric, cutoff=cutoff, k=k)
        value = {pair: form(h) for pair, h in listed.items()}
        expected = naive.pairs(len(ids), partial(lambda value, i, j: value.get((ids[i], ids[j]), 0), value))
        np.testing.assert_allclose(dense(w, ids), expected, rtol=1e-12)


def test_a_square_table_is_the_same():
    ids, long = table(3)
    square = long.pivot(index="o", columns="d", values="h")
    for wide in (square, square.iloc[::-1, ::-1], square[square.columns[::-1]]):
        for options in ({}, {"symmetric": "mean"}, {"k": 2}, {"decay": "exponential"}):
            assert wt.from_distances(wide, **options).reindex(ids) == wt.from_distances(long, **COLUMNS, **options)
    assert wt.from_distances(wide, ids=ids[:4]).ids.tolist() == ids[:4]
    refused("E311", square.iloc[:, 1:])
    refused("E301", square.replace(square.iloc[0, 1], -1.0))


def test_distances_measured_on_a_map_give_the_maps_weights():
    xy = np.random.default_rng(0).normal(size=(9, 2))
    d = pd.DataFrame(naive.planar(xy))
    for options in ({}, {"power": 2.0}, {"cutoff": 1.5}):
        np.testing.assert_allclose(dense(wt.from_distances(d, **options), range(9)),
                                   wt.inverse_distance(xy, metric="planar", **options).csr.toarray(), rtol=1e-12)
    assert wt.from_distances(d, decay="none", k=3) == wt.knn(xy, 3, metric="planar")
    np.testing.assert_allclose(wt.from_distances(d, decay="exponential").csr.data,
                               wt.exponential(xy, metric="planar").csr.data, rtol=1e-12)


def test_what_a_table_may_lack():
    ids, long = table(1, share=0.4)
    w = wt.from_distances(long, **COLUMNS, ids=[*ids, "alone"])
    assert w.islands.tolist()[-1] == "alone"
    assert f"{9 * 8 - len(long)} pairs of units are not in the table" in str(w)
    assert "not in the table" not in str(wt.from_distances(table(1, share=1)[1], **COLUMNS))
    assert refused("E201", long.assign(h=long["h"].where(long["h"] > 2)), **COLUMNS).column == "h"
    assert refused("E303", long.assign(h=long["h"].where(long.index != long.index[0], 0.0)), **COLUMNS).ids
    assert wt.from_distances(long.assign(h=0.0), **COLUMNS, min_distance=2.0).csr.max() == 0.5
    assert wt.from_distances(long.assign(h=0.0), **COLUMNS, decay="none").nnz == len(long)
    refused("E301", long.assign(h=-1.0), **COLUMNS)
    refused("E310", pd.concat([long, long[:1]]), **COLUMNS)
    assert wt.from_distances(pd.concat([long, long[:1]]), **COLUMNS, duplicates="mean") == wt.from_distances(
        long, **COLUMNS)
    refused("E305", long, **COLUMNS, cutoff=0.5)
    assert "0.5" in str(refused("E305", long, **COLUMNS, cutoff=0.5))
    refused("E101", long, **COLUMNS, ids=ids[:4])
    refused("E502", long, origin="o", destination="to", distance="h")
    refused("E304", long, **COLUMNS, k=0)
    refused("E501", long, **COLUMNS, decay="gravity")
    with_self = pd.concat([long, pd.DataFrame({"o": ids, "d": ids, "h": 0.0})])
    assert wt.from_distances(with_self, **COLUMNS) == wt.from_distances(long, **COLUMNS)
