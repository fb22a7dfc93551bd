"""Laws of Moran's I and its family, and of weights under motions of the map."""

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from shapely import affinity, box

import spatial as sp
import weights as wt

from .cases import SEEDS, cross_sections

MAPS = cross_sections(least=7, most=14)


@given(MAPS, st.floats(-1e3, 1e3), st.sampled_from([-2.0, 1e-6, 0.3, 1e6]))
def test_values_and_weights_of_another_origin_and_unit(case, a, b):
    """L25: I(a + b y) = I(y); I(W) = I((W + W') / 2); local values add up to I."""
    data, W = case
    y = data["y"]
    one = sp.moran(y, W, permutations=0).I
    np.testing.assert_allclose(sp.moran(b * (a + y), W, permutations=0).I, one, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(sp.moran(y, (W + W.T) / 2, permutations=0).I, one, rtol=1e-10, atol=1e-12)
    z = y - y.mean()
    local = sp.local_moran(y, W, permutations=9).to_frame()["I"]
    there = W.any(axis=1)
    np.testing.assert_allclose(local[there].sum() / W.to_numpy().sum(), one, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(local[there], (z * (W @ z) / (z**2).mean())[there], rtol=1e-9, atol=1e-12)


@given(MAPS)
def test_moments_of_permutations(case):
    """L26: 20,000 permutations have the mean -1 / (n - 1) and the variance under randomisation."""
    data, W = case
    one = sp.moran(data["a"], W, permutations=20_000)
    draws = np.asarray(one.simulated)
    sd = draws.std(ddof=1)
    if sd < 1e-12:  # all pairs with one weight: I is the same for every permutation
        assert np.ptp(W.to_numpy()[~np.eye(len(W), dtype=bool)]) < 1e-12
        assert abs(draws + 1 / (len(W) - 1)).max() < 1e-12
        return
    assert abs(draws.mean() + 1 / (len(W) - 1)) < 5 * sd / np.sqrt(20_000)
    fourth = ((draws - draws.mean()) ** 4).mean() / sd**4
    assert abs(draws.var(ddof=1) / one.variance_rand - 1) < 5 * np.sqrt((fourth - 1) / 20_000)


@given(SEEDS, st.booleans())
def test_six_units_by_enumeration(seed, ties):
    """L27: p of 1,999 permutations is that of all 720, within Monte Carlo error."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 6) + 0.0 if ties else rng.standard_normal(6)
    y[:2] += [0, 1] if np.ptp(y) == 0 else [0, 0]
    W = (rng.random((6, 6)) < 0.5) * 1.0
    np.fill_diagonal(W, 0)
    W[0, 1] = 1
    one = sp.moran(y, W, permutations=1_999, align="position")
    z = y - y.mean()
    every = np.array([z[list(p)] for p in itertools.permutations(range(6))])
    values = ((every @ W) * every).sum(axis=1) / W.sum() * 6 / (z @ z)
    slack = 1e-12 * np.abs(values).max()
    tail = min((values >= one.I - slack).mean(), (values <= one.I + slack).mean())
    exact, drawn = min(1, 2 * tail), one.p_sim
    assert abs(drawn - exact) < 2 * (5 * np.sqrt(tail * (1 - tail) / 2_000) + 2 / 2_000)


@given(MAPS)
def test_members_of_the_family_agree(case):
    """L28: bivariate I of a variable with itself is I; Geary's C and I differ by squares of one unit alone."""
    data, W = case
    y = data["y"]
    one = sp.moran(y, W, permutations=0).I
    np.testing.assert_allclose(sp.moran_bv(y, y, W, permutations=0).estimate, one, rtol=1e-9, atol=1e-12)
    z, dense, n = (y - y.mean()).to_numpy(), W.to_numpy(), len(y)
    degrees = (dense.sum(axis=0) + dense.sum(axis=1)) / 2
    squares = n * (degrees @ z**2) / (dense.sum() * (z @ z))
    C = sp.geary(y, W, permutations=0).estimate
    np.testing.assert_allclose(C, (n - 1) / n * (squares - one), rtol=1e-9, atol=1e-12)


@given(SEEDS, st.sampled_from([0, 90, 180, 270]), st.sampled_from([0.25, 1.0, 64.0]),
       st.tuples(st.integers(-4096, 4096), st.integers(-4096, 4096)))  # fmt: skip
def test_motions_of_the_map(seed, angle, scale, shift):
    """L31: turned by right angles, moved and scaled by powers of two (exact in floating point): the same neighbors."""
    rng = np.random.default_rng(seed)
    cells = [(x, y) for x in range(6) for y in range(6) if rng.random() < 0.7] or [(0, 0), (0, 1)]
    ids = pd.Index([f"u{i:02d}" for i in rng.permutation(len(cells))])
    here = gpd.GeoSeries([box(x, y, x + 1, y + 1) for x, y in cells], index=ids, crs=3857)
    there = affinity_of(here, angle, scale, shift)
    band = rng.choice([1.2, 1.7, 2.3])
    pairs = [(wt.queen(here), wt.queen(there)), (wt.rook(here), wt.rook(there)),
             (wt.distance_band(here, band, islands="keep"), wt.distance_band(there, band * scale, islands="keep"))]
    if len(cells) > 4:
        pairs.append((wt.knn(here, 3), wt.knn(there, 3)))
    for one, other in pairs:
        assert (one.csr != other.csr).nnz == 0
    values = pd.Series(rng.standard_normal(len(cells)), index=ids)
    if len(cells) > 4 and pairs[0][0].nnz:
        assert sp.moran(values, pairs[0][0], permutations=0).I == sp.moran(values, pairs[0][1], permutations=0).I


def affinity_of(map_, angle, scale, shift):
    """Rotated about the origin by whole right angles, scaled, shifted: every coordinate stays exact."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[angle]
    return map_.apply(lambda g: affinity.affine_transform(g, [scale * cos, -scale * sin, scale * sin, scale * cos,
                                                              *shift])).set_crs(map_.crs, allow_override=True)


@given(SEEDS, st.integers(4, 30))
def test_where_all_are_neighbors_of_all_nothing_can_be_clustered(seed, n):
    """I is -1 / (n - 1) and C is 1 for every y; neither has a variance, so neither has a p-value."""
    y = pd.Series(np.random.default_rng(seed).standard_normal(n))
    W = pd.DataFrame(1.0 - np.eye(n))
    for one, value in ((sp.moran(y, W, permutations=0).I, -1 / (n - 1)), (sp.geary(y, W, permutations=0).estimate, 1)):
        np.testing.assert_allclose(one, value, rtol=1e-9)
    assert np.isnan(sp.geary(y, W, permutations=0).tidy()["p_value"].iloc[0])
