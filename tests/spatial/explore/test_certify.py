"""Certification by Monte Carlo, run by `make certify`: size, uniform p-values, power, and how steady a map is.

Bands: the nominal level plus or minus 3.3 Monte Carlo standard errors and 0.01. Seeds are fixed.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats
from scipy.sparse.linalg import splu

from spatial.explore.correlogram import correlogram
from spatial.explore.geary import geary
from spatial.explore.getis import local_g
from spatial.explore.local import QUADRANTS, local_moran
from spatial.explore.moran import moran
from spatial.explore.rates import local_moran_rate, smoothed_rates
from spillover.matrix.convert import from_sparse

pytestmark = pytest.mark.slow
LEVELS = (0.01, 0.05, 0.10, 0.25, 0.50)
VALUES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "binary": lambda rng, n: rng.permutation(np.arange(n) < max(2, n // 20)) * 1.0,
    "counts": lambda rng, n: np.append(rng.poisson(0.1, n - 1), 1.0),
    "ordinal": lambda rng, n: rng.integers(0, 5, n) * 1.0,
}


def band(level, trials):
    return 3.3 * np.sqrt(level * (1 - level) / trials) + 0.01


def uneven(w, rng):
    """The same links with weights of their own."""
    csr = w.csr.copy()
    csr.data = csr.data * (rng.random(csr.nnz) + 0.5)
    return from_sparse(csr, w.ids)


@pytest.fixture(scope="module")
def states(lattice, row_standard):
    """48 units: a 7 x 7 square without a corner."""
    w = lattice(7)
    return row_standard(type(w)(csr=w.csr[:48, :48], ids=pd.RangeIndex(48)))


@pytest.mark.parametrize("values", VALUES)
def test_size_of_the_permutation_test(states, values):
    """199 permutations: alpha (P + 1) / 2 is whole for every level."""
    rng, trials = np.random.default_rng(21), 1000
    p = np.empty(trials)
    for k in range(trials):
        y = VALUES[values](rng, 48)
        p[k] = moran(y if np.ptp(y) else y + np.eye(48)[0], states, permutations=199, seed=k).p_sim
    for level in LEVELS:
        share = np.mean(p <= level)
        assert share <= level + band(level, trials)
        if values in ("normal", "exponential"):
            assert share >= level - band(level, trials)
    if values == "normal":
        assert stats.kstest(p - rng.uniform(0, 0.01, trials), "uniform").pvalue > 1e-4
    assert p.max() <= 1


@pytest.mark.parametrize("n_side", [7, 32])
def test_size_and_power_of_the_analytic_tests(lattice, row_standard, n_side):
    """y = (I - 0.4 W)^-1 e is found nearly always with 1,000 units, and mostly with 49."""
    w = row_standard(lattice(n_side))
    n, rng, trials = n_side**2, np.random.default_rng(22), 1000
    solve = splu(sparse.csc_matrix(sparse.eye_array(n) - 0.4 * w.csr)).solve
    sizes, power = np.zeros((2, 2))
    for _ in range(trials):
        e = rng.normal(size=n)
        null, alternative = (moran(y, w, permutations=0) for y in (e, solve(e)))
        sizes += np.array([null.p_norm, null.p_rand]) <= 0.05
        power += np.array([alternative.p_norm, alternative.p_rand]) <= 0.05
    assert (np.abs(sizes / trials - 0.05) < band(0.05, trials)).all()
    assert (power / trials > (0.99 if n_side == 32 else 0.25)).all()


@pytest.mark.parametrize("equal", [True, False])
def test_local_p_values_are_uniform_one_site_per_data_set(lattice, row_standard, equal):
    w, rng = row_standard(lattice(10)), np.random.default_rng(23)
    w = w if equal else uneven(w, rng)
    p = np.empty(1500)
    for k in range(len(p)):
        result = local_moran(rng.normal(size=100), w, permutations=999, seed=k)
        p[k] = result.frame["p_sim"].iloc[rng.integers(100)]
    assert stats.kstest(p - rng.uniform(0, 0.002, len(p)), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("values", VALUES)
def test_size_of_local_tests_and_of_the_false_discovery_rate(lattice, row_standard, values):
    """60 maps of 400 units, clustered by map. Any discovery is a false one."""
    w, rng, maps = row_standard(lattice(20)), np.random.default_rng(24), 60
    p, false = np.empty((maps, 400)), 0
    for k in range(maps):
        result = local_moran(VALUES[values](rng, 400), w, correction="fdr", permutations=9_999, seed=k)
        p[k] = result.frame["p_sim"]
        false += result.frame["cluster"].isin(QUADRANTS).any()
    for level in LEVELS:
        share = (p <= level).mean(axis=1)
        assert share.mean() <= level + 3.3 * share.std() / np.sqrt(maps) + 0.005
    assert false / maps <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / maps)


def test_a_map_is_steadier_with_more_permutations(lattice, row_standard):
    """What the docs say: the share of significant units moves from seed to seed, and a hundred times as many
    permutations make it move a tenth as much."""
    w = row_standard(lattice(60))
    y = np.random.default_rng(25).normal(size=3600)
    spread = {}
    for permutations in (999, 99_999):
        p = [local_moran(y, w, permutations=permutations, seed=s).frame["p_sim"] for s in range(30)]
        spread[permutations] = np.std([np.mean(ps <= 0.05) for ps in p])
    assert 0.004 < spread[999] < 0.02
    assert spread[99_999] < spread[999] / 5


@pytest.fixture(scope="module")
def counties(lattice):
    """100 units, a third of them with 50 to 200 people, the others with up to 100,000."""
    rng = np.random.default_rng(31)
    people = np.where(rng.random(100) < 0.33, rng.uniform(50, 200, 100), rng.uniform(2e3, 1e5, 100))
    return people, lattice(10)


def test_local_tests_of_rates_allow_for_small_populations(counties):
    """200 maps of one true rate, 5 in 1,000: shares of significant units, all and the small ones, at 5 %."""
    people, w = counties
    rng, small = np.random.default_rng(32), people < 1e3
    flagged = np.zeros((2, 2))
    for k in range(200):
        events = rng.poisson(0.005 * people) * 1.0
        moran_of_rates = local_moran_rate(events, people, w, permutations=999, seed=k, align="position")
        standardised = smoothed_rates(events, people).frame["standardised"].to_numpy()
        star = local_g(standardised, w, star=True, permutations=999, seed=k, align="position")
        for row, result in enumerate((moran_of_rates, star)):
            hit = (result.frame["p_sim"] <= 0.05).to_numpy()
            flagged[row] += hit.mean(), hit[small].mean()
    assert (flagged / 200 <= 0.07).all(), flagged / 200
    assert (flagged / 200 >= 0.03).all(), flagged / 200


def test_a_correlogram_s_joint_p_value_holds(states):
    """300 maps without a pattern: any of four orders is significant in one of six, by Holm in one of twenty."""
    rng, trials, single, joint = np.random.default_rng(33), 300, 0, 0
    for k in range(trials):
        frame = correlogram(rng.normal(size=48), states, orders=4, permutations=199, seed=k, align="position").frame
        single += (frame["p_sim"] <= 0.05).any()
        joint += (frame["p_holm"] <= 0.05).any()
    assert joint / trials <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / trials)
    assert single / trials > 0.10


def test_bonferroni_with_refined_permutations_keeps_its_size(lattice, row_standard):
    """150 maps of 100 units with unequal weights: any discovery is a false one."""
    rng, false = np.random.default_rng(34), 0
    w = uneven(row_standard(lattice(10)), rng)
    for k in range(150):
        result = local_moran(rng.normal(size=100), w, correction="bonferroni", seed=k, align="position")
        false += result.frame["cluster"].isin(QUADRANTS).any()
    assert false / 150 <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 150)


def test_geary_s_note_marks_the_tests_that_do_not_hold():
    """200 skewed samples, points with unequal numbers of neighbors: where it is noted, normality rejects too often."""
    rng = np.random.default_rng(35)
    points = rng.random((80, 2))
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    w = ((far < 0.18) & (far > 0)) * 1.0
    w = pd.DataFrame(w)
    p = []
    for k in range(200):
        result = geary(rng.lognormal(0, 1, 80), w, permutations=199, seed=k)
        p.append((result.p_norm, result.p_sim, bool(result.notes)))
    p = np.array(p)
    assert (p[p[:, 2] == 1, 0] <= 0.05).mean() > 0.12
    assert (p[:, 1] <= 0.05).mean() <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 200)
