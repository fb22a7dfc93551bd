"""Refits of dynamic models, of several W and with regimes: every replicate is a fit of its own data."""

import numpy as np
import pandas as pd
import pytest

import spatial as sp
import weights as wt
from spillover.errors import SpatialInputError

from .test_estimators import PANEL, random_weights
from .test_regimes import drawn as drawn_by_regime
from .test_several import drawn

N, T = 14, 6
SPATIAL = sp.Regimes("region", rho=True, sigma2=True)
MODELS = {
    "dynamic": ("sdm", {"lags": "both", "effects": "entity"}),
    "dynamic, two-way": ("sar", {"lags": "Wy", "effects": "twoway"}),
    "dynamic error": ("sem", {"lags": "y", "effects": "entity"}),
    "dynamic regression": ("slx", {"lags": "y", "effects": "twoway"}),
    "coefficients by regime": ("sdm", {"regimes": "region", "effects": "twoway"}),
    "rho by regime": ("sdm", {"regimes": SPATIAL, "effects": "entity"}),
    "random effects by regime": ("sar", {"regimes": "region", "effects": "random"}),
    "two W": ("sdm", {"effects": "twoway"}),
    "two W of regressors": ("slx", {"effects": "none"}),
    "two W by regime": ("sdm", {"regimes": "region", "effects": "twoway"}),
    "two W, rho by regime": ("sar", {"regimes": SPATIAL, "effects": "entity"}),
    "W^2 X by regime": ("sdm", {"regimes": "region", "effects": "twoway", "wx_order": 2}),
}


def data(name, seed=4):
    if name.startswith("two W"):
        frame, weights, *_ = drawn(seed, n=N, T=T)
        return frame.assign(region=np.where(frame["id"].str[1:].astype(int) % 2, "south", "east")), weights
    frame, w, *_ = drawn_by_regime(seed, n=N, T=T, rho=(0.4, 0.1))
    return frame, w


def fitted(name, frame, w, **more):
    model, options = MODELS[name]
    return getattr(sp, model)("y ~ a + b", frame, w, **PANEL, **options, **more)


def others(frame, R, column, seed=0):
    """R replicates of a column, (R, T, N), and their frames."""
    rng = np.random.default_rng(seed)
    own = frame[column].to_numpy()
    values = own + rng.standard_normal((R, len(own)))
    return values.reshape(R, T, N), [frame.assign(**{column: v}) for v in values]


def same(refits, r, fit, effects=True):
    assert refits.params[r] == pytest.approx(fit.params.to_numpy(), rel=1e-6, abs=1e-7)
    assert refits.loglik[r] == pytest.approx(fit.loglik, rel=1e-8)
    assert refits.sigma2[r] == pytest.approx(fit.sigma2, rel=1e-6)
    if refits.std_errors is not None:
        assert refits.std_errors[r] == pytest.approx(fit.std_errors.to_numpy(), rel=1e-5)
    if effects:
        own = fit.effects(method="delta")
        own = own.short_run if fit._design.lags else own
        assert refits.responses[r] == pytest.approx(own.estimates, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_other_responses(name):
    """In a dynamic model the first period is the starting value: it stays."""
    frame, w = data(name)
    lags, random = "lags" in MODELS[name][1], name.startswith("random")
    y, frames = others(frame, 2, "y")
    if lags:
        y = y[:, 1:]
        frames = [f.assign(y=f["y"].where(f["t"] > 0, frame["y"])) for f in frames]
    fit = fitted(name, frame, w)
    refits = sp.refit(fit, y=y, std_errors=not random, effects=True)
    assert not refits.failed
    for r, each in enumerate(frames):
        same(refits, r, fitted(name, each, w))


@pytest.mark.parametrize("name", ["dynamic", "coefficients by regime", "rho by regime", "two W", "two W by regime",
                                  "two W, rho by regime", "W^2 X by regime"])  # fmt: skip
def test_other_regressors_and_places(name):
    frame, w = data(name)
    lags = "lags" in MODELS[name][1]
    fit = fitted(name, frame, w)
    x, frames = others(frame, 2, "a")
    refits = sp.refit(fit, x={"a": x[:, 1:] if lags else x}, effects=True)
    for r, each in enumerate(frames):
        same(refits, r, fitted(name, each, w))
    rng = np.random.default_rng(1)
    places = [rng.permutation(N) for _ in range(2)]
    refits = sp.refit(fit, relabel=places, std_errors=True, effects=True)
    ids = np.array(fit.units)
    for r, order in enumerate(places):  # the unit at order[i] takes the place of unit i
        moved = frame.assign(id=frame["id"].map(dict(zip(ids[order], ids))))
        same(refits, r, fitted(name, moved, w))


@pytest.mark.parametrize("name", ["dynamic", "coefficients by regime", "rho by regime"])
def test_other_weights(name):
    frame, w = data(name)
    fit = fitted(name, frame, w)
    rng = np.random.default_rng(2)
    weights = [wt.from_dense(random_weights(rng, N), list(fit.units)) for _ in range(2)]
    refits = sp.refit(fit, w=weights, std_errors=True, effects=True)
    for r, each in enumerate(weights):
        same(refits, r, fitted(name, frame, each))
    only = sp.refit(fit, w=weights)
    assert only.params == pytest.approx(refits.params, rel=1e-7)


def test_w_that_varies_lags_the_past_of_its_own_period():
    frame, w = data("dynamic")
    rng = np.random.default_rng(3)
    moving = wt.temporal({t: wt.from_dense(random_weights(rng, N), list(w.ids)) for t in range(T)})
    fit = sp.sar("y ~ a + b", frame, moving, **PANEL, lags="both", effects="entity")
    y, frames = others(frame, 1, "y")
    refits = sp.refit(fit, y=y[:, 1:])
    each = frames[0].assign(y=frames[0]["y"].where(frame["t"] > 0, frame["y"]))
    same(refits, 0, sp.sar("y ~ a + b", each, moving, **PANEL, lags="both", effects="entity"), effects=False)
    with pytest.raises(SpatialInputError, match=r"E525.*first period"):
        sp.refit(fit, relabel=[np.arange(N)])


def test_what_is_refused():
    frame, weights = data("two W")
    with pytest.raises(SpatialInputError, match=r"E525.*several W"):
        sp.refit(fitted("two W", frame, weights), w=[weights])
    own = sp.sar("y ~ a + lag(y)", frame, weights[0], **PANEL, effects="entity")
    with pytest.raises(SpatialInputError, match=r"E525.*of the formula"):
        sp.refit(own, y=np.ones((1, T - 1, N)))
    frame, w = data("coefficients by regime")
    with pytest.raises(SpatialInputError, match="E502") as error:
        sp.refit(fitted("coefficients by regime", frame, w), x={"east: a": np.ones((1, T, N))})
    assert "['a', 'b']" in error.value.hint
    assert isinstance(sp.refit(fitted("two W", *data("two W")), y=others(frame, 1, "y")[0]).tidy(), pd.DataFrame)
