"""Weights of observations beside rho, lambda or sigma2 by regime: dense scores of all rows in units of the errors'
deviations, laws."""

import numpy as np
import pytest

import spatial as sp

from .. import naive_moving as twin
from .test_adjusted_several import IDS, N, T, data, each  # noqa: F401
from .test_estimators import PANEL

KEYS = {**PANEL, "missing": "period"}
LAG, ERROR = ("sar", "sdm", "sac"), ("sem", "sac")


def fitted(model, frame, w, effects, weights, regimes=None, **more):
    everything = sp.Regimes("region", rho=model in LAG, lam=model in ERROR, sigma2=True)
    return getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, obs_weights=weights,
                              regimes=everything if regimes is None else regimes, **more)  # fmt: skip


CASES = [("sar", "none", "whole", "other", "trips"), ("sdm", "entity", "whole", "other", "trips"),
         ("sdm", "twoway", "whole", "other", "people"), ("sem", "time", "whole", "one", "people"),
         ("sac", "twoway", "whole", "other", "trips"), ("sdm", "twoway", "gaps", "moving", "people"),
         ("sem", "entity", "gaps", "moving", "trips"), ("sac", "entity", "whole", "other", "people")]  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "rows", "w", "weights"), CASES)
def test_scores_of_weighted_rows_less_their_means_are_zero(data, model, effects, rows, w, weights):  # noqa: F811
    frame, w = data[0][rows], data[1][w]
    fit = fitted(model, frame, w, effects, weights)
    root, codes = np.sqrt(frame[weights].to_numpy()), (frame["region"] == "west").to_numpy().astype(int)
    W = root[:, None] * each(frame, w) / root
    by_regime, spec, d = [(codes == g)[:, None] * W for g in range(2)], fit.specification, fit._design
    X = d.rows(d.X)[:, [d.names.index(name) for name in fit._sample.names]]
    D = twin.dummies(frame["id"], frame["t"], effects)
    parts = (root * frame["y"].to_numpy(), root[:, None] * X, root[:, None] * D, by_regime * spec.lag,
             by_regime * spec.error, codes)  # fmt: skip
    score, beta = twin.scores(fit.rhos.to_numpy(), fit.lambdas.to_numpy(), np.log(fit.sigma2s.to_numpy()), *parts)
    assert score == pytest.approx(0, abs=5e-4)
    assert fit.params.to_numpy()[: len(beta)] == pytest.approx(beta, abs=1e-6)


@pytest.mark.parametrize(("model", "effects", "rows", "w", "weights"), [
    ("sdm", "twoway", "whole", "one", "people"), ("sem", "entity", "gaps", "other", "trips"),
    ("sac", "time", "whole", "moving", "people")])  # fmt: skip
def test_one_regime_is_the_weighted_model_without_regimes(data, model, effects, rows, w, weights):  # noqa: F811
    frame, w = data[0][rows].assign(region="all"), data[1][w]
    a = fitted(model, frame, w, effects, weights)
    b = getattr(sp, model)("y ~ a + b", frame, w, **KEYS, effects=effects, obs_weights=weights)
    np.testing.assert_allclose(a.params, b.params, atol=1e-7)
    np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=1e-3)
    assert a.loglik == pytest.approx(b.loglik, abs=1e-6)
    np.testing.assert_allclose(a.predict(), b.predict(), atol=1e-7)
    if weights == "people":  # sandwiches of several parameters take one weight for each unit
        np.testing.assert_allclose(a.with_vcov("robust").std_errors, b.with_vcov("robust").std_errors, rtol=0.03)
    mine, theirs = (x.effects(method="delta").tidy() if model != "sem" else None for x in (a, b))
    if mine is not None:
        own = mine[mine["term"].isin(("a", "b"))]
        np.testing.assert_allclose(own["estimate"], theirs["estimate"], atol=1e-6)
        np.testing.assert_allclose(own["std_error"], theirs["std_error"], rtol=2e-3)


def test_equal_weights_are_none_and_weights_by_regime_are_variances_by_regime(data):  # noqa: F811
    """The same variance of a regime in other units; robust standard errors do not see it."""
    frame = data[0]["whole"].assign(size=3.0)
    for model, effects in (("sdm", "twoway"), ("sac", "entity")):
        a, b = (fitted(model, frame, data[1]["other"], effects, weights) for weights in ("size", None))
        np.testing.assert_allclose(a.params, b.params, atol=1e-6)
        np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-3, atol=1e-8)
        np.testing.assert_allclose(a.sigma2s, 3 * b.sigma2s, rtol=1e-6)
        assert a.loglik == pytest.approx(b.loglik, abs=1e-5)
        own = frame.assign(size=np.where(frame["region"] == "east", 1.0, 4.0))
        c = fitted(model, own, data[1]["other"], effects, "size")
        np.testing.assert_allclose(c.params, b.params, atol=1e-5)
        np.testing.assert_allclose(c.sigma2s, b.sigma2s * [1, 4], rtol=1e-5)
        assert c.loglik == pytest.approx(b.loglik, abs=1e-5)
        for vcov in ("robust", sp.Cluster("id")):
            ends = [x.with_vcov(vcov).std_errors for x in (b, c)]
            np.testing.assert_allclose(ends[1], ends[0], rtol=0.05)


def test_restricted_scores_and_what_is_refused(data):  # noqa: F811
    frame, w = data[0]["whole"], data[1]["other"]
    regimes = sp.Regimes("region", rho=True)
    fit = fitted("sdm", frame, w, "twoway", "trips", regimes, method="reml")
    ml = fitted("sdm", frame, w, "twoway", "trips", regimes)
    assert fit.df_resid == N * T - N - T + 1 - len(fit._sample.names)
    assert not np.allclose(fit.rhos, ml.rhos, atol=1e-3)
    for options, code in (({"effects": "random"}, "E540"), ({"weights": sp.Sampling("people")}, "E540"),
                          ({"method": "aqs"}, "E540"), ({"serial": "ar1"}, "E540"),
                          ({"correction": "additive"}, "E540")):  # fmt: skip
        keys = {"effects": "twoway", "weights": "people", **options}
        with pytest.raises(sp.SpatialInputError, match=code):
            fitted("sar", frame, w, regimes=regimes, **keys)
    with pytest.raises(sp.SpatialInputError, match=r"E540.*change over time"):
        ml.with_vcov("robust")
    with pytest.raises(sp.SpatialInputError, match="E540"):
        sp.sar("y ~ a | id + t + region^t", frame, w, entity="id", time="t", obs_weights="people", regimes=regimes)
    assert ml.with_vcov("robust", pairs=False).std_errors.notna().all()
