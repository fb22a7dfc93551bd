"""Errors that are correlated over time: R's spreml, the dense likelihood, laws."""

import numpy as np
import pytest
from scipy.optimize import minimize

import spatial as sp
from spatial.solve.serial import serial_maximum
from spillover.errors import SpatialInputError

from .. import naive, naive_random
from .test_estimators import PANEL
from .test_random import random_panel
from .test_references import PRODUC, produc, reference  # noqa: F401  (a fixture)

KEYS = {"entity": "state", "time": "year"}
TERMS = {"(Intercept)": "Intercept", "lpcap": "log(pcap)", "lpc": "log(pc)", "lemp": "log(emp)", "unemp": "unemp",
         "rho": "lambda", "lambda_lag": "rho"}  # fmt: skip
CASES = [("ols", "none", None), ("sar", "none", None), ("sem", "none", None), ("sac", "none", None),
         ("ols", "random", None), ("sdm", "random", None), ("sem", "random", "kkp"), ("sem", "random", "baltagi"),
         ("sac", "random", "baltagi")]  # fmt: skip


def fit_serial(model, data, W, effects="random", error=None, **options):
    if error:
        options["random_error"] = error
    return getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=effects, serial="ar1", **options)


def twin(fit, error):
    """The dense likelihood of (beta, rho, lambda, sigma2, phi, psi), and where ours stopped."""
    d, random, serial = fit._design, fit._settings.random, fit._settings.serial
    lagged = np.einsum("ij,tjk->tik", d.weights.csr.toarray(), d.X[:, :, list(d.durbin)])
    X, T = np.concatenate([d.X, lagged], axis=2), d.n_periods
    W, M = d.weights.csr.toarray(), d.weights_of_error.csr.toarray()
    kind = error or ("kkp" if fit.specification.error else None)

    def loglik(x):
        *first, psi = x
        if random is None:
            first = [*first, 0.0]
        if abs(psi) >= 1:
            return -1e10
        kappa = np.log1p(T * first[-1]) if first[-1] > -1 / T else np.nan
        value = naive_random.loglik(np.array([*first[:-1], kappa]), d.y, X, W, M, lag=fit.specification.lag, error=kind,
                                    psi=psi)  # fmt: skip
        return value if np.isfinite(value) else -1e10

    return loglik, np.array([*fit.params, fit.sigma2, *([random.phi] if random else []), serial.psi])


@pytest.mark.parametrize(("model", "effects", "error"), CASES)
def test_maximum_and_covariance(model, effects, error):
    """The dense likelihood has our value at our point and none higher; its second derivatives give our covariance."""
    data, W = random_panel(4, N=14, T=5, phi=1.5)
    data = serially_correlated(data, 0.5)
    fit = fit_serial(model, data, W, effects, error)
    f, at = twin(fit, error)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-8)
    result = minimize(lambda x: -f(x), at * 1.02 + 0.004, method="BFGS", options={"gtol": 1e-6})
    assert -result.fun <= fit.loglik + 1e-7
    V, p = np.linalg.inv(naive.hessian(lambda x: -f(x), at)), len(fit.params)
    np.testing.assert_allclose(fit.vcov, V[:p, :p], rtol=5e-3, atol=5e-6)
    table = sp.variance_components(fit).set_index("term")
    assert table.at["sigma2_e", "std_error"] == pytest.approx(np.sqrt(V[p, p]), rel=3e-3)
    assert table.at["psi", "std_error"] == pytest.approx(np.sqrt(V[-1, -1]), rel=3e-3)
    if effects == "random":
        assert table.at["phi", "std_error"] == pytest.approx(np.sqrt(V[-2, -2]), rel=3e-3)
        J = np.array([at[-2], at[-3]])
        assert table.at["sigma2_mu", "std_error"] == pytest.approx(np.sqrt(J @ V[-3:-1, -3:-1] @ J), rel=3e-3)
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()


