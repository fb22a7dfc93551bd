"""Errors that are correlated over time, with weights of observations: e_it = v_it / sqrt(w_it), v an AR(1)."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_composed
from .test_composed import PANEL, check, drawn

CASES = [("sdm", "none", "fixed", None), ("gns", "none", "moving", None), ("sar", "entity", "fixed", None),
         ("sem", "time", "fixed", None), ("sac", "twoway", "fixed", None), ("sdm", "random", "fixed", None),
         ("sem", "random", "moving", None), ("sac", "random", "fixed", "baltagi"), ("slx", "random", "moving", None),
         ("sar", "correlated", "fixed", None)]  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    """A column ``fixed`` of weights that units have in all periods, and ``moving``, of their own in each."""
    frame, (w, _) = drawn(seed=3, phi=2.0)
    rng = np.random.default_rng(2)
    own = pd.Series(rng.uniform(0.5, 3, size=14), index=frame["id"].unique())
    return frame.assign(fixed=own[frame["id"]].to_numpy(), moving=rng.uniform(0.5, 3, size=len(frame))), w


def fitted(sample, model, effects, column, error=None, **options):
    if error is not None:
        options["random_error"] = error
    frame, w = sample
    return getattr(sp, model)("y ~ a + b", frame, w, **{**PANEL, "effects": effects, "serial": "ar1",
                                                         "obs_weights": column, **options})  # fmt: skip


@pytest.mark.parametrize(("model", "effects", "column", "error"), CASES)
def test_maximum_and_covariance(sample, model, effects, column, error):
    fit = fitted(sample, model, effects, column, error)
    check(fit, naive_composed.of_one_w(fit), highest=len(fit.params) < 8)


def test_gaps(sample):
    frame, w = sample
    fit = fitted((frame.drop([3, 4, 20, 37, 55]), w), "sar", "none", "moving", missing="period")
    check(fit, naive_composed.of_one_w(fit), highest=False)


@pytest.mark.parametrize(("model", "effects"), [("sdm", "none"), ("sac", "twoway"), ("sem", "random")])
def test_equal_weights_are_none(sample, model, effects):
    """Estimates, and every covariance; sigma2 is that at w = 1."""
    frame, w = sample
    one, none = (fitted((frame.assign(one=3.0), w), model, effects, column) for column in ("one", None))
    for of in (lambda f: f.params, lambda f: f.std_errors, lambda f: f.with_vcov("robust").std_errors,
               lambda f: f.with_vcov("cluster").std_errors, lambda f: f.with_vcov(sp.Robust(pairs=False)).std_errors):
        np.testing.assert_allclose(of(one).to_numpy(), of(none).to_numpy(), rtol=1e-6)
    assert one.sigma2 == pytest.approx(3 * none.sigma2, rel=1e-6)
    assert one.loglik == pytest.approx(none.loglik, abs=1e-8)


@pytest.mark.parametrize(("model", "effects", "column"), [("sdm", "random", "fixed"), ("sar", "entity", "fixed"),
                                                          ("sem", "random", "moving"), ("sar", "none", "moving")])
def test_scores_of_psi_and_kappa(sample, model, effects, column):
    """They add up to zero at the maximum, and by unit to the slopes of the unit's share of the dense likelihood."""
    from spatial.covariance.random import by_random_ml, kappa_scores
    from spatial.covariance.serial import psi_scores

    fit = fitted(sample, model, effects, column)
    scores = [psi_scores(fit)]
    if by_random_ml(fit):
        scores.append(kappa_scores(fit, fit._solution.resid))
    for score in scores:
        assert abs(score.sum()) < 1e-4 * np.abs(score).sum()
    if model != "sem":
        return
    twin, N = naive_composed.of_one_w(fit), 14

    def by_unit(psi, phi):
        theta = twin.at.copy()
        theta[-2:] = phi, psi
        r, Omega, _ = twin.rows(theta)
        B = np.kron(np.eye(5), np.eye(N) - theta[twin.parts[0]] * twin.errors[0][0])
        u, V = (B @ r).reshape(5, N), B @ Omega @ B.T
        parts = [V[i::N, i::N] for i in range(N)]
        return np.array([-(np.linalg.slogdet(v)[1] + u[:, i] @ np.linalg.solve(v, u[:, i])) / 2
                         for i, v in enumerate(parts)])  # fmt: skip

    random, psi = fit._settings.random, fit._settings.serial.psi
    units = np.tile(np.arange(N), 5)
    step, kappa = 1e-5, np.log1p(random.d2 * random.phi)
    phis = [np.expm1(kappa + move) / random.d2 for move in (step, -step)]
    slope = (by_unit(psi, phis[0]) - by_unit(psi, phis[1])) / (2 * step)
    np.testing.assert_allclose(np.bincount(units, scores[1]), slope, atol=1e-5)


def test_effects_and_predictions_are_there(sample):
    fit = fitted(sample, "sdm", "random", "fixed")
    assert np.isfinite(fit.effects().tidy()["std_error"]).all()
    assert "psi" in str(fit)
    assert "fixed (analytic)" in str(fit)
    assert fit.predict(kind="TC").notna().all()
    assert (fit.with_vcov("robust").std_errors > 0).all()


def test_what_has_no_likelihood_is_refused(sample):
    for words, effects, column, error in (
        ("change over time", "entity", "moving", None), ("change over time", "time", "moving", None),
        ("change over time", "random", "moving", "baltagi"), ("sampling weights", "none", sp.Sampling("fixed"), None),
    ):  # fmt: skip
        with pytest.raises(SpatialInputError, match=words) as refused:
            fitted(sample, "sem", effects, column, error)
        assert refused.value.code == "E540"
    with pytest.raises(SpatialInputError, match="by pairs"):
        fitted(sample, "sem", "none", "moving").with_vcov("robust")
