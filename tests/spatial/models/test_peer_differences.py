"""Where a peer's number differs from ours on purpose: both are recomputed from the formulas that differ."""

import json
from pathlib import Path

import numpy as np
import pytest

import shapefiles
import spatial as sp
import weights as wt

THEIRS = json.loads((Path(__file__).parents[2] / "reference/peers/columbus.json").read_text())
FORMULA = "CRIME ~ INC + HOVAL"


@pytest.fixture(scope="module")
def columbus():
    data = shapefiles.load("columbus")
    return data, wt.queen(data).standardize("row")


@pytest.fixture(scope="module")
def arrays(columbus):
    data, w = columbus
    return data["CRIME"].to_numpy(float), data[["INC", "HOVAL"]].to_numpy(float), w.csr.toarray()


def n_r2(y, X):
    Z = np.column_stack([np.ones(len(y)), X])
    e = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    return len(y) * (1 - e @ e / np.sum((y - y.mean()) ** 2))


def test_breusch_pagan_is_on_the_regressors_and_not_on_their_squares(columbus, arrays):
    y, X, _ = arrays
    fit = sp.ols(FORMULA, *columbus)
    squares = (y - np.column_stack([np.ones(len(y)), X]) @ fit.params.to_numpy()) ** 2
    statistic = sp.breusch_pagan(fit).statistic
    assert statistic == pytest.approx(n_r2(squares, X), rel=1e-9)
    assert statistic == pytest.approx(THEIRS["breusch_pagan"]["ours"], abs=5e-5)
    assert n_r2(squares, X**2) == pytest.approx(THEIRS["breusch_pagan"]["spreg Koenker-Bassett (on X^2)"], rel=1e-9)


def test_criteria_count_every_parameter(columbus):
    for model, missing in ((sp.ols, 1), (sp.sem, 2)):
        fit = model(FORMULA, *columbus)
        theirs = THEIRS["aic"]["spreg OLS" if model is sp.ols else "spreg ML_Error"]
        assert fit.aic - theirs == pytest.approx(2 * missing, abs=1e-4)


def test_moments_of_an_error_model(columbus):
    fit = sp.sem(FORMULA, *columbus, method="gmm", correction=False)
    np.testing.assert_allclose(fit.std_errors.iloc[:3], THEIRS["gm_error"]["GMerrorsar se"], rtol=1e-5)
    assert (fit.std_errors.iloc[:3] > THEIRS["gm_error"]["spreg GM_Error se"]).all()


def test_robust_moments_of_an_error_model_share_coefficients(columbus):
    """beta is that of the first round, where the two still agree; lambda's weight is what differs."""
    fit = sp.sem(FORMULA, *columbus, method="gmm", vcov="robust")
    np.testing.assert_allclose(fit.params.iloc[:3], THEIRS["gm_error_het"]["spreg beta"], rtol=1e-6)
    assert abs(fit.lam - THEIRS["gm_error_het"]["spreg GM_Error_Het lambda"]) > 0.01


def test_lambda_by_moments_lies_where_the_model_exists(columbus, arrays):
    """Kelejian & Prucha's (1999) objective, written out densely, at both answers; beyond 1 / 6.12 there is no model."""
    data, _ = columbus
    y, X, _ = arrays
    w = wt.queen(data)
    M, Z = w.csr.toarray(), np.column_stack([np.ones(len(y)), X])
    u = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
    want = THEIRS["gm_error_binary"]

    def objective(lam):
        e = u - lam * M @ u
        moments = np.array([e @ e, (M @ e) @ (M @ e), e @ M @ e]) / len(y)
        trace = np.trace(M.T @ M) / len(y)
        share = np.array([1, trace, 0])
        return np.sum((moments - share * (share @ moments) / (share @ share)) ** 2)

    lam = sp.sem(FORMULA, data, w, method="gmm").lam
    edge = 1 / np.linalg.eigvalsh(M).max()
    grid = np.linspace(0, edge, 400, endpoint=False)
    assert lam == pytest.approx(want["ours lambda"], abs=5e-5)
    assert abs(lam - grid[np.argmin([objective(one) for one in grid])]) < 2 * edge / 400
    assert objective(lam) < objective(want["GMerrorsar lambda"])
    assert want["GMerrorsar lambda"] > edge


def test_hausman_of_an_error_model(columbus):
    statistic = sp.spatial_hausman(sp.sem(FORMULA, *columbus)).statistic
    assert statistic == pytest.approx(THEIRS["hausman"]["dense formula"], abs=5e-5)


@pytest.mark.parametrize(("correction", "name"), [(True, "sac, by n - k"), (False, "sac, by n")])
def test_divisor_of_moments(columbus, correction, name):
    fit = sp.sac(FORMULA, *columbus, method="gmm", correction=correction)
    assert fit.std_errors["rho"] == pytest.approx(THEIRS["se_rho"][name], abs=5e-5)
    assert fit.std_errors["lambda"] > 0


def test_instruments_under_weights_that_are_not_row_standardised(columbus, arrays):
    """Two-stage least squares with W 1 and W^2 1 among the instruments, W 1 no regressor."""
    data, _ = columbus
    y, X, _ = arrays
    w = wt.queen(data)
    W, Z = w.csr.toarray(), np.column_stack([np.ones(len(y)), X])
    H = np.column_stack([Z, W @ Z, W @ W @ Z])
    R = np.column_stack([Z, W @ y])
    P = H @ np.linalg.pinv(H)
    want = np.linalg.solve(R.T @ P @ R, R.T @ P @ y)
    fit = sp.sar(FORMULA, data, w, method="gmm", durbin=[])
    np.testing.assert_allclose(fit.params, want, rtol=1e-7)
