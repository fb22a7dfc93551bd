"""Outcomes that are not observed with several W, with regimes, and with rho by regime: against a dense law of all y."""

from dataclasses import fields

import numpy as np
import pytest

import spatial as sp
import weights as wt
from spatial.design.design import Design
from spatial.design.missing import MissingDesign
from spatial.design.missing_joint import MissingRegimeDesign, MissingSeveralDesign
from spatial.design.regimes import RegimeDesign
from spatial.design.several import SeveralDesign
from spatial.models.missing import fit_missing
from spillover.errors import SpatialInputError

from ..naive import hessian
from ..naive_missing import pairs_sandwich
from ..naive_unseen import Twin
from .test_missing import KEYS, _Reading, drawn


def panel(seed=4, n=18, T=4, share=0.2):
    """A frame with two regimes, two W, and what the twin needs of them."""
    frame, w, W, y, seen = drawn(seed=seed, n=n, T=T, share=share)
    frame["half"] = np.where(frame["id"] < f"u{n // 2:02d}", "north", "south")
    W2 = np.roll(np.roll(W, 5, axis=0), 5, axis=1)
    return frame, (w, wt.from_dense(W2, w.ids)), (W, W2), np.where(seen, y, 0.0), seen


def options_of(shape, weights):
    """The keywords of a shape, w among them."""
    w, other = weights
    return {"two W": {"w": [w, other]}, "own": {"w": w, "durbin": {"a": other}}, "regimes": {"w": w, "regimes": "half"},
            "rho": {"w": w, "regimes": sp.Regimes("half", rho=True)},
            "lam": {"w": w, "regimes": sp.Regimes("half", lam=True)},
            "both": {"w": w, "regimes": sp.Regimes("half", rho=True, lam=True)}}[shape]  # fmt: skip


def twin_of(fit, shape, matrices, y, seen, **changes):
    """The twin of a fit, its matrices written out."""
    T, N = seen.shape
    north = np.arange(N) < N // 2
    cut = [np.diag(members.astype(float)) @ matrices[0] for members in (north, ~north)]
    two = list(matrices) if shape == "two W" else [matrices[0]]
    W = cut if shape in ("rho", "both") else two
    M = cut if shape in ("lam", "both") else two
    spec, effects = fit.specification, fit._settings.effects
    stack = lambda chosen, there: [np.kron(np.eye(T), one) for one in chosen] if there else []  # noqa: E731
    keys = {"entity": effects.entity, "time": effects.time} | changes
    return Twin(y.ravel(), fit._sample.X, seen, stack(W, spec.lag), stack(M, spec.error), **keys)


CASES = [("sdm", "two W", "none"), ("sac", "two W", "twoway"), ("sdm", "own", "entity"), ("sdm", "regimes", "twoway"),
         ("sem", "regimes", "time"), ("sdm", "rho", "entity"), ("sem", "lam", "twoway"),
         ("sac", "both", "none")]  # fmt: skip


@pytest.mark.parametrize(("model", "shape", "effects"), CASES)
def test_the_maximum_is_that_of_the_dense_law(model, shape, effects):
    frame, weights, matrices, y, seen = panel()
    fit = getattr(sp, model)("y ~ a + b", frame, missing="model", effects=effects, **KEYS, **options_of(shape, weights))
    twin, at, k = twin_of(fit, shape, matrices, y, seen), fit._solution, len(fit._sample.names)
    theta = np.append(fit.params, np.log(at.sigma2))
    assert twin.loglik(theta) == pytest.approx(fit.loglik, abs=1e-8)
    V = np.linalg.inv(-hessian(twin.loglik, theta, 5e-4))
    gradient = [(twin.loglik(theta + h) - twin.loglik(theta - h)) / 2e-5 for h in 1e-5 * np.eye(len(theta))]
    assert np.abs(V @ gradient / np.sqrt(np.diag(V))).max() < 1e-4  # steps to the maximum in standard errors
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy() == pytest.approx(factor * V[:-1, :-1], rel=2e-3, abs=5e-6)
    mean, spread = twin.predicted(fit.params.to_numpy()[k:])
    table = fit.predict_missing()
    assert table["predicted"].to_numpy() == pytest.approx(ordered(mean, seen), abs=1e-7)
    J = at.slopes[fit._sample.problem.absent]
    own = factor * at.sigma2 * spread + np.einsum("ij,jk,ik->i", J, fit.vcov.to_numpy()[k:, k:], J)
    assert table["std_error"].to_numpy() == pytest.approx(np.sqrt(ordered(own, seen)), rel=1e-6)


def ordered(values, seen):
    """Values of what is missing, rows period by period, in the order of units and periods."""
    t, i = np.nonzero(~seen)
    return values[np.lexsort((t, i))]


