"""Laws that hold for any values and weights."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from spatial.explore.by import moran_by
from spatial.explore.geary import geary, local_geary
from spatial.explore.getis import getis_ord, local_g
from spatial.explore.local import local_moran, local_moran_bv
from spatial.explore.moran import moran
from spatial.explore.variants import moran_bv

few = settings(derandomize=True, max_examples=30, deadline=None)


@st.composite
def maps(draw):
    """Values and weights with ids, at times with islands, asymmetric, or with equal rows."""
    n, seed = draw(st.integers(6, 25)), draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < draw(st.sampled_from([0.1, 0.3, 0.8]))) * 1.0
    dense *= rng.random((n, n)) if draw(st.booleans()) else rng.random((n, 1))
    np.fill_diagonal(dense, 0)
    dense[0, 1] = dense[1, 0] = 0.5
    ids = pd.Index([f"{i:03d}" for i in rng.permutation(n)])
    w = pd.DataFrame(dense, index=ids, columns=ids)
    return pd.Series(rng.gamma(1, size=n), index=ids, name="收入"), w


@few
@given(maps(), st.floats(-1e3, 1e3), st.sampled_from([1e-6, 0.3, 7.0, 1e6]))
def test_origin_and_scale_do_not_matter(case, origin, scale):
    y, w = case
    ours, moved = moran(y, w, permutations=39), moran(origin * scale + scale * y, w, permutations=39)
    np.testing.assert_allclose(moved.I, ours.I, rtol=1e-7, atol=1e-9)
    assert moved.p_sim == ours.p_sim


@few
@given(maps())
def test_order_of_rows_and_names_of_units_do_not_matter(case):
    y, w = case
    shuffled = y.sample(frac=1, random_state=1)
    ours, again = (local_moran(values, w, permutations=99).frame for values in (y, shuffled))
    pd.testing.assert_frame_equal(ours, again)
    assert moran(shuffled, w, permutations=99).p_sim == moran(y, w, permutations=99).p_sim
    number = dict(zip(y.index, range(len(y))))
    renamed = moran(y.rename(index=number), w.rename(index=number, columns=number), permutations=99)
    assert np.array_equal(renamed.simulated, moran(y, w, permutations=99).simulated)


@few
@given(maps())
def test_weights_may_be_transposed_averaged_and_scaled(case):
    y, w = case
    i = moran(y, w, permutations=0).I
    for other in (w.T, (w + w.T) / 2, 17 * w):
        np.testing.assert_allclose(moran(y, other, permutations=0).I, i, rtol=1e-10, atol=1e-12)


@few
@given(maps())
def test_local_values_add_up_to_the_global_one(case):
    y, w = case
    s0 = w.to_numpy().sum()
    total = local_moran(y, w, permutations=0).frame["I"].sum()
    np.testing.assert_allclose(total / s0, moran(y, w, permutations=0).I, rtol=1e-10, atol=1e-12)
    total = local_geary(y, w, permutations=0).frame["C"].sum()
    np.testing.assert_allclose(total / (2 * s0), geary(y, w, permutations=0).estimate, rtol=1e-10)
    np.testing.assert_allclose(
        getis_ord(y, w, permutations=0).estimate,
        (local_g(y, w, permutations=0).frame["G"].fillna(0) * (y.sum() - y) * y).sum() / (y.sum() ** 2 - y @ y),
        rtol=1e-10,
    )


@few
@given(maps())
def test_a_variable_with_itself_is_the_univariate_case(case):
    y, w = case
    np.testing.assert_allclose(moran_bv(y, y, w, permutations=0).estimate, moran(y, w, permutations=0).I, rtol=1e-10)
    both, one = local_moran_bv(y, y, w, permutations=99), local_moran(y, w, permutations=99)
    pd.testing.assert_frame_equal(both.frame, one.frame)


@few
@given(maps())
def test_p_values_lie_in_their_range_and_tails_agree(case):
    y, w = case
    for statistic in (moran, geary, getis_ord):
        two, more, less = (statistic(y, w, permutations=39, alternative=a) for a in ("two-sided", "greater", "less"))
        assert 2 / 40 <= two.p_sim <= 1
        assert two.p_sim == min(1, 2 * min(more.p_sim, less.p_sim))
        assert more.p_sim + less.p_sim >= 41 / 40 - 1e-12  # the observed value is in both tails
    p = local_moran(y, w, permutations=39).frame["p_sim"].dropna()
    assert ((p >= 2 / 40) & (p <= 1)).all()


@few
@given(maps())
def test_negated_values_swap_hot_and_cold(case):
    y, w = case
    swap = {"High-High": "Low-Low", "Low-Low": "High-High", "High-Low": "Low-High", "Low-High": "High-Low"}
    ours, negated = local_moran(y, w, permutations=99).frame, local_moran(-y, w, permutations=99).frame
    pd.testing.assert_series_equal(ours["p_sim"], negated["p_sim"])
    away = ours["I"].abs() > 1e-9  # on an axis the side is a matter of rounding
    assert ours["quadrant"][away].map(swap).astype(object).tolist() == negated["quadrant"][away].tolist()


@few
@given(maps(), st.integers(1, 3))
def test_by_period_is_moran_period_by_period(case, periods):
    y, w = case
    parts = [pd.DataFrame({"id": y.index, "year": t, "y": np.roll(y, t) * (t + 1)}) for t in range(periods)]
    panel = pd.concat(parts).sample(frac=1, random_state=2)
    table = moran_by(panel, "y", {"a": w, "b": w.T}, time="year", entity="id", permutations=39).to_frame()
    assert len(table) == 2 * periods
    for row in table.to_dict("records"):
        period = panel[panel["year"] == row["year"]].set_index("id")["y"]
        one = moran(period, w if row["weights"] == "a" else w.T, permutations=39)
        np.testing.assert_allclose(
            [row["I"], row["sd"], row["p_sim"]], [one.I, np.sqrt(one.variance_rand), one.p_sim], rtol=1e-12
        )


@few
@given(maps())
def test_caller_s_weights_and_values_stay_as_they_were(case):
    y, w = case
    csr = sparse.csr_array(w.to_numpy())
    before = csr.data.copy(), csr.indices.copy(), y.copy()
    local_moran(y.to_numpy(), csr, permutations=39)
    geary(y.to_numpy(), csr, permutations=39)
    local_g(y.to_numpy(), csr, star=True, permutations=39)
    assert np.array_equal(csr.data, before[0])
    assert np.array_equal(csr.indices, before[1])
    pd.testing.assert_series_equal(y, before[2])
