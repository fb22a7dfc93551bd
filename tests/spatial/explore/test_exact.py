"""All arrangements of six or seven values: the moments are theirs, and the samplers draw from them."""

import numpy as np
import pytest
from scipy import sparse

from spatial.explore import _conditional
from spatial.explore._draws import Draws
from spatial.explore.geary import geary, local_geary
from spatial.explore.getis import getis_ord, local_g
from spatial.explore.joincount import join_counts
from spatial.explore.local import local_moran
from spatial.explore.moran import moran
from spatial.explore.variants import moran_bv

from . import naive

Y = np.array([1.0, 2.5, 2.0, 7.0, 3.0, 11.0, 4.5])
LINKS = [(0, 1, 1.0), (1, 0, 2.0), (1, 2, 0.5), (2, 1, 0.5), (3, 4, 1.5), (4, 5, 1.0), (5, 0, 3.0)]
LINKS += [(2, 6, 1.0), (6, 3, 2.0)]


@pytest.fixture(scope="module")
def w():
    dense = np.zeros((7, 7))
    for i, j, weight in LINKS:
        dense[i, j] = weight
    return dense


@pytest.mark.parametrize(
    ("ours", "twin"), [(moran, naive.moran), (geary, naive.geary), (getis_ord, naive.getis)], ids=["I", "C", "G"]
)
def test_moments_and_p_values_of_global_statistics(w, ours, twin):
    result = ours(Y, w, permutations=20_000, seed=3)
    exact = naive.everywhere(Y, lambda y: twin(y, w))
    np.testing.assert_allclose(result.estimate, twin(Y, w), rtol=1e-12)
    np.testing.assert_allclose(result.expected, exact.mean(), rtol=1e-11)
    np.testing.assert_allclose(result.variance_rand, exact.var(), rtol=1e-9)
    above, below = np.mean(exact >= result.estimate - 1e-12), np.mean(exact <= result.estimate + 1e-12)
    true_p = min(1, 2 * min(above, below))
    band = 4 * 2 * np.sqrt(true_p / 2 * (1 - true_p / 2) / 20_000) + 2 / 20_001
    assert abs(result.p_sim - true_p) < band
    assert abs(result.simulated.mean() - exact.mean()) < 4 * exact.std() / np.sqrt(20_000)
    assert abs(result.simulated.var() / exact.var() - 1) < 0.05
    assert np.isin(np.round(result.simulated, 9), np.round(exact, 9)).all()


def test_bivariate_moments(w):
    x = Y**2 % 7
    result = moran_bv(x, Y, w, permutations=0)
    z = (x - x.mean()) / x.std()
    exact = naive.everywhere((Y - Y.mean()) / Y.std(), lambda y: z @ w @ y / w.sum())
    np.testing.assert_allclose([exact.mean(), exact.var()], [0, result.variance_rand], rtol=1e-9, atol=1e-12)


def test_join_count_moments(w):
    labels = np.array(["a", "b", "b", "a", "b", "a", "a"])
    result = join_counts(labels, w, permutations=0).frame.set_index("joins")
    code = (labels == "b").astype(float)
    for joins, twin in (
        ("a:a", lambda x: (1 - x) @ w @ (1 - x) / 2),
        ("b:b", lambda x: x @ w @ x / 2),
        ("different", lambda x: sum(w[i, j] for i in range(7) for j in range(7) if x[i] != x[j]) / 2),
    ):
        exact = naive.everywhere(code, twin)
        ours = result.loc[joins, ["count", "expected", "sd"]].to_numpy(float)
        np.testing.assert_allclose(ours, [twin(code), exact.mean(), exact.std()], rtol=1e-9)


def test_local_moments_and_p_values_are_exact_given_the_unit_s_own_value(w):
    lisa = local_moran(Y, w, permutations=20_000, seed=3).frame
    geary_s = local_geary(Y, w, permutations=20_000, seed=3).frame
    z = (Y - Y.mean()) / Y.std()
    zg = (Y - Y.mean()) / Y.std(ddof=1)
    for i in range(7):
        weights = w[i][w[i] > 0]
        for frame, symbol, simulated in (
            (lisa, "I", z[i] * naive.draws_for_site(z, i, len(weights)) @ weights),
            (geary_s, "C", (zg[i] - naive.draws_for_site(zg, i, len(weights))) ** 2 @ weights),
        ):
            row = frame.iloc[i]
            np.testing.assert_allclose([row["expected"], row["sd"]], [simulated.mean(), simulated.std()], rtol=1e-9)
            tails = np.mean(simulated >= row[symbol] - 1e-9), np.mean(simulated <= row[symbol] + 1e-9)
            true_p = min(1, 2 * min(tails))
            assert abs(row["p_sim"] - true_p) < 4 * 2 * np.sqrt(true_p / 2 * (1 - true_p / 2) / 20_000) + 2 / 20_001


def test_multivariate_local_geary_moments(w):
    x = np.column_stack([Y, Y**2 % 7])
    frame = local_geary(list(x.T), w, permutations=0).frame
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    for i in range(7):
        weights = w[i][w[i] > 0]
        u = np.array([((z[i] - z[j]) ** 2).mean() for j in range(7)])
        simulated = naive.draws_for_site(u, i, len(weights)) @ weights
        np.testing.assert_allclose(frame["C"].iloc[i], w[i] @ u, rtol=1e-12)
        np.testing.assert_allclose(frame[["expected", "sd"]].iloc[i], [simulated.mean(), simulated.std()], rtol=1e-9)


def test_g_star_draws_the_unit_s_own_value_too():
    ring = np.roll(np.eye(7), 1, axis=0) + np.roll(np.eye(7), -1, axis=0)
    frame = local_g(Y, ring, star=True, permutations=20_000, seed=3).frame
    sums = naive.draws_for_site([*Y, 0.0], 7, 3).sum(axis=1)
    for i in range(7):
        own = Y[i] + ring[i] @ Y
        true_p = min(1, 2 * min(np.mean(sums >= own - 1e-9), np.mean(sums <= own + 1e-9)))
        assert abs(frame["p_sim"].iloc[i] - true_p) < 4 * 2 * np.sqrt(true_p / 2 / 20_000) + 2 / 20_001


@pytest.mark.parametrize(("n", "k"), [(5, 5), (40, 3)])
def test_every_position_meets_every_unit_equally_often(n, k):
    """Chi-square of units by position: 4.4 standard deviations, one run, fixed seed."""
    from spatial.explore import _random

    table = np.hstack([t for _, t in _random.tables(n, k, 50_000, 11, block=50_000)])
    for row in table:
        counts = np.bincount(row, minlength=n)
        chi2 = np.sum((counts - 50_000 / n) ** 2) / (50_000 / n)
        assert abs(chi2 - (n - 1)) < 4.4 * np.sqrt(2 * (n - 1)) + 4


def test_complete_weights_leave_nothing_to_test():
    w = np.ones((7, 7)) - np.eye(7)
    above, below, _ = _conditional.lag_counts(Y, sparse.csr_array(w), Draws(99, 99), 1)
    assert (above == 99).all()
    assert (below == 99).all()
