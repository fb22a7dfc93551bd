"""Restricted scores beside errors that are correlated over time: dense scores over all rows filtered by P, laws."""

import numpy as np
import pytest

import spatial as sp

from .. import naive_adjusted as dense
from .test_adjusted_several import KEYS, N, T, data, system  # noqa: F401

SERIAL = {**KEYS, "method": "reml", "serial": "ar1"}


def filtered(psi, values):
    """P of the periods of rows (T N, ...)."""
    P = np.eye(T) - psi * np.eye(T, k=-1)
    P[0, 0] = np.sqrt(1 - psi**2)
    return np.kron(P, np.eye(N)) @ values


@pytest.mark.parametrize(("model", "w", "effects", "weights"), [
    ("sdm", "other", "twoway", None), ("sem", "one", "time", None), ("sac", "other", "entity", None),
    ("sar", "other", "none", None), ("sdm", "other", "entity", "people")])  # fmt: skip
def test_joint_scores_of_filtered_rows_are_zero(data, model, w, effects, weights):  # noqa: F811
    """Of rho and lambda, and the slope of the restricted likelihood by z = atanh(psi); their derivatives."""
    frame, w = data[0]["whole"], data[1][w]
    fit = getattr(sp, model)("y ~ a + b", frame, w, **SERIAL, effects=effects, obs_weights=weights)
    root = None if weights is None else np.sqrt(frame[weights].to_numpy())
    y, Z, k, lags, errors = system(fit, frame, w, effects, root)
    m = len(y) - Z.shape[1]

    def parts(z):
        return filtered(np.tanh(z), y), filtered(np.tanh(z), Z), lags, errors

    def level(psi, z):
        own = parts(z)
        _, B, _, e, _, _ = dense.parts(psi, *own)
        BZ = B @ own[1]
        return (-m / 2 * np.log(e @ e) - np.linalg.slogdet(BZ.T @ BZ)[1] / 2 + N / 2 * np.log(1 - np.tanh(z) ** 2))

    def scores(theta):
        psi, z = theta[:-1], theta[-1]
        slope = (level(psi, z + 1e-4) - level(psi, z - 1e-4)) / 2e-4
        return np.append(dense.restricted_scores(psi, *parts(z)), slope)

    serial = fit._settings.serial
    theta = np.append(fit.params.to_numpy()[k:], np.arctanh(serial.psi))
    np.testing.assert_allclose(scores(theta), 0, atol=2e-4)
    H = dense.slopes(scores, theta, step=1e-4)
    V = np.linalg.inv(-(H + H.T) / 2)
    np.testing.assert_allclose(fit.vcov.to_numpy()[k:, k:], V[:-1, :-1], rtol=2e-3, atol=1e-6)
    assert serial.variance == pytest.approx(V[-1, -1], rel=2e-3)
    by_z = V[:, -1] / V[-1, -1]
    np.testing.assert_allclose(serial.slopes[k:-1], by_z[:-1], rtol=5e-3, atol=2e-4)
    ends = (dense.parts(at[:-1], *parts(at[-1]))[3] for at in (theta + 1e-3 * by_z, theta - 1e-3 * by_z))
    above, below = (e @ e / m for e in ends)
    assert serial.slopes[-1] == pytest.approx((above - below) / 2e-3, rel=1e-2, abs=1e-4)
    _, _, _, e, _, delta = dense.parts(theta[:-1], *parts(theta[-1]))
    np.testing.assert_allclose(fit.params.to_numpy()[:k], delta[:k], atol=1e-5)
    assert fit.sigma2 == pytest.approx(e @ e / m, rel=1e-5)
    assert fit.df_resid == m
    assert fit._solution.resid @ fit._solution.resid == pytest.approx(e @ e, rel=1e-5)


@pytest.mark.parametrize("model", ["sdm", "sem", "sar"])
def test_variances_scale_with_the_square_of_y(data, model):  # noqa: F811
    frame, w = data[0]["whole"], data[1]["other"]
    here, there = (sp.variance_components(getattr(sp, model)(f"{y} ~ a + b", frame.assign(ten=10 * frame["y"]), w,
                                                             **SERIAL, effects="twoway")).set_index("term")
                   for y in ("y", "ten"))  # fmt: skip
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        assert there.loc["sigma2_e", column] == pytest.approx(100 * here.loc["sigma2_e", column], rel=1e-4)
        assert there.loc["psi", column] == pytest.approx(here.loc["psi", column], rel=1e-4)


def test_what_follows_and_what_is_refused(data):  # noqa: F811
    frame, w = data[0]["whole"], data[1]["other"]
    fit, ml = (sp.sdm("y ~ a + b", frame, w, **{**SERIAL, "method": method}, effects="twoway")
               for method in ("reml", "ml"))  # fmt: skip
    assert fit.effects().tidy()["estimate"].to_numpy() == pytest.approx(ml.effects().tidy()["estimate"], abs=1.0)
    assert "restricted" in str(fit.summary())
    assert "psi" in str(fit.summary())
    np.testing.assert_allclose(fit.predict(kind="trend"), ml.predict(kind="trend"), atol=1.0)
    with pytest.raises(sp.SpatialInputError, match="E501"):
        fit.with_vcov("robust")
    two = sp.Regimes("region", rho=True)
    for changed, code in (({"method": "aqs"}, "E501.*leave serial= out"), ({"effects": "random"}, "E501"),
                          ({"regimes": two}, "E501.*one rho"), ({"obs_weights": "trips"}, "E540"),
                          ({"w": data[1]["two"]}, "E501"), ({"w": data[1]["moving"]}, "E320"),
                          ({"data": data[0]["gaps"], "effects": "none"}, "E109")):  # fmt: skip
        options = {"data": frame, "w": w, "effects": "entity", **SERIAL, **changed}
        with pytest.raises(sp.SpatialInputError, match=rf"(?s){code}"):
            sp.sar("y ~ a + b", options.pop("data"), options.pop("w"), **options)
