"""The engines against their slow twins, and against each other: same bits on every path."""

import numpy as np
import pytest
from scipy import sparse

from spatial.explore import _conditional, _null, _random
from spatial.explore._draws import Draws

from . import naive

SEED = 7


@pytest.mark.parametrize(("n", "k"), [(5, 5), (30, 4), (200, 3), (1, 1)])
def test_shuffles_are_the_twin_s(n, k):
    tables = _random.tables(n, k, 50, SEED, block=13)
    ours = np.hstack([table for _, table in tables])
    assert ours.T.tolist() == [naive.shuffle(n, SEED, p)[:k] for p in range(50)]


def test_seeds_beyond_64_bits_and_zero_are_streams_of_their_own():
    first = [next(_random.tables(50, 50, 1, seed, block=1))[1].tolist() for seed in (0, 1, 2**63, 2**64 - 1)]
    assert len({str(order) for order in first}) == 4


def random_weights(n, rng, *, equal, islands=True):
    dense = (rng.random((n, n)) < 0.25) * (1.0 if equal else rng.random((n, n)))
    if equal:
        dense *= rng.random((n, 1))
    np.fill_diagonal(dense, 0)
    if islands:
        dense[3] = 0
    return dense


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("values", ["continuous", "binary"])
def test_local_counts_are_the_twin_s(equal, values):
    rng = np.random.default_rng(5)
    w = random_weights(18, rng, equal=equal)
    v = rng.normal(size=18) if values == "continuous" else (rng.random(18) < 0.4).astype(float)
    above, below, _ = _conditional.lag_counts(v, sparse.csr_array(w), Draws(60, 60), SEED)
    for site in range(18):
        lags, observed = naive.conditional_lags(v, w, site, 60, SEED), w[site] @ v
        assert above[site] == np.sum(lags >= observed - 1e-9)
        assert below[site] == np.sum(lags <= observed + 1e-9)


def test_ties_count_in_both_tails():
    """Of 0, 1, 1, 2 three are at least one, and three at most; the observed map is one more of each."""
    simulated = np.array([0.0, 1, 1, 2])
    p = {a: _null.pseudo_p(1.0, simulated, a) for a in ("greater", "less", "two-sided")}
    assert p == {"greater": 4 / 5, "less": 4 / 5, "two-sided": 1.0}
    # The same but for rounding, and a statistic that takes one value only: it says nothing.
    assert _null.pseudo_p(1.0, simulated * (1 + 1e-15), "less") == 4 / 5
    assert {_null.pseudo_p(3.0, np.full(9, 3.0), a) for a in p} == {1.0}


@pytest.mark.parametrize("block", [17, 1000])
def test_rank_look_up_dense_product_and_compiled_loop_count_alike(monkeypatch, block):
    rng = np.random.default_rng(6)
    w = sparse.csr_array(random_weights(80, rng, equal=True))
    v = rng.normal(size=80)
    by_rank = _conditional.lag_counts(v, w, Draws(500, 500), SEED)
    monkeypatch.setattr(_conditional, "BLOCK", block)
    slack = np.full(80, 1e-12)
    dense = _conditional.counts(v[None], w, None, w @ v, slack, Draws(500, 500), SEED)
    monkeypatch.setattr(_conditional, "WORTH_COMPILING", 0)
    monkeypatch.setattr(_conditional, "WORTH_CALLING", 0)
    compiled = _conditional.counts(v[None], w, None, w @ v, slack, Draws(500, 500), SEED)
    assert np.array_equal(by_rank, dense)
    assert np.array_equal(dense, compiled)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")  # hashes wrap around: seen only with jit off
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("power", [1, 2])
def test_compiled_permutations_are_numpy_s_for_any_number_of_threads(monkeypatch, threads, power):
    import numba

    monkeypatch.setattr(_null, "WORTH_THREADS", 0)

    rng = np.random.default_rng(8)
    w, z = sparse.csr_array(random_weights(60, rng, equal=False)), rng.normal(size=(2, 60))
    a = rng.normal(size=60)
    plain = _null.permuted_sums(z, w, 101, SEED, a=a, power=power)
    before = numba.get_num_threads()
    numba.set_num_threads(min(threads, before))
    try:
        compiled = _null._compiled(z, _null.upper(w), 101, SEED, a, power)
    finally:
        numba.set_num_threads(before)
    for ours, twin in zip(compiled, plain):
        np.testing.assert_allclose(ours, twin, rtol=0, atol=1e-11)  # sums of 900 products in another order


def test_upper_triangle_keeps_the_quadratic_form():
    rng = np.random.default_rng(9)
    w, z = rng.random((7, 7)), rng.normal(size=7)
    np.testing.assert_allclose(z @ (_null.upper(sparse.csr_array(w)) @ z), z @ w @ z, rtol=1e-13)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    next(_random.tables(9, 9, 9, 1, block=9))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_golden_integers_hold_on_every_platform():
    assert next(_random.tables(10, 10, 2, 20_231, block=2))[1].T.tolist() == [
        naive.shuffle(10, 20_231, 0),
        naive.shuffle(10, 20_231, 1),
    ]
