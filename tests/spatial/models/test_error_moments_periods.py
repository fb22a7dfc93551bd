"""Driscoll and Kraay's covariance of moments of a spatial error: a dense twin, laws, refusals."""

import numpy as np
import pytest

import spatial as sp
from spillover.errors import SpatialInputError

from .. import naive_moments
from .test_endogenous import IV, KEYS, columns, sample

pytestmark = pytest.mark.filterwarnings("ignore:rho = .* lies outside")
N, T = 12, 9


@pytest.fixture(scope="module")
def data():
    return sample(23, n=N, T=T, serial=True)


@pytest.mark.parametrize("lags", [0, 2])
@pytest.mark.parametrize(("model", "effects"), [("sem", "twoway"), ("sdem", "none"), ("sac", "entity"),
                                                ("gns", "time")])  # fmt: skip
def test_dense_twin(data, model, effects, lags):
    frame, W = data
    fit = getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **IV, effects=effects,
                             vcov=sp.DriscollKraay(lags=lags, kernel="bartlett"))  # fmt: skip
    has_lag, durbin = model in ("sac", "gns"), model in ("sdem", "gns")
    Z, exogenous, H, big = columns(frame, W, T, durbin, order=2 if has_lag else 1)
    y = frame["y"].to_numpy()
    if has_lag:
        slopes = Z[:, [j for j in range(1, Z.shape[1]) if exogenous[j]]]
        H = np.column_stack([H, big @ slopes, big @ big @ slopes])
        Z, exogenous = np.column_stack([Z, big @ y]), np.append(exogenous, False)
    keep = slice(0 if effects == "none" else 1, None)
    d, lam, V = naive_moments.error_by_moments(y, Z[:, keep], exogenous[keep], H, W.to_numpy(), T, effects, "cluster",
                                               lo=-1.5, lags=lags)  # fmt: skip
    np.testing.assert_allclose(fit.params, [*d, lam], rtol=1e-5)
    np.testing.assert_allclose(fit.vcov, V, rtol=1e-3, atol=1e-6 * np.abs(V).max())


@pytest.mark.parametrize("model", ["sem", "gns"])
def test_estimates_are_those_of_clusters(data, model):
    """Cosine series by hand; the covariance can be changed for that by unit, and back."""
    frame, W = data
    by_unit, by_period = (getattr(sp, model)("y ~ x + c", frame, W, **KEYS, **IV, vcov=vcov)
                          for vcov in ("cluster", "driscoll_kraay"))  # fmt: skip
    np.testing.assert_allclose(by_period.params, by_unit.params, rtol=1e-12)
    np.testing.assert_allclose(by_period.with_vcov("cluster").vcov, by_unit.vcov, rtol=1e-12)
    np.testing.assert_allclose(by_unit.with_vcov("driscoll_kraay").vcov, by_period.vcov, rtol=1e-12)
    h = by_period._solution.shares.reshape(T, N, -1).sum(axis=1)
    nu = int(by_period.df_resid)
    waves = np.cos(np.pi * np.arange(1, nu + 1)[:, None] * (np.arange(T) + 0.5) / T) * np.sqrt(2 / T) @ h
    np.testing.assert_allclose(by_period.vcov, T / nu * waves.T @ waves, rtol=1e-10)
    assert "Driscoll-Kraay" in by_period.summary()
    effects = by_period.effects(method="delta").tidy()
    np.testing.assert_allclose(effects["estimate"], by_unit.effects(method="delta").tidy()["estimate"], rtol=1e-10)


def test_shares_add_up_to_nothing(data):
    """Those of lambda are L m, which is zero where the weighted moments are least; of d nearly, at the last lambda."""
    frame, W = data
    fit = sp.sem("y ~ x", frame, W, **KEYS, method=sp.Moments(rounds="converged"), vcov="driscoll_kraay")
    shares = fit._solution.shares
    assert np.abs(shares.sum(axis=0)).max() < 1e-3 * np.abs(shares).sum(axis=0).min()


def test_gaps_without_unit_effects_and_sampling_weights(data, tmp_path):
    frame, W = data
    gaps = sp.sac("y ~ x + c", frame.drop([3, 17]), W, **KEYS, **IV, effects="time", missing="period",
                  vcov="driscoll_kraay")  # fmt: skip
    assert (gaps.std_errors > 0).all()
    weighted = sp.sem("y ~ x + c", frame.assign(people=1.0 + (frame["i"] == "u003")), W, **KEYS, **IV,
                      obs_weights=sp.Sampling("people"), vcov="driscoll_kraay")  # fmt: skip
    again = sp.load(sp.save(weighted, tmp_path / "fit") or tmp_path / "fit")
    np.testing.assert_allclose(again.std_errors, weighted.std_errors)


@pytest.mark.parametrize(("options", "message"), [
    ({"vcov": "classical"}, "other estimates"), ({"effects": "random", "vcov": "driscoll_kraay"}, "unit effects"),
    ({"missing": "period", "vcov": "driscoll_kraay"}, "one variance"), ({"vcov": sp.Cluster("i")}, "its own model"),
    ({"vcov": "scpc"}, "SCPC is for"),
])  # fmt: skip
def test_refused(data, options, message):
    frame, W = data
    frame = frame.drop([3]) if "missing" in options else frame
    with pytest.raises(SpatialInputError, match=message) as caught:
        sp.sem("y ~ x + c", frame, W, **KEYS, **IV, **options).with_vcov("driscoll_kraay")
    assert caught.value.code == "E501"