def serially_correlated(data, psi, seed=0):
    """y with a stationary AR(1) added unit by unit."""
    panel = data.sort_values(["t", "id"])
    T, N = panel["t"].nunique(), panel["id"].nunique()
    e = np.random.default_rng(seed).standard_normal((T, N))
    e[0] /= np.sqrt(1 - psi**2)
    for t in range(1, T):
        e[t] += psi * e[t - 1]
    return panel.assign(y=panel["y"] + 2 * e.ravel()).sample(frac=1, random_state=1)


@pytest.mark.parametrize(("case", "model"), [("sr", sp.ols), ("semsr", sp.sem)])
def test_pooled_is_spreml(produc, case, model):  # noqa: F811
    """Estimates, psi's standard error and the likelihood; splm's standard errors of beta hold psi and lambda fixed."""
    data, W, _ = produc
    want = reference(produc, f"splm/produc_spreml_{case}")
    fit = model(PRODUC, data, W, **KEYS, effects="none", serial="ar1")
    assert fit.loglik == pytest.approx(want["fit"]["logLik"], abs=1e-6)
    psi = sp.variance_components(fit).set_index("term").loc["psi"]
    assert psi["estimate"] == pytest.approx(want["estimates"]["psi"], rel=1e-7)
    assert psi["std_error"] == pytest.approx(want["se"]["psi"], rel=1e-5)
    for theirs, ours in TERMS.items():
        if theirs in want["estimates"]:
            assert abs(fit.params[ours] - want["estimates"][theirs]) < 1e-4 * fit.std_errors[ours], theirs


@pytest.mark.parametrize(("case", "model", "error"), [
    ("srre", sp.ols, None), ("semsrre", sp.sem, "baltagi"), ("sem2srre", sp.sem, "kkp"),
    ("semsrre_lag", sp.sac, "baltagi"),
])  # fmt: skip
def test_spreml_stops_short_of_the_maximum(produc, case, model, error):  # noqa: F811
    """The dense likelihood has splm's value at splm's estimates, and ours, which is higher, at ours."""
    data, W, _ = produc
    want = reference(produc, f"splm/produc_spreml_{case}")
    options = {"random_error": error} if error else {"method": "ml"}
    fit = model(PRODUC, data, W, **KEYS, effects="random", serial="ar1", **options)
    f, at = twin(fit, error)
    assert f(at) == pytest.approx(fit.loglik, abs=1e-6)
    theirs = dict(zip((*fit.params.index, "sigma2", "phi", "psi"), at))
    theirs |= {ours: want["estimates"][name] for name, ours in TERMS.items() if name in want["estimates"]}
    theirs |= {name: want["estimates"][name] for name in ("phi", "psi")}
    n = fit.nobs
    unit = np.array([*theirs.values()])
    unit[-3] = 1.0  # sigma2 = u'V^-1 u / n maximises what is left
    share = -2 * (f(unit) - f(np.array([*unit[:-3], 2.0, *unit[-2:]])))  # q / 2 - n ln 2
    unit[-3] = 2 * (share + n * np.log(2)) / n
    assert f(unit) == pytest.approx(want["fit"]["logLik"], abs=2e-5)
    assert fit.loglik > want["fit"]["logLik"] - 1e-7


def test_units_of_y_order_of_rows_and_a_constant_change_nothing():
    data, W = random_panel(2, N=12, T=5)
    data = serially_correlated(data, 0.4)
    fit = fit_serial("sdm", data, W)
    other = fit_serial("sdm", data.sample(frac=1, random_state=5).assign(y=1000 * data["y"] + 7), W)
    psi, again = (sp.variance_components(one).set_index("term").loc["psi"] for one in (fit, other))
    np.testing.assert_allclose(psi.astype(float), again.astype(float), rtol=1e-6)
    slopes = ["a", "b", "W:a", "W:b"]
    np.testing.assert_allclose(other.params[slopes], 1000 * fit.params[slopes], rtol=1e-6)
    assert other.rho == pytest.approx(fit.rho, abs=1e-7)
    assert other.std_errors["rho"] == pytest.approx(fit.std_errors["rho"], rel=1e-5)