@pytest.mark.parametrize(("model", "shape", "effects"), [("sdm", "rho", "twoway"), ("gns", "both", "time")])
def test_period_effects_that_rho_by_regime_turns_take_no_mean_into_the_score(model, shape, effects):
    frame, weights, matrices, y, seen = panel()
    fit = getattr(sp, model)("y ~ a + b", frame, missing="model", effects=effects, **KEYS, **options_of(shape, weights))
    twin = twin_of(fit, shape, matrices, y, seen, time=False, D=fit._sample.problem.absorbed)
    t = fit.params.to_numpy()[len(fit._sample.names) :]
    assert np.isnan(fit.loglik)
    slope = np.array([(twin.score(t + h) - twin.score(t - h)) / 2e-4 for h in 1e-4 * np.eye(len(t))])
    V = np.linalg.inv(-(slope + slope.T) / 2)
    assert np.abs(V @ twin.score(t) / np.sqrt(np.diag(V))).max() < 1e-4
    factor = fit._sample.n / (fit._sample.n - len(fit.params))
    assert fit.vcov.to_numpy()[-len(t) :, -len(t) :] == pytest.approx(factor * V, rel=3e-3)
    mean, _ = twin.predicted(t)
    assert fit.predict_missing()["predicted"].to_numpy() == pytest.approx(ordered(mean, seen), abs=1e-7)


@pytest.mark.parametrize(("model", "shape", "effects"), [("sdm", "own", "entity"), ("sac", "regimes", "twoway")])
def test_variances_by_groups_are_the_double_loop_where_rho_is_one(model, shape, effects):
    frame, weights, matrices, y, seen = panel(n=21, T=3)
    fit = getattr(sp, model)("y ~ a + b", frame, missing="model", effects=effects, **KEYS, **options_of(shape, weights))
    each = np.repeat(matrices[0][None], 3, axis=0)
    X = fit._sample.X.reshape(3, 21, -1)
    spec, by = fit.specification, fit._settings.effects
    keys = {"lag": spec.lag, "error": spec.error, "entity": by.entity, "time": by.time}
    want = 21 / 20 * pairs_sandwich(fit, y.reshape(3, 21), X, each, each, seen, np.tile(np.arange(21), 3), -0.5, **keys)
    np.testing.assert_allclose(fit.with_vcov("robust").vcov, want, rtol=1e-6, atol=1e-9)


def test_what_is_refused_names_the_two():
    frame, weights, *_ = panel()
    keys = {"missing": "model", "effects": "entity", **KEYS}
    for shape, name, what in (("two W", "robust", "several rho"), ("rho", "cluster", "several rho")):
        with pytest.raises(SpatialInputError, match=rf"E501.*missing='model' with {what}"):
            sp.sdm("y ~ a + b", frame, vcov=name, **keys, **options_of(shape, weights))
    with pytest.raises(SpatialInputError, match=r"E501.*sigma2 by regime"):
        sp.sar("y ~ a + b", frame, weights[0], regimes=sp.Regimes("half", sigma2=True), **keys)
    frame.loc[frame["id"] == "u03", "half"] = None
    with pytest.raises(SpatialInputError, match=r"E201.*has no regime"):
        sp.sar("y ~ a + b", frame, weights[0], regimes="half", **keys)


def test_one_rho_by_regimes_of_one_is_the_model_without():
    frame, (w, _), *_ = panel()
    keys = {"missing": "model", "effects": "entity", **KEYS}
    plain = sp.sdm("y ~ a + b", frame, w, **keys)
    one = sp.sdm("y ~ a + b", frame.assign(half="all"), w, regimes=sp.Regimes("half", rho=True), **keys)
    listed = sp.sdm("y ~ a + b", frame, [w], **keys)
    for other in (one, listed):
        assert other.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-8)
        assert other.loglik == pytest.approx(plain.loglik, abs=1e-9)


def complete(usual):
    """The same model of the same data by the likelihood of what is observed: all is."""
    d = usual._design
    own, seen = {one.name: getattr(d, one.name) for one in fields(Design)}, np.ones(d.y.shape, dtype=bool)
    if isinstance(d, RegimeDesign):
        whole = MissingRegimeDesign(**own, split=d.split, seen=seen)
    else:
        whole = (MissingSeveralDesign if isinstance(d, SeveralDesign) else MissingDesign)(**own, seen=seen)
    return fit_missing(_Reading(usual.specification, whole, usual._settings))


@pytest.mark.parametrize(("model", "shape", "effects"), [("sac", "two W", "twoway"), ("sdm", "own", "time"),
                                                         ("sdm", "regimes", "twoway"),
                                                         ("sdm", "rho", "twoway")])  # fmt: skip
def test_nothing_missing_is_the_usual_model(model, shape, effects):
    frame, weights, *_ = panel(seed=5, n=24, share=0.0)
    usual = getattr(sp, model)("y ~ a + b", frame, effects=effects, **KEYS, **options_of(shape, weights))
    fit = complete(usual)
    assert ((fit.params - usual.params).abs() / usual.std_errors).max() < 1e-6
    scale = np.outer(usual.std_errors, usual.std_errors)
    assert fit.vcov.to_numpy() / scale == pytest.approx(usual.vcov.to_numpy() / scale, abs=1e-3)
    assert fit.df_resid == usual.df_resid
    assert fit.sigma2 == pytest.approx(usual.sigma2, rel=1e-6)
    for kind in ("TS", "TC", "trend") if model == "sdm" else ("TS",):
        assert fit.predict(kind=kind).to_numpy() == pytest.approx(usual.predict(kind=kind).to_numpy(), abs=1e-6)
    left, right = fit.effects(method="delta").tidy(), usual.effects(method="delta").tidy()
    assert left["estimate"].to_numpy() == pytest.approx(right["estimate"].to_numpy(), abs=1e-6)
    assert left["std_error"].to_numpy() == pytest.approx(right["std_error"].to_numpy(), rel=1e-3)
