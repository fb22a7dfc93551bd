"""Sandwiches of models with several W, and with rho, lambda or sigma2 by regime: dense twins and laws."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spatial.covariance import score_forms
from spillover.errors import SpatialInputError

from .. import naive_regimes, naive_several
from ..models.test_estimators import PANEL
from ..models.test_regimes import all_by_regime, fitted
from ..models.test_regimes import drawn as drawn_by_regime
from ..models.test_several import DURBIN, ERROR, LAG, MODELS, drawn, regressors

KINDS = ["robust", sp.Robust(pairs=False), sp.Cluster("g"), sp.Cluster("g", pairs=False), sp.Jackknife("g")]


def labelled(frame, groups=6):
    return frame.assign(g=frame.groupby("id", sort=False).ngroup() % groups)


@pytest.mark.parametrize(("by", "power"), [("robust", -0.5), (sp.Cluster("g"), -1.0)])
@pytest.mark.parametrize("model", MODELS)
def test_two_w_in_a_cross_section_by_a_numerical_hessian_and_loops(model, by, power):
    """CR3 residuals of 6 groups, HC2 of units; the second W is not symmetric."""
    frame, weights, arrays, y, X = drawn(5, n=26, rhos=(0.3, 0.3) if model in LAG else (0, 0),
                                         lams=(0.2, -0.4) if model in ERROR else (0, 0))  # fmt: skip
    fit = MODELS[model]("y ~ a + b", labelled(frame).set_index("id"), weights, vcov=by)
    Z = regressors(X, arrays, model in DURBIN, True)
    lags, errors = (arrays if model in kind else () for kind in (LAG, ERROR))
    theta, n = fit.params.to_numpy(), len(frame)
    H = naive_regimes.hessian(lambda at: naive_several.loglik(at, y, Z, lags, errors),
                              np.append(theta, np.log(fit.sigma2)), 1e-3)  # fmt: skip
    codes = np.arange(n) if by == "robust" else np.arange(n) % 6
    want = naive_several.sandwich(y[0], Z[0], lags, errors, theta, np.full(n, np.sqrt(fit.sigma2)), codes, power, H)
    np.testing.assert_allclose(fit.vcov, want[:-1, :-1], rtol=2e-4, atol=2e-5 * np.abs(want).max())  # the Hessian's
    assert fit.df_resid == (n - len(theta) if by == "robust" else 5)


@pytest.mark.parametrize("by", ["robust", sp.Cluster("g")])
@pytest.mark.parametrize("model", ["sar", "sem", "gns"])
def test_regimes_in_a_cross_section_by_a_numerical_hessian_and_loops(model, by):
    frame, w, W, codes, y, X = drawn_by_regime(4, n=44, lam=0.2 if model in ERROR else 0.0)
    fit = fitted(model, labelled(frame), w, all_by_regime(model), vcov=by)
    inside = (codes[:, None] == np.arange(2)).astype(float)
    Z = [np.ones(44), *X[0].T, *(W @ X[0]).T * (model in DURBIN)]
    Z = np.stack([column * own for column in Z for own in inside.T if column.any()], axis=1)
    names = [f"{label}: {name}" for name in ("Intercept", "a", "b", *["W:a", "W:b"] * (model in DURBIN))
             for label in ("east", "south")]  # fmt: skip
    names += [name for name in fit.params.index if name.endswith(("rho", "lambda"))]
    theta, J, L = fit.params[names].to_numpy(), 2 * (model in LAG), 2 * (model in ERROR)
    at, parts = np.concatenate([theta, np.log(fit.sigma2s)]), (Z.shape[1], J, L, 2)
    H = naive_regimes.hessian(lambda x: naive_regimes.loglik(x, y, Z[None], W, W, codes, parts), at, 1e-3)
    lags, errors = ([own[:, None] * W for own in inside.T] * (size > 0) for size in (J, L))
    sds = np.sqrt(fit.sigma2s.to_numpy())[codes]
    assert fit.sigma2s.is_monotonic_increasing  # the order in which the twin has the variances
    groups, power = (np.arange(44), -0.5) if by == "robust" else (np.arange(44) % 6, -1.0)
    want = naive_several.sandwich(y[0], Z, lags, errors, theta, sds, groups, power, H)[: len(theta), : len(theta)]
    np.testing.assert_allclose(fit.vcov.loc[names, names], want, rtol=2e-4, atol=2e-5 * np.abs(want).max())


@pytest.mark.parametrize("correction", [True, False])
@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sdm", "sdem", "gns"])
def test_one_w_for_every_regressor_has_the_covariances_of_the_ordinary_model(model, effects, correction):
    frame, (w, _), *_ = drawn(7, n=16, T=5, rhos=(0.3, 0.0))
    keys = {**PANEL, "effects": effects, "correction": correction}
    one = MODELS[model]("y ~ a + b", labelled(frame), w, **keys)
    other = MODELS[model]("y ~ a + b", labelled(frame), w, durbin={"a": w, "b": w}, **keys)
    for vcov in [*KINDS, sp.Cluster(("g", "t")), "driscoll_kraay"]:
        want, got = one.with_vcov(vcov), other.with_vcov(vcov)
        np.testing.assert_allclose(got.vcov, want.vcov, rtol=1e-5, atol=1e-7 * np.abs(want.vcov.to_numpy()).max())
        assert got.df_resid == want.df_resid


@pytest.mark.parametrize("effects", [None, "entity"])
def test_regimes_that_do_not_touch_have_covariances_of_their_own(effects):
    """HC2 residuals in a cross-section; the factor N / (N - 1) of both regimes in a panel."""
    frame, w, *_ = drawn_by_regime(1, n=60, T=1 if effects is None else 4, blocks=True)
    fit = fitted("gns", frame, w, all_by_regime("gns"), effects, correction=False, vcov="robust")
    for label in ("east", "south"):
        part = frame[frame["region"] == label]
        alone = fitted("gns", part, w.subset(part["id"].unique()), None, effects, correction=False, vcov="robust")
        own = [f"{label}: {name}" for name in alone.params.index]
        want = alone.vcov.to_numpy() * ((60 / 59) / (30 / 29) if effects else 1.0)
        np.testing.assert_allclose(fit.vcov.loc[own, own], want, rtol=1e-6, atol=1e-7 * np.abs(want).max())


@pytest.mark.parametrize("effects", ["none", "entity", "time", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sem", "sac"])
def test_one_regime_has_the_covariances_of_the_plain_model(model, effects):
    """Period effects are estimated in the one and transformed out in the other."""
    frame, w, *_ = drawn_by_regime(T=5)
    frame = labelled(frame, 25)
    plain = fitted(model, frame, w, None, effects)
    one = fitted(model, frame.assign(region="all"), w, all_by_regime(model), effects)
    for vcov in ("robust", sp.Cluster("g"), sp.Robust(pairs=False)):
        want = plain.with_vcov(vcov).std_errors
        assert one.with_vcov(vcov).std_errors.to_numpy() == pytest.approx(want.to_numpy(), rel=1e-6)


def test_solving_for_the_forms_is_the_dense_way(monkeypatch):
    """Units counted as too many for dense matrices; random signs for the pairs of single units."""
    rng = np.random.default_rng(2)
    near, far = (wt.knn(rng.uniform(size=(700, 2)), k, metric="planar").standardize("row") for k in (5, 8))
    x = rng.standard_normal(700)
    A = np.eye(700) - 0.3 * near.csr.toarray() - 0.3 * far.csr.toarray()
    data = pd.DataFrame({"y": np.linalg.solve(A, x + rng.standard_normal(700)), "x": x}, index=near.ids)
    fit = sp.sac("y ~ x", data, [near, far], w_error=[near, far])
    by = pd.Series(np.arange(700) % 30, index=near.ids)
    robust, cluster = fit.with_vcov("robust").std_errors, fit.with_vcov("cluster", by=by).std_errors
    monkeypatch.setattr(score_forms, "DENSE_UNITS", 100)
    np.testing.assert_allclose(fit.with_vcov("cluster", by=by).std_errors, cluster, rtol=0.01)  # means of own terms
    np.testing.assert_allclose(fit.with_vcov("robust").std_errors, robust, rtol=0.05)


def test_effects_tests_and_tables_have_the_sandwich():
    frame, weights, *_ = drawn(3, n=40)
    fit = sp.sdm("y ~ a + b", labelled(frame).set_index("id"), weights)
    robust = fit.with_vcov("robust")
    assert "pair of units" in robust.summary()
    assert robust.loglik == fit.loglik
    for method in ("delta", "quadrature"):
        wide = [one.effects(method=method).tidy() for one in (fit, robust)]
        assert wide[0]["estimate"].to_numpy() == pytest.approx(wide[1]["estimate"].to_numpy())
        assert not np.allclose(wide[0]["std_error"], wide[1]["std_error"], rtol=1e-3)
    assert sp.wald_test(robust, "SAR").df == (4, fit.df_resid - 3)  # as Hotelling's T2
    again = sp.lincom(robust, "rho_1 + rho_2").tidy()["std_error"][0]
    assert again == pytest.approx(np.sqrt(robust.vcov.iloc[-2:, -2:].to_numpy().sum()))


def test_chow_test_of_variances_is_that_of_the_information():
    frame, w, *_ = drawn_by_regime(5)
    fit = fitted("sar", frame, w, sp.Regimes("region", sigma2=True))
    assert "sigma2" in fit.chow().tidy()["term"].to_list()
    robust = fit.with_vcov("robust").chow()
    assert "sigma2" not in robust.tidy()["term"].to_list()
    assert "vcov='oim'" in str(robust)


@pytest.mark.parametrize("vcov", ["eim", "scpc"])
def test_what_several_rho_do_not_have(vcov):
    frame, weights, *_ = drawn(3, n=40)
    with pytest.raises(SpatialInputError, match="E501") as error:
        sp.sar("y ~ a + b", frame.set_index("id"), weights, vcov=vcov)
    assert error.value.hint
