"""After few-row fits slopes, predictions, combinations and what-ifs have the ratios of likelihoods of the fit."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import t as student

import shapefiles
import spatial as sp
import weights as wt
from spatial.effects.few_rows import by_default

COLUMBUS = shapefiles.load("columbus")
W = wt.queen(COLUMBUS).standardize("row")
MODELS = {name: getattr(sp, name) for name in ("sar", "sem", "sdm", "sdem", "sac")}
NUMBERS = ["estimate", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module", params=MODELS)
def fit(request):
    fit = MODELS[request.param]("CRIME ~ INC + HOVAL", COLUMBUS, W)
    assert by_default(fit)
    return fit


def test_lincom_of_a_parameter_is_its_row(fit):
    """Both by the same surfaces; rho and lambda too."""
    table = fit.tidy().set_index("term")
    own = sp.lincom(fit, {name: name for name in fit.params.index}).tidy().set_index("term")
    pd.testing.assert_frame_equal(own.loc[table.index, ["std_error", *NUMBERS]], table[["std_error", *NUMBERS]])
    turned = sp.lincom(fit, {name: f"-2 * `{name}`" for name in fit.params.index}).tidy().set_index("term")
    np.testing.assert_allclose(turned["conf_low"], -2 * table["conf_high"], rtol=1e-6)
    np.testing.assert_allclose(turned["p_value"], table["p_value"], rtol=1e-6)


def test_slopes_of_a_linear_term_are_its_effects(fit):
    effects = fit.effects().tidy().query("term == 'INC'")
    slopes = sp.slopes(fit, "INC").tidy()
    clear = np.isfinite(slopes["statistic"].to_numpy(dtype=float))
    for name in NUMBERS:
        a, b = effects[name].to_numpy(dtype=float)[clear], slopes[name].to_numpy(dtype=float)[clear]
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=2e-4)


def test_what_if_of_one_more_everywhere_is_the_total_effect(fit):
    """W's rows sum to one: every unit gains the total effect."""
    total = fit.effects().tidy().query("term == 'INC' and effect == 'total'").iloc[0]
    table = sp.what_if(fit, "INC", change=1.0).table
    for name in NUMBERS:
        np.testing.assert_allclose(table[name], total[name], atol=2e-4, rtol=2e-4)
    step = sp.predictions(fit, at={"INC": [10, 11]}).differences().iloc[0]
    for name in NUMBERS:
        np.testing.assert_allclose(step[name], total[name], atol=3e-4, rtol=3e-4)


def test_p_interval_and_level_agree(fit):
    """p <= 1 - level exactly where the interval excludes zero."""
    for level in (0.8, 0.9, 0.99):
        levels = sp.predictions(fit, at={"INC": [0, 30]}, level=level)
        tables = [sp.slopes(fit, "INC", level=level).tidy(), levels.tidy(), levels.differences(),
                  fit.effects(level=level).tidy(),
                  sp.lincom(fit, {"a": "INC - HOVAL", "b": "INC + HOVAL"}, level=level).tidy()]  # fmt: skip
        for table in tables:
            table = table[table["statistic"].notna()]
            outside = (table["conf_low"] > 0) | (table["conf_high"] < 0)
            assert (outside == (table["p_value"] <= 1 - level)).all()


def test_a_long_run_multiplier_of_row_standardised_weights_is_the_total_effect():
    """(x + W:x) / (1 - rho) is linear in the coefficients given rho."""
    fit = sp.sdm("CRIME ~ INC + HOVAL", COLUMBUS, W)
    total = fit.effects().tidy().query("term == 'INC' and effect == 'total'").iloc[0]
    row = sp.nlcom(fit, "(INC + W:INC) / (1 - rho)").tidy().iloc[0]
    for name in NUMBERS:
        assert row[name] == pytest.approx(total[name], rel=1e-4), name
    product = sp.nlcom(fit, "INC * HOVAL")  # not linear given rho: the delta method, and it says so
    assert product.ratios is None
    assert "shorter" in str(product)


def test_the_ratio_is_the_constrained_maximum_of_a_dense_twin():
    """-2 (max given INC - HOVAL = d less the maximum) = t^2 n / (n - p) at both ends of the profile's interval."""
    fit = sp.sar("CRIME ~ INC + HOVAL", COLUMBUS, W)
    w, n, p = W.csr.toarray(), 49, 4
    y, X = COLUMBUS["CRIME"].to_numpy(), np.column_stack([np.ones(n), COLUMBUS["INC"], COLUMBUS["HOVAL"]])
    eye = np.eye(n)

    def loglik(rho, fixed=None):
        left, Z = y - rho * w @ y, X
        if fixed is not None:  # INC = HOVAL + d
            left, Z = left - fixed * X[:, 1], np.column_stack([X[:, 0], X[:, 1] + X[:, 2]])
        e = left - Z @ np.linalg.lstsq(Z, left, rcond=None)[0]
        return np.linalg.slogdet(eye - rho * w)[1] - n / 2 * np.log(e @ e)

    def top(fixed=None):
        result = minimize(lambda r: -loglik(r[0], fixed), [fit.rho], method="Nelder-Mead",
                          options={"xatol": 1e-9, "fatol": 1e-10})  # fmt: skip
        return -result.fun

    best = top()
    from spatial.effects.likelihood import ratios_of

    profile = ratios_of(fit).surfaces[0]
    sums = ratios_of(fit).sums(np.array([[0.0, 1.0, -1.0, 0.0]]), np.zeros(1))
    bound = float(student.ppf(0.975, n - p)) ** 2
    low, high = profile.interval(sums, bound)
    for end in (low[0], high[0]):
        assert 2 * (best - top(end)) * (n - p) / n == pytest.approx(bound, rel=1e-3)


def test_groups_are_compared_by_the_same_ratios(fit):
    by = sp.contrasts(fit, "INC", [10, 20, 30])
    row = by.differences().query("effect == 'total'").iloc[0]
    assert by.test("total").p_value == pytest.approx(row["p_value"], rel=1e-9)


def test_many_rows_keep_the_exact_law():
    rng = np.random.default_rng(1)
    n = 400
    w = wt.knn(pd.DataFrame(rng.random((n, 2)), columns=["x", "y"]), k=5, metric="planar").standardize("row")
    data = pd.DataFrame({"x": rng.standard_normal(n), "y": rng.standard_normal(n)}, index=w.ids)
    fit = sp.sar("y ~ x", data, w)
    assert not by_default(fit)
    exact = fit.effects(method="quadrature").tidy()
    np.testing.assert_allclose(sp.slopes(fit, "x").tidy()["conf_low"], exact["conf_low"], rtol=1e-4, atol=1e-6)
    assert sp.lincom(fit, "x").ratios is None
