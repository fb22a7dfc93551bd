"""Wald tests of covariances that are estimated from few groups or periods: their law, their rank, their refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import spatial as sp
from spatial.covariance.joint import wald
from spillover.errors import SpatialInputError, SpatialInputWarning

from ..designs import band, nearest
from ..models.test_estimators import PANEL, panel_data


@pytest.fixture(scope="module")
def panel():
    data, W = panel_data(12, N=24, T=6)
    data["region"] = data["id"].map(dict(zip(W.index, np.arange(24) % 4)))
    data["area"] = data["id"].map(dict(zip(W.index, np.arange(24) % 12)))
    return data, W


def test_more_restrictions_than_groups_are_refused(panel):
    """Four regions, four restrictions: the covariance has rank three, and chi2 = -2e15 was printed."""
    data, W = panel
    fit = sp.sdm("y ~ a + b + a:b", data, W, **PANEL, vcov=sp.Cluster("region"))
    with pytest.raises(SpatialInputError, match="E206"):
        sp.wald_test(fit, "OLS")
    for vcov in ("driscoll_kraay", sp.DriscollKraay(2)):  # six periods: two cosines, or fewer degrees of freedom
        with pytest.raises(SpatialInputError, match="E206"):
            sp.wald_test(fit.with_vcov(vcov), "OLS")


def test_groups_leave_an_f(panel):
    data, W = panel
    fit = sp.sdm("y ~ a + b", data, W, **PANEL, vcov=sp.Cluster("area"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        test = sp.wald_test(fit, "SAR")
    g, V = fit.params[["W:a", "W:b"]], fit.vcov.loc[["W:a", "W:b"], ["W:a", "W:b"]]
    T2 = g @ np.linalg.solve(V, g)
    assert test.df == (2, 10)
    assert test.statistic == pytest.approx(T2 * 10 / (2 * 11), rel=1e-12)
    assert test.p_value == pytest.approx(stats.f.sf(test.statistic, 2, 10), rel=1e-9)
    with pytest.warns(SpatialInputWarning, match="rough guide"):
        sp.wald_test(fit.with_vcov("cluster", by="region"), "SAR")
    assert sp.wald_test(fit.with_vcov("robust"), "SAR").df == (2, 22)


def test_one_restriction_is_the_square_of_t(panel):
    data, W = panel
    for vcov in ("robust", sp.Cluster("area"), "driscoll_kraay", sp.DriscollKraay(1)):
        fit = sp.sdm("y ~ a", data, W, **PANEL, vcov=vcov)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test = sp.wald_test(fit, "SAR")
        assert test.statistic == pytest.approx(fit.zstats["W:a"] ** 2, rel=1e-10)
        assert test.p_value == pytest.approx(fit.pvalues["W:a"], rel=1e-8)


def test_hotelling_has_its_size():
    """V from 9 normal vectors of dimension 3: 5 % of 4,000 (chi2 rejects 20 %)."""
    rng, rejected = np.random.default_rng(3), np.zeros(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4000):
            Z, g = rng.standard_normal((9, 3)), rng.standard_normal(3)
            V = Z.T @ Z / 9
            F, df = wald(g, V, 9)
            rejected += stats.f.sf(F, *df) < 0.05, stats.chi2.sf(g @ np.linalg.solve(V, g), 3) < 0.05
    share, plain = rejected / 4000
    assert share == pytest.approx(0.05, abs=0.012)
    assert plain == pytest.approx(0.2, abs=0.02)


def test_a_deficient_covariance_names_its_rank():
    v = np.array([[1.0, 2.0], [2.0, 4.0]])
    with pytest.raises(SpatialInputError, match="rank 1"):
        wald(np.array([1.0, 0.0]), v)


def common_factor_rejections(n, k, samples, seed):
    """Shares of 5 % rejections of the common factor under a SEM: LR, Wald."""
    rng = np.random.default_rng(seed)
    W = nearest(rng, n, 5)
    B, names, rejected = np.linalg.inv(np.eye(n) - 0.4 * W), [f"x{j}" for j in range(k)], np.zeros(2)
    for _ in range(samples):
        X = rng.standard_normal((n, k))
        data = pd.DataFrame(X, columns=names).assign(y=X.sum(axis=1) + B @ rng.standard_normal(n))
        sdm, sem = (getattr(sp, model)("y ~ " + " + ".join(names), data, pd.DataFrame(W)) for model in ("sdm", "sem"))
        rejected += sp.common_factor(sdm, sem).p_value < 0.05, sp.wald_test(sdm, "SEM").p_value < 0.05
    return rejected / samples


def test_size_of_the_common_factor_in_short():
    """n = 49, three regressors: without corrections .116 and .124."""
    shares = common_factor_rejections(49, 3, 200, 3)
    low, high = band(0.05, 200, slack=0.01)
    assert ((low <= shares) & (shares <= high)).all(), shares


@pytest.mark.slow
def test_size_of_the_common_factor_with_many_regressors():
    """n = 48, eight regressors: the delta method .09."""
    shares = common_factor_rejections(48, 8, 250, 5)
    assert (shares <= band(0.05, 250, slack=0.02)[1]).all(), shares


@pytest.mark.slow
def test_size_of_the_common_factor(capsys):
    shares = common_factor_rejections(49, 3, 1500, 5)
    with capsys.disabled():
        print(f"\ncommon factor, n = 49, k = 3: LR {shares[0]:.3f}, Wald {shares[1]:.3f}")
    assert ((shares >= 0.03) & (shares <= 0.08)).all()