def test_ratios_against_the_smaller_models():
    data, W = random_panel(3, N=15, T=6)
    data = serially_correlated(data, 0.6)
    pooled, random = (sp.sar("y ~ a + b", data, W, **PANEL, effects=e) for e in ("none", "random"))
    both, alone = fit_serial("sar", data, W), fit_serial("sar", data, W, "none")
    test = sp.lr_test(random, both)
    assert (test.df, test.null) == (1, "psi = 0: errors are not correlated over time")
    assert test.statistic == pytest.approx(2 * (both.loglik - random.loglik))
    assert sp.lr_test(pooled, alone).statistic == pytest.approx(2 * (alone.loglik - pooled.loglik))
    assert sp.lr_test(alone, both).null == "phi = 0: no unit effects"
    assert sp.lr_test(pooled, both).df == 2
    assert sp.lr_test(alone, fit_serial("sdm", data, W, "none")).df == 2
    for small, large in ((both, random), (alone, pooled), (both, alone)):
        with pytest.raises(SpatialInputError, match="E501"):
            sp.lr_test(small, large)
    assert both.aic == pytest.approx(2 * (len(both.params) + 3) - 2 * both.loglik)


def test_what_is_printed():
    data, W = random_panel(3, N=15, T=6)
    fit = fit_serial("sem", serially_correlated(data, 0.6), W, "random", "kkp")
    psi = sp.variance_components(fit).set_index("term").loc["psi"]
    assert f"psi {psi['estimate']:.4g} ({psi['std_error']:.3g})" in str(fit)
    assert "u = lambda M u + mu + nu (Kapoor" in str(fit)
    assert "by maximum likelihood" in str(fit_serial("ols", data, W, "none"))
    assert np.isnan(fit.r_squared.r2)


@pytest.mark.parametrize(("code", "options"), [
    ("E501", {"effects": "twoway", "correction": False}), ("E501", {"method": "gmm", "effects": "none"}),
    ("E501", {"lags": "y"}), ("E501", {"serial": "ar2"}), ("E715", {"vcov": "driscoll_kraay"}),
    ("E715", {"vcov": "eim"}),
])  # fmt: skip
def test_refused(code, options):
    data, W = random_panel(1)
    with pytest.raises(SpatialInputError) as caught:
        sp.sar("y ~ a + b", data, W, **PANEL, **{"effects": "random", "serial": "ar1", **options})
    assert caught.value.code == code
    assert caught.value.hint


def test_refused_with_these_data():
    data, W = random_panel(1)
    years = sorted(data["t"].unique())
    with pytest.raises(SpatialInputError, match="E206"):
        fit_serial("sar", data[data["t"].isin(years[:2])], W)
    with pytest.raises(SpatialInputError, match="E1"):
        fit_serial("sar", data.iloc[1:], W, missing="period")
    with pytest.raises(SpatialInputError, match="needs a panel"):
        sp.sar("y ~ a + b", data[data["t"] == years[0]].set_index("id"), W, serial="ar1")


@pytest.mark.parametrize("what", [
    sp.serial_correlation, sp.robust_hausman, sp.lm_tests, lambda fit: fit.with_vcov("jackknife"),
    lambda fit: sp.refit(fit, y=np.ones((1, 5, 12))),
    lambda fit: fit.predict(),
])  # fmt: skip
def test_what_a_fit_does_not_do(what):
    data, W = random_panel(1, T=5)
    fit = fit_serial("ols", data, W)
    with pytest.raises(SpatialInputError, match=r"serial|not there with"):
        what(fit)
    assert fit.predict(kind="trend").notna().all()


def test_a_psi_without_a_maximum_is_passed_over():
    """The others may have none far from the best psi; where they have none anywhere, the error says why."""

    def at(psi):
        if psi < 0 or psi > 0.95:
            raise SpatialInputError("E801", "no maximum here", hint="none")
        return -50 * (np.arctanh(psi) - 0.6) ** 2, np.array([2 * np.arctanh(psi)])

    serial = serial_maximum(at, 5)
    assert np.arctanh(serial.psi) == pytest.approx(0.6, abs=1e-7)
    assert (serial.curvature, serial.slopes[0]) == pytest.approx((100, 2), rel=1e-5)
    with pytest.raises(SpatialInputError, match="no maximum here"):
        serial_maximum(lambda psi: at(-1), 5)
