"""esda where it is right; and its known faults, which must not be ours."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spatial.explore.geary import geary, local_geary
from spatial.explore.getis import getis_ord
from spatial.explore.local import local_moran, local_moran_bv
from spatial.explore.moran import moran
from spatial.explore.variants import moran_bv, moran_rate
from spillover.errors import SpatialInputError
from spillover.matrix import SpatialWeights


@pytest.fixture(scope="module")
def esda():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("esda")


@pytest.fixture(scope="module")
def case(lattice, row_standard):
    libpysal = pytest.importorskip("libpysal")
    w = row_standard(lattice(9))
    rng = np.random.default_rng(3)
    y = pd.Series(w.csr @ rng.normal(size=81) + 0.4 * rng.normal(size=81), index=w.ids, name="y")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = libpysal.weights.WSP(w.csr.copy()).to_W(silence_warnings=True)
    theirs.transform = "r"
    return y, w, theirs


def test_statistics_agree(esda, case, lattice):
    y, w, theirs = case
    x = np.exp(y)
    pairs = [
        (moran(y, w, permutations=0).I, esda.Moran(y, theirs, permutations=0).I),
        (geary(y, w, permutations=0).estimate, esda.Geary(y, theirs, permutations=0).C),
        (moran_bv(y, x, w, permutations=0).estimate, esda.Moran_BV(y, x, theirs, permutations=0).I),
        (
            moran_rate(x, x[::-1].to_numpy() * 100, w, permutations=0).I,
            esda.Moran_Rate(x.to_numpy(), x[::-1].to_numpy() * 100, theirs, permutations=0).I,
        ),
        (getis_ord(x, lattice(9), permutations=0).estimate, esda.G(x, theirs, permutations=0).G),  # turns W binary
    ]
    for ours, other in pairs:
        np.testing.assert_allclose(ours, other, rtol=1e-10)
    p = esda.Moran(y, theirs, permutations=0).p_rand
    assert moran(y, w, permutations=0).p_rand == pytest.approx(p, rel=1e-9)


def test_local_statistics_agree(esda, case):
    y, w, theirs = case
    x, n = np.exp(y), len(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lisa = esda.Moran_Local(y.to_numpy(), theirs, permutations=0)
        both = esda.Moran_Local_BV(y.to_numpy(), x.to_numpy(), theirs, permutations=0)
    ours = local_moran(y, w, permutations=0).frame
    np.testing.assert_allclose(ours["I"], lisa.Is * n / (n - 1), rtol=1e-10)  # esda divides by n - 1
    names = np.array(["", "High-High", "Low-High", "Low-Low", "High-Low"])
    assert ours["quadrant"].tolist() == names[lisa.q].tolist()
    np.testing.assert_allclose(local_moran_bv(y, x, w, permutations=0).frame["I"], both.Is * n / (n - 1), rtol=1e-10)


@pytest.mark.slow  # esda compiles for half a minute
def test_permutation_p_values_agree_once_esda_s_are_two_sided(esda, case):
    """Both are Monte Carlo: 4 standard errors of the difference."""
    y, w, theirs = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lisa = esda.Moran_Local(y.to_numpy(), theirs, permutations=9_999, seed=1)
    ours = local_moran(y, w, permutations=9_999).frame["p_sim"].to_numpy()
    folded = np.minimum(2 * lisa.p_sim, 1)
    error = 2 * np.sqrt(2 * (ours / 2) * (1 - ours / 2) / 9_999)
    assert (np.abs(folded - ours) <= 4 * error + 4 / 9_999).all()


def test_fault_the_smaller_tail_is_not_the_p_value(lattice):
    """Under the null 5 % of units are significant at 5 %, not 10 %; the mean of 40 maps of 100 units."""
    w, rng = lattice(10), np.random.default_rng(12)
    share = [np.mean(local_moran(rng.normal(size=100), w, permutations=999).frame["p_sim"] <= 0.05) for _ in range(40)]
    assert abs(np.mean(share) - 0.05) < 3.3 * np.std(share) / np.sqrt(40) + 0.005
    assert np.mean(share) < 0.07


def test_fault_two_sided_p_values_do_not_exceed_one(lattice):
    w, rng = lattice(5), np.random.default_rng(1)
    for y in (rng.normal(size=25), (rng.random(25) < 0.3) * 1.0):
        p = local_moran(y, w, permutations=49).frame["p_sim"]
        assert p.max() <= 1
        assert moran(y, w, permutations=49).p_sim <= 1


def test_fault_one_missing_value_is_no_map_of_clusters(lattice):
    y = np.random.default_rng(2).normal(size=25)
    y[7] = np.nan
    with pytest.raises(SpatialInputError, match="1 missing values") as error:
        local_moran(y, lattice(5))
    assert (error.value.code, error.value.ids) == ("E201", [7])


@pytest.mark.parametrize("permutations", [0, 99])
def test_fault_an_island_is_no_cluster(lattice, permutations):
    whole = lattice(6)
    csr = whole.csr.copy()
    csr.data[csr.indptr[8] : csr.indptr[9]] = 0
    w = SpatialWeights(csr, whole.ids)
    y = pd.Series(np.random.default_rng(2).normal(size=36), index=w.ids)
    for statistic in (local_moran, local_geary):
        result = statistic(y, w, permutations=permutations, significance=0.9)
        row = result.frame.loc[8]
        assert row["cluster"] == "No neighbors"
        assert row.drop("cluster").isna().all()
        assert result.frame.drop(index=8)["z"].notna().all()
        assert "1 island" in result.weights


def test_fault_one_call_with_one_seed_is_one_answer(lattice):
    w, y = lattice(6), np.random.default_rng(2).normal(size=36)
    first = moran(y, w)
    assert np.array_equal(first.simulated, moran(y, w).simulated)
    assert not np.array_equal(first.simulated, moran(y, w, seed=first.seed + 1).simulated)
    assert f"seed {first.seed}" in str(first)


def test_fault_nothing_compiles_for_a_small_map():
    """In a process of its own: numba is not even imported."""
    import subprocess
    import sys

    code = (
        "import sys, numpy as np\n"
        "from spatial.explore.moran import moran\n"
        "from spatial.explore.local import local_moran\n"
        "w = np.eye(49, k=1) + np.eye(49, k=-1); y = np.arange(49.0) ** 2\n"
        "moran(y, w); local_moran(y, w); assert 'numba' not in sys.modules\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fault_all_others_as_neighbors_is_no_cluster():
    w, y = np.ones((9, 9)) - np.eye(9), np.arange(9.0)
    with pytest.warns(UserWarning, match="p-values are 1"):
        result = local_moran(y, w, permutations=99)
    assert (result.frame["p_sim"] == 1).all()
    assert result.frame["z"].isna().all()
    assert moran(y, w, permutations=99).p_sim == 1
    assert np.isnan(moran(y, w, permutations=0).p_rand)
